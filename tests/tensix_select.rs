//! Selections on Tensix cores: emitted kernels run in the emulator, and what they select is
//! compared, bit by bit, with a sort of whole rows that is written here.
//!
//! Keys are made as bits, since what matters lies there: neighbors one ulp apart, subnormal
//! numbers, signed zeros, infinities, NaN of both signs, and rows of few different keys.

#[allow(dead_code, reason = "other tests draw their inputs")]
#[path = "support/tensix.rs"]
mod tensix;

use tilec_ir::dataflow::Program;
use tilec_ir::{Array, Data, Element, Module};
use tilec_target::{Chip, chip};

const CHIPS: [&str; 2] = ["wormhole_n150", "blackhole_p150"];

const TOP: &str =
    "kernel top[M, N, S](x: ELEMENT[M, N]) -> (value: ELEMENT[M, S], index: idx<N>[M, S])
where S <= N
{
    index[m, s] = argsort[n ORDER](x[m, n])[s]
    value[m, s] = ELEMENT(x[m, index[m, s]])
}";

/// A type of keys: its name, bits, and the magnitude of infinity (0 of integers).
#[derive(Clone, Copy, Debug)]
struct Keys(&'static str, Element, u32);

const F32: Keys = Keys("f32", Element::F32, 0x7f80_0000);
const BF16: Keys = Keys("bf16", Element::Bf16, 0x7f80);
const F16: Keys = Keys("f16", Element::F16, 0x7c00);
const I32: Keys = Keys("i32", Element::I32, 0);

impl Keys {
    fn bits(self) -> u32 {
        8 * u32::try_from(self.1.bytes()).expect("a few")
    }

    fn sign(self) -> u32 {
        1 << (self.bits() - 1)
    }

    fn mask(self) -> u32 {
        u32::MAX >> (32 - self.bits())
    }

    /// The number that bits stand for; `None` is NaN.
    fn value(self, bits: u32) -> Option<i64> {
        if self.2 == 0 {
            return Some(i64::from(bits.cast_signed()));
        }
        let magnitude = bits & (self.sign() - 1);
        // Magnitudes of one format order as what they stand for.
        let signed = if bits & self.sign() == 0 { 1 } else { -1 } * i64::from(magnitude);
        (magnitude <= self.2).then_some(signed)
    }

    fn array(self, shape: &[usize], bits: &[u32]) -> Array {
        let data = match self.1 {
            Element::F32 => Data::F32(bits.iter().map(|&bits| f32::from_bits(bits)).collect()),
            Element::I32 => Data::I32(bits.iter().map(|&bits| bits.cast_signed()).collect()),
            Element::Bf16
            | Element::F16
            | Element::F8E4M3
            | Element::F8E5M2
            | Element::I8
            | Element::U8
            | Element::Bool => Data::B16(bits.iter().map(|&bits| bits as u16).collect()),
        };
        Array { element: self.1, shape: shape.to_vec(), data }
    }
}

fn bits_of(array: &Array) -> Vec<u32> {
    match &array.data {
        Data::F32(x) => x.iter().map(|x| x.to_bits()).collect(),
        Data::I32(x) => x.iter().map(|x| x.cast_unsigned()).collect(),
        Data::B16(x) => x.iter().map(|&x| x.into()).collect(),
        Data::B8(x) => x.iter().map(|&x| x.into()).collect(),
    }
}

/// Numbers that look random.
fn noise(seed: u64) -> impl FnMut() -> u32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }
}

/// Row `m` of `n` keys, of a kind that its number tells.
fn row(keys: Keys, m: usize, n: usize, seed: u64) -> Vec<u32> {
    let mut next = noise(seed + 1000 * m as u64 + 1);
    let (sign, mask, infinity) = (keys.sign(), keys.mask(), keys.2);
    let special = [0, sign, 1, sign | 1, infinity, sign | infinity, infinity + 1, mask, 2, 3];
    let random = |next: &mut dyn FnMut() -> u32| next() & mask;
    (0..n)
        .map(|at| match m % 8 {
            0 => random(&mut next),
            1 => 5,
            2 => special[next() as usize % special.len()],
            3 => [7, 9][next() as usize % 2],
            4 => (infinity / 2).wrapping_add(next() % 8) & mask,
            5 => [infinity + 1, mask][next() as usize % 2] | (u32::from(at % 7 == 3) * sign),
            6 => (at as u32 * 3 + 1) & mask & !sign,
            _ => ((n - at) as u32 * 3 + 1) & mask & !sign,
        })
        .collect()
}

/// The places of a row in the language's order.
fn sorted(keys: Keys, row: &[u32], descending: bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..row.len()).collect();
    let rank = |&at: &usize| match keys.value(row[at]) {
        None => (1, 0),
        Some(value) => (0, if descending { -value } else { value }),
    };
    places.sort_by_key(rank);
    places
}

fn module(text: &str) -> Module {
    let checked = tilec_frontend::check(text);
    assert!(!checked.module.kernels.is_empty(), "{:?}", checked.diagnostics);
    checked.module
}

/// Selects the first S of M rows of N keys, and compares values and indices.
fn select(keys: Keys, descending: bool, chip: &Chip, [m, n, s]: [usize; 3]) -> Program {
    let order = if descending { "desc" } else { "asc" };
    let text = TOP.replace("ELEMENT", keys.0).replace("ORDER", order);
    let rows: Vec<Vec<u32>> = (0..m).map(|at| row(keys, at, n, n as u64)).collect();
    let input = keys.array(&[m, n], &rows.concat());
    let set = [("M", m as i64), ("N", n as i64), ("S", s as i64)];
    let module = module(&text);
    let (program, outputs) = tensix::outputs((&text, &module), "top", chip, &set, &[input]);
    let [values, indices] = [&outputs[0], &outputs[1]].map(bits_of);
    let what = format!("{keys:?} {order} {m} x {n} -> {s} on {}", chip.name);
    for (at, row) in rows.iter().enumerate() {
        let expected = &sorted(keys, row, descending)[..s];
        let found: Vec<usize> = indices[at * s..][..s].iter().map(|&x| x as usize).collect();
        assert_eq!(found, expected, "indices of row {at}: {what}");
        let expected: Vec<u32> = expected.iter().map(|&at| row[at]).collect();
        assert_eq!(values[at * s..][..s], expected, "values of row {at}: {what}");
    }
    program
}

