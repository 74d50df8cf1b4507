//! Selections on every path: heaps, buffers that are cut, rows cut into parts.
//!
//! Keys are of kinds that break shortcuts: ties everywhere, in order, in reverse,
//! NaN. All of it is compared with the interpreter, bit for bit.

use crate::support::{agree, kernel, launch};
use tilec_codegen_cpu::compile;
use tilec_ir::{Data, philox};

/// Kinds of keys: of the n-th of a row.
const KINDS: &[fn(i32) -> f32] = &[
    |n| philox::uniform(philox::random(5, &[n])),
    |n| (philox::random(6, &[n]) % 3) as f32,
    |n| n as f32,
    |n| -n as f32,
    |_| 0.5,
    |_| f32::NAN,
    |n| [f32::NAN, f32::INFINITY, -f32::INFINITY, 0.0, -0.0][n as usize % 5],
    |n| if n == 70_001 { 2.0 } else { f32::from_bits(0x3F80_0000 + (n as u32 & 1)) },
];

/// Runs a kernel of one input x[M, N], whose rows are of the kinds from `first` on.
fn check(text: &str, cases: &[&[i64]]) {
    let kernel = &kernel(text);
    let compiled = compile(kernel).unwrap();
    for sizes in cases {
        for first in 0..KINDS.len() {
            let (launch, mut inputs) = launch(kernel, sizes);
            let n = inputs[0].shape[1].max(1);
            let Data::F32(x) = &mut inputs[0].data else { unreachable!("the keys are f32") };
            for (at, x) in x.iter_mut().enumerate() {
                *x = KINDS[(first + at / n) % KINDS.len()]((at % n) as i32);
            }
            agree(&format!("kind {first}"), 0.0, kernel, &compiled, &launch, &inputs);
            if sizes[0] >= KINDS.len() as i64 {
                break;
            }
        }
    }
}

#[test]
fn prefixes() {
    check(
        "kernel f[M, N, S](x: f32[M, N]) -> (down: idx<N>[M, S], up: idx<N>[S, M])
         where S <= N
         {
             down[m, s] = argsort[n desc](x[m, n])[s]
             up[s, m]   = argsort[n asc](x[m, n])[s]
         }",
        &[
            &[0, 5, 2],
            &[8, 0, 0],
            &[8, 5, 0],
            &[8, 1, 1],
            &[8, 33, 8],
            &[8, 1000, 256],
            &[8, 3000, 257],
            &[8, 3000, 3000],
            &[1, 20_000, 1000],
        ],
    );
}

/// Fewer rows than threads, so that tasks share a row.
#[test]
fn long_rows() {
    check(
        "kernel f[M, N, S](x: f32[M, N]) -> (down: idx<N>[M, S], up: idx<N>[M, S], best: idx<N>[M], third: idx<N>[M])
         where S <= N, 3 <= N
         {
             down[m, s] = argsort[n desc](x[m, n])[s]
             up[m, s]   = argsort[n asc](x[m, n])[s]
             best[m]    = argmax[n](x[m, n])
             third[m]   = argsort[n desc](x[m, n])[2]
         }",
        &[&[1, 100_000, 16], &[1, 65_537, 700], &[1, 65_536, 4096]],
    );
}

/// Places that are no bare variable: from a place on, in another order, under a test.
#[test]
fn places() {
    check(
        "kernel f[M, N, S, P](x: f32[M, N], k: idx<N>[S], c: i32[M])
         -> (later: idx<N>[M, S], turned: idx<N>[M, S], chosen: idx<N>[S, M], twice: idx<N>[S, M], some: i32[M, S])
         where P + S <= N, 1 <= N
         {
             later[m, s]  = argsort[n desc](x[m, n])[P + s]
             turned[m, s] = argsort[n asc](x[m, n])[S - 1 - s]
             chosen[s, m] = argsort[n desc](x[m, n])[k[s]]
             twice[s, m]  = argmax[n](x[m, n])
             some[m, s]   = if s < c[m] then argsort[n desc](x[m, n])[s] else -1
         }",
        &[&[8, 5, 0, 2], &[8, 5, 3, 2], &[9, 1000, 300, 77], &[8, 1000, 30, 970]],
    );
}

/// A key that exists only where a test on the place holds.
#[test]
fn guarded_keys() {
    let text = "kernel f[M, N, S](x: f32[M, N], c: i32[M]) -> (y: i32[M, S])
         where S <= N
         {
             y[m, s] = if s < c[m] and 0 <= c[m] and c[m] < M then argsort[n desc](x[c[m], n])[s] else -1
         }";
    check(text, &[&[8, 70, 5], &[40, 7, 7]]);
}

/// Rows of 2^31 - 1 keys that no memory holds, 2^32.6 in all: `a n + c m`, which wraps
/// around and takes every value at most once, as `a` is odd.
#[test]
fn rows_of_any_length() {
    let kernel = kernel(
        "kernel f[M, N, S](a: i32, c: i32) -> (index: idx<N>[M, S])
         where S <= N
         {
             index[m, s] = argsort[n < N desc](a * n + c * m)[s]
         }",
    );
    let (rows, length, kept) = (3, i32::MAX, 100);
    let (launch, mut inputs) = launch(&kernel, &[rows.into(), length.into(), kept.into()]);
    let (a, c) = (0x9E37_79B1_u32.cast_signed(), 12_345_677);
    inputs[0].data = Data::I32(vec![a]);
    inputs[1].data = Data::I32(vec![c]);
    let found = compile(&kernel).unwrap().run(&launch, &inputs).unwrap();
    let Data::I32(found) = &found[0].data else { unreachable!("indices are i32") };
    // By Newton: each step doubles the bits that are right, of which x = a has 3.
    let inverse = (0..4).fold(a, |x, _| x.wrapping_mul(2i32.wrapping_sub(a.wrapping_mul(x))));
    let row = |m: i32| {
        let keys = (0..=i32::MAX).rev();
        let places = keys.map(move |key| key.wrapping_sub(c.wrapping_mul(m)).wrapping_mul(inverse));
        places.filter(|n| (0..length).contains(n)).take(kept as usize)
    };
    assert_eq!(found, &(0..rows).flat_map(row).collect::<Vec<_>>());
}
