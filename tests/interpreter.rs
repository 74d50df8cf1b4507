//! The interpreter on programs as people write them, against plain loops over
//! the same inputs, at sizes around those of blocks and vectors.

use tilec_ir::tensor::{Kernel, Role, Scalar, Tensor};
use tilec_ir::{Array, Atom, Element, Id, IntId, Launch, interpret, launch, philox};

/// The inputs of a launch by name.
struct Inputs<'a> {
    kernel: &'a Kernel,
    arrays: Vec<Array>,
}

impl Inputs<'_> {
    fn array(&self, name: &str) -> &Array {
        let inputs = self.kernel.tensors_of(Role::Input).zip(&self.arrays);
        let found = inputs.into_iter().find(|(id, _)| self.kernel.tensors[*id].name == name);
        found.unwrap_or_else(|| panic!("no input {name}")).1
    }

    fn at(&self, name: &str, index: &[usize]) -> f32 {
        let array = self.array(name);
        assert_eq!(index.len(), array.shape.len(), "{name}");
        let position = index.iter().zip(&array.shape).fold(0, |at, (&i, &d)| {
            assert!(i < d, "{name}{index:?}");
            at * d + i
        });
        array.get_f32(position)
    }

    fn int(&self, name: &str, index: &[usize]) -> i32 {
        self.at(name, index) as i32
    }

    fn index(&self, name: &str, index: &[usize]) -> usize {
        usize::try_from(self.int(name, index)).expect("picks are not negative")
    }
}

fn value_of(kernel: &Kernel, launch: &Launch, int: IntId) -> i64 {
    let size = |atom: &Atom| {
        let Atom::Size(size) = atom else { return None };
        Some(launch.sizes[size.index()])
    };
    kernel.ints.eval(int, &mut { size }).expect("sizes are polynomials of sizes")
}

/// Small numbers: halves for floats, so that sums are exact in any order.
fn draw(kernel: &Kernel, launch: &Launch) -> Vec<Array> {
    let draw = |(number, id): (i32, Id<Tensor>)| {
        let tensor = &kernel.tensors[id];
        let element = Element::of(tensor.element);
        let mut array =
            Array::zeros(element, &launch.shapes[id.index()]).expect("inputs are small");
        for at in 0..array.len() {
            let bits = philox::random(number, &[at as i32]).unsigned_abs();
            match tensor.element {
                Scalar::Idx(bound) => {
                    let bound = value_of(kernel, launch, bound).max(1) as u32;
                    array.set_i32(at, (bits % bound) as i32);
                }
                Scalar::F32 | Scalar::Bf16 | Scalar::F16 | Scalar::F8E4M3 | Scalar::F8E5M2 => {
                    array.set_f32(at, (bits % 17) as f32 / 2.0 - 4.0);
                }
                Scalar::I32 | Scalar::I8 | Scalar::U8 | Scalar::Bool => {
                    array.set_i32(at, (bits % 9) as i32 - 4);
                }
            }
        }
        array
    };
    (0..).zip(kernel.tensors_of(Role::Input)).map(draw).collect()
}