fn named(name: &str) -> &'static Chip {
    chip(name).expect("it has a table")
}

/// Rows of one core each; the last item has fewer rows than others.
#[test]
fn keys_of_every_type() {
    let [wormhole, blackhole] = CHIPS.map(|name| tensix::with_grid(name, [3, 2]));
    select(F32, true, &wormhole, [11, 70, 9]);
    select(BF16, false, &wormhole, [11, 70, 70]);
    select(F16, true, &blackhole, [37, 33, 1]);
    select(I32, false, &blackhole, [9, 64, 40]);
    select(F16, false, &wormhole, [3, 40, 5]);
}

/// Parts of rows that are shorter than what is selected of a row, or as long; an empty part.
#[test]
fn rows_that_are_cut() {
    let merged = |program: &Program| {
        let rings = program.steps[0].circular.iter().map(|ring| ring.name.as_str());
        rings.filter(|name| name.ends_with("_lists")).collect::<Vec<_>>().join(" ")
    };
    let [wormhole, blackhole] = CHIPS.map(|name| tensix::with_grid(name, [3, 2]));
    let program = select(F32, false, &blackhole, [1, 100_000, 40]);
    assert_eq!(merged(&program), "row_lists column_lists");
    let program = select(BF16, true, &wormhole, [5, 40_001, 33]);
    assert_eq!(merged(&program), "row_lists column_lists");
    let program = select(I32, true, &wormhole, [8, 20_000, 3]);
    assert_eq!(merged(&program), "row_lists");
}

/// The sizes that users of these chips ask for, on whole chips.
#[test]
fn sizes_of_practice_on_both_chips() {
    for name in CHIPS {
        select(F32, true, named(name), [32, 64, 32]);
        select(BF16, true, named(name), [320, 128, 6]);
        select(F32, true, named(name), [64, 4096, 64]);
        select(F32, true, named(name), [1, 131_072, 32]);
    }
}

/// Two variables tell a row, one place is wanted, places after the first ones, and elements of
/// another tensor than the one that is ordered.
#[test]
fn other_selections() {
    let text = "kernel best[B, M, N](x: f32[B, M, N], y: i32[B, M, N]) -> (at: idx<N>[B, M], value: i32[B, M])
where 1 <= N
{
    at[b, m]    = argmax[n](x[b, m, n])
    value[b, m] = y[b, m, at[b, m]]
}
kernel later[M, N, S](x: i32[M, N]) -> (index: idx<N>[M, S])
where S + 2 <= N
{
    index[m, s] = argsort[n asc](x[m, n])[s + 2]
}
kernel down[M, N](x: f32[N, M]) -> (index: idx<N>[3, M], value: f32[M, 3])
where 3 <= N
{
    index[s, m] = argsort[n desc](x[n, m])[s]
    value[m, s] = x[index[s, m], m]
}";
    let module = module(text);
    let grid = [2, 2];
    let wide = [("B", 3), ("M", 5), ("N", 40)];
    tensix::check_on((text, &module), "best", &tensix::with_grid(CHIPS[1], grid), &wide);
    let set = [("M", 5), ("N", 40), ("S", 7)];
    tensix::check_on((text, &module), "later", &tensix::with_grid(CHIPS[0], grid), &set);
    tensix::check_on((text, &module), "down", &tensix::with_grid(CHIPS[1], grid), &set[..2]);
}

/// Keys that are computed, rows with lengths of their own, and what others compute from what is
/// selected: tiles are computed before and after.
#[test]
fn selections_between_other_equations() {
    let routers = include_str!("../examples/fusedmoe/routers.tile");
    let module = module(routers);
    let grid = [2, 2];
    let set = [("T", 40), ("E", 33), ("S", 5)];
    for (at, name) in
        ["softmax_renormalized", "softmax_picked", "sigmoid_biased"].into_iter().enumerate()
    {
        tensix::check_on((routers, &module), name, &tensix::with_grid(CHIPS[at % 2], grid), &set);
    }
    let text = "kernel lengths[R, N](x: f32[R, N], length: i32[R]) -> (y: idx<N>[R, 3])
where 3 <= N
{
    y[r, j] = argsort[i desc](if i < length[r] then x[r, i] else -inf)[j]
}
kernel scaled[R, N](x: bf16[R, N]) -> (y: f32[R, 3])
where 3 <= N
{
    at[r, j < 3] = argsort[i asc](x[r, i])[j]
    y[r, j]      = 2.0 * x[r, at[r, j]]
}";
    let module = self::module(text);
    let set = [("R", 7), ("N", 50)];
    tensix::check_on((text, &module), "lengths", &tensix::with_grid(CHIPS[1], grid), &set);
    tensix::check_on((text, &module), "scaled", &tensix::with_grid(CHIPS[0], grid), &set);
}

/// Nothing to select from, or nothing to select, makes no program.
#[test]
fn empty_selections_are_no_programs() {
    for size in [[0, 64, 3], [4, 64, 0]] {
        let program = select(F32, true, named(CHIPS[0]), size);
        assert!(program.steps.is_empty());
    }
}
