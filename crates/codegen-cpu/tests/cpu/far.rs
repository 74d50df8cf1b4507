//! Offsets of more than 32 bits.

use crate::support::kernel;
use tilec_ir::{Array, Data, Element, launch};

/// Rows 2^30 apart, so that the last begins past 2^32; only pages that are written take
/// memory.
#[test]
fn an_operand_of_more_than_2_to_the_32_elements() {
    let text = "kernel f[M, L, N, K](a: f8e4m3[M, L], b: f8e4m3[N, K]) -> (c: f32[M, N])
         where K <= L
         {
             c[m, n] = sum[k < K](a[m, k] * b[n, k])
         }";
    let kernel = kernel(text);
    let [rows, length, columns, depth] = [5, 1 << 30, 3, 70];
    let sizes = [rows, length, columns, depth].map(|size| size as i64);
    let none = vec![None; 2];
    let set: Vec<_> = ["M", "L", "N", "K"].map(str::to_owned).into_iter().zip(sizes).collect();
    let launch = launch::bind(&kernel, &none, &set).unwrap();
    // The codes of 1, 2, 4, .. of a row, and of 1.
    let [one, double] = [0x38, 0x08];
    let mut codes = vec![0u8; rows * length];
    for m in 0..rows {
        codes[m * length..][..depth].fill(one + m as u8 * double);
    }
    let array = |shape: [usize; 2], codes| Array {
        element: Element::F8E4M3,
        shape: shape.to_vec(),
        data: Data::B8(codes),
    };
    let inputs =
        [array([rows, length], codes), array([columns, depth], vec![one; columns * depth])];
    let found = tilec_codegen_cpu::compile(&kernel).unwrap().run(&launch, &inputs).unwrap();
    let expected: Vec<f32> = (0..rows).flat_map(|m| vec![(depth << m) as f32; columns]).collect();
    assert_eq!(found[0].data, Data::F32(expected));
}