/// Runs the only kernel of `text` at `sizes`; every element of the only output
/// must be what `expected` says of the inputs, the sizes and its index.
fn check(
    text: &str,
    sizes: &[(&str, usize)],
    expected: impl Fn(&Inputs<'_>, &[usize], &[usize]) -> f32,
) {
    let checked = tilec_frontend::check(text);
    assert!(checked.diagnostics.is_empty(), "{text}: {:#?}", checked.diagnostics);
    let kernel = &checked.module.kernels[0];
    let set: Vec<_> = sizes.iter().map(|(n, s)| ((*n).to_owned(), *s as i64)).collect();
    let none = vec![None; kernel.tensors_of(Role::Input).count()];
    let launch = launch::bind(kernel, &none, &set).unwrap_or_else(|e| panic!("{text}: {e:#?}"));
    let inputs = Inputs { kernel, arrays: draw(kernel, &launch) };
    let outputs =
        interpret::interpret(kernel, &launch, &inputs.arrays, &|_| ()).expect("outputs are small");
    let sizes: Vec<_> = sizes.iter().map(|(_, s)| *s).collect();
    let output = &outputs[0];
    for at in 0..output.len() {
        let mut rest = at;
        let mut index = vec![0; output.shape.len()];
        for (i, &dimension) in index.iter_mut().zip(&output.shape).rev() {
            (*i, rest) = (rest % dimension, rest / dimension);
        }
        let (actual, expected) = (output.get_f32(at), expected(&inputs, &sizes, &index));
        assert!(
            actual == expected || actual.is_nan() && expected.is_nan(),
            "{text}\nat {index:?} of {sizes:?}: {actual} instead of {expected}"
        );
    }
}

const SIZES: [usize; 8] = [0, 1, 2, 63, 65, 77, 127, 129];

#[test]
fn products() {
    for (m, k) in SIZES.into_iter().flat_map(|m| SIZES.map(|k| (m, k))) {
        check(
            "kernel f[M, N, K](a: f16[M, K], b: i8[N, K], s: f32[N]) -> (c: f32[M, N])
            { c[m, n] = sum[k](a[m, k] * f32(b[n, k])) * s[n] }",
            &[("M", m), ("N", 3), ("K", k)],
            |x, size, at| {
                let term = |k| x.at("a", &[at[0], k]) * x.at("b", &[at[1], k]);
                (0..size[2]).map(term).fold(0.0, |a, b| a + b) * x.at("s", &[at[1]])
            },
        );
    }
}

#[test]
fn products_with_zero_points() {
    for k in SIZES {
        check(
            "kernel f[M, N, K](a: i8[M, K], za: i32[M], b: u8[N, K], zb: i32[N]) -> (c: i32[M, N])
            { c[m, n] = sum[k]((i32(a[m, k]) - za[m]) * (i32(b[n, k]) - zb[n])) }",
            &[("M", 5), ("N", 7), ("K", k)],
            |x, size, at| {
                let term = |k| {
                    let a = x.int("a", &[at[0], k]) - x.int("za", &[at[0]]);
                    a * (x.int("b", &[at[1], k]) - x.int("zb", &[at[1]]))
                };
                (0..size[2]).map(term).sum::<i32>() as f32
            },
        );
    }
}

#[test]
fn grouped_products() {
    for r in SIZES {
        check(
            "kernel f[R, E, N, K](x: bf16[R, K], w: f32[E, N, K], group: idx<E>[R]) -> (y: f32[R, N])
            { y[r, n] = sum[k](x[r, k] * w[group[r], n, k]) }",
            &[("R", r), ("E", 4), ("N", 9), ("K", 33)],
            |x, size, at| {
                let group = x.index("group", &[at[0]]);
                let term = |k| x.at("x", &[at[0], k]) * x.at("w", &[group, at[1], k]);
                (0..size[3]).map(term).sum()
            },
        );
        check(
            "kernel f[G, R, N, K](x: f32[G, R, K], w: f32[G, N, K], count: i32[G]) -> (y: f32[G, R, N])
            { y[g, r, n] = if r < count[g] then sum[k](x[g, r, k] * w[g, n, k]) else 0 }",
            &[("G", 6), ("R", r), ("N", 3), ("K", 17)],
            |x, size, at| {
                let &[g, r, n] = at else { unreachable!() };
                let term = |k| x.at("x", &[g, r, k]) * x.at("w", &[g, n, k]);
                let inside = (r as i32) < x.int("count", &[g]);
                if inside { (0..size[3]).map(term).sum() } else { 0.0 }
            },
        );
    }
}

#[test]
fn counts_and_scans() {
    for t in SIZES {
        check(
            "kernel f[T, S, E](expert: idx<E>[T, S]) -> (count: i32[E])
            { count[e] = sum[t, s](if expert[t, s] == e then 1 else 0) }",
            &[("T", t), ("S", 3), ("E", 5)],
            |x, size, at| {
                let all = (0..size[0]).flat_map(|t| (0..size[1]).map(move |s| [t, s]));
                all.filter(|i| x.index("expert", i) == at[0]).count() as f32
            },
        );
        check(
            "kernel f[N](p: f32[N]) -> (c: f32[N]) { c[j] = sum[i](if i <= j then p[i] else 0) }",
            &[("N", t)],
            |x, _, at| (0..=at[0]).map(|i| x.at("p", &[i])).fold(0.0, |a, b| a + b),
        );
        check(
            "kernel f[T, S, E](expert: idx<E>[T, S]) -> (pos: i32[T, S])
            { pos[t, s] = sum[u, r](if expert[u, r] == expert[t, s] and u * S + r < t * S + s then 1 else 0) }",
            &[("T", t), ("S", 2), ("E", 5)],
            |x, size, at| {
                let all = (0..size[0]).flat_map(|t| (0..size[1]).map(move |s| [t, s]));
                let same = |i: &[usize; 2]| x.index("expert", i) == x.index("expert", at);
                all.filter(|i| i.as_slice() < at && same(i)).count() as f32
            },
        );
    }
}

#[test]
fn blocks_and_their_peaks() {
    for g in [0, 1, 3] {
        check(
            "kernel f[M, G](h: f32[M, G * 128]) -> (y: f32[M, G * 128])
            {
                peak[m, g < G] = max[i < 128](abs(h[m, g * 128 + i]))
                y[m, j]        = h[m, j] / max(peak[m, j / 128], 1.0)
            }",
            &[("M", 4), ("G", g)],
            |x, _, at| {
                let start = at[1] / 128 * 128;
                let block = (start..start + 128).map(|j| x.at("h", &[at[0], j]).abs());
                x.at("h", at) / block.fold(1.0, f32::max)
            },
        );
    }
}

/// The indices of a row in descending order.
fn descending(x: &Inputs<'_>, row: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).collect();
    let key = |&i: &usize| x.at("x", &[row, i]);
    order.sort_by(|a, b| key(b).partial_cmp(&key(a)).expect("keys are numbers").then(a.cmp(b)));
    order
}

#[test]
fn selections() {
    for n in [4, 63, 65, 129] {
        let sizes = [("M", 5), ("N", n), ("S", 4)];
        check(
            "kernel f[M, N, S](x: f32[M, N]) -> (index: idx<N>[M, S]) where S <= N
            { index[m, s] = argsort[n desc](x[m, n])[s] }",
            &sizes,
            |x, size, at| descending(x, at[0], size[1])[at[1]] as f32,
        );
        check(
            "kernel f[M, N, S](x: f32[M, N]) -> (value: f32[M, S]) where S <= N
            { value[m, s] = x[m, argsort[n desc](x[m, n])[s]] }",
            &sizes,
            |x, size, at| x.at("x", &[at[0], descending(x, at[0], size[1])[at[1]]]),
        );
        check(
            "kernel f[M, N](x: f32[M, N]) -> (second: idx<N>[M]) where 2 <= N
            {
                first[m]   = argmax[n](x[m, n])
                rest[m, n] = if n == first[m] then -inf else x[m, n]
                second[m]  = argmax[n](rest[m, n])
            }",
            &sizes[..2],
            |x, size, at| descending(x, at[0], size[1])[1] as f32,
        );
    }
}

#[test]
fn staged_selections() {
    for (chunks, length) in [(1, 4), (3, 4), (7, 31)] {
        check(
            "kernel f[M, C, L, S](x: f32[M, C * L]) -> (index: idx<C * L>[M, S])
            where S <= L, 1 <= C
            {
                near[m, c < C, s < S] = argsort[l < L desc](x[m, c * L + l])[s]
                cand[m, c, s]         = x[m, c * L + near[m, c, s]]
                pick[m, s < S]        = argsort[j < C * S desc](cand[m, j / S, j % S])[s]
                index[m, s]           = pick[m, s] / S * L + near[m, pick[m, s] / S, pick[m, s] % S]
            }",
            &[("M", 6), ("C", chunks), ("L", length), ("S", 4)],
            |x, size, at| descending(x, at[0], size[1] * size[2])[at[1]] as f32,
        );
    }
}

#[test]
fn guarded_neighbors() {
    for n in SIZES {
        check(
            "kernel f[N](x: f32[N]) -> (y: f32[N])
            {
                y[i] = if 1 <= i and i + 1 < N then max(x[i - 1], x[i + 1])
                       else if not (1 <= i) then x[i] else sum[j](if j < i then x[j] * x[i - 1] else 0)
            }",
            &[("N", n)],
            |x, size, at| {
                let (i, x) = (at[0], |i: usize| x.at("x", &[i]));
                if 1 <= i && i + 1 < size[0] {
                    x(i - 1).max(x(i + 1))
                } else if i < 1 {
                    x(i)
                } else {
                    (0..i).map(|j| x(j) * x(i - 1)).sum()
                }
            },
        );
    }
}
