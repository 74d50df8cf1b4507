//! What looks quadratic is not: each of these would take minutes if it were.

use crate::support::{kernel, launch};
use tilec_ir::{Array, Data};

#[track_caller]
fn check(text: &str, sizes: &[i64], expected: impl FnOnce(&[Array]) -> Vec<i32>) {
    let kernel = kernel(text);
    let (launch, inputs) = launch(&kernel, sizes);
    let outputs = tilec_codegen_cpu::compile(&kernel).unwrap().run(&launch, &inputs).unwrap();
    assert_eq!(integers(&outputs[0]), expected(&inputs));
}

fn integers(array: &Array) -> &[i32] {
    let Data::I32(x) = &array.data else { panic!("not i32: {:?}", array.element) };
    x
}

#[test]
fn prefix_sums() {
    let text =
        "kernel f[N](x: i32[N]) -> (y: i32[N]) { y[j] = sum[i](if i <= j then x[i] else 0) }";
    check(text, &[3_000_000], |inputs| {
        let running = integers(&inputs[0]).iter().scan(0i32, |sum, x| {
            *sum = sum.wrapping_add(*x);
            Some(*sum)
        });
        running.collect()
    });
}

#[test]
fn suffix_sums_of_some() {
    let text = "kernel f[N](x: i32[N]) -> (y: i32[N])
                { y[j] = sum[i](if j < i and 3 < x[i] then x[i] else 0) }";
    check(text, &[3_000_000], |inputs| {
        let (mut sums, mut sum) = (Vec::new(), 0i32);
        for &x in integers(&inputs[0]).iter().rev() {
            sums.push(sum);
            sum = sum.wrapping_add(if 3 < x { x } else { 0 });
        }
        sums.reverse();
        sums
    });
}

#[test]
fn histograms() {
    let text = "kernel f[T, E](key: idx<E>[T]) -> (count: i32[E]) where 1 <= E
                { count[e] = sum[t](if key[t] == e then 1 else 0) }";
    check(text, &[2_000_000, 1_000_000], |inputs| {
        let mut counts = vec![0; 1_000_000];
        integers(&inputs[0]).iter().for_each(|&key| counts[key as usize] += 1);
        counts
    });
}

#[test]
fn positions_within_a_key() {
    let text = "kernel f[T, S, E](key: idx<E>[T, S]) -> (pos: i32[T, S]) where 1 <= E
                { pos[t, s] = sum[u, r](if key[u, r] == key[t, s] and u * S + r < t * S + s then 1 else 0) }";
    check(text, &[500_000, 4, 1000], |inputs| {
        let mut counts = vec![0; 1000];
        let count = |&key: &i32| {
            counts[key as usize] += 1;
            counts[key as usize] - 1
        };
        integers(&inputs[0]).iter().map(count).collect()
    });
}

#[test]
fn grouped_rows() {
    // Times as many groups would be as many times the work, if each row were
    // computed for each group.
    let text =
        "kernel f[R, E, N, K](x: i32[R, K], w: i32[E, N, K], group: idx<E>[R]) -> (y: i32[R, N])
                { y[r, n] = sum[k](x[r, k] * w[group[r], n, k]) }";
    check(text, &[20_000, 5_000, 32, 8], |inputs| {
        let [x, w, group] = [0, 1, 2].map(|i| integers(&inputs[i]));
        let element = |i: usize| {
            let (r, n) = (i / 32, i % 32);
            let row = &w[(group[r] as usize * 32 + n) * 8..][..8];
            x[r * 8..][..8].iter().zip(row).map(|(a, b)| a * b).sum()
        };
        (0..20_000 * 32).map(element).collect()
    });
}

/// The inner sums are not those of one column of the outer ones.
#[test]
fn sums_inside_of_sums() {
    let text = "kernel f[M, N, J, K](x: i32[M, K], u: i32[J, K], w: i32[J, N]) -> (y: i32[M, N])
                { y[m, n] = sum[j](max(w[j, n], sum[k](x[m, k] * u[j, k]))) }";
    check(text, &[20, 20_000, 500, 3000], |inputs| {
        let [x, u, w] = [0, 1, 2].map(|i| integers(&inputs[i]));
        let dot = |m: usize, j: usize| -> i32 {
            x[m * 3000..][..3000].iter().zip(&u[j * 3000..][..3000]).map(|(a, b)| a * b).sum()
        };
        let mut y = vec![0; 20 * 20_000];
        for (m, row) in y.chunks_mut(20_000).enumerate() {
            for j in 0..500 {
                let inner = dot(m, j);
                row.iter_mut().zip(&w[j * 20_000..]).for_each(|(y, &w)| *y += inner.max(w));
            }
        }
        y
    });
}

#[test]
fn the_first_of_many() {
    let text = "kernel f[N, S](x: i32[N]) -> (y: idx<N>[S]) where S <= N
                { y[s] = argsort[n asc](x[n])[s] }";
    check(text, &[2_000_000, 1_000_000], |inputs| {
        let x = integers(&inputs[0]);
        let mut order: Vec<i32> = (0..2_000_000).collect();
        order.sort_by_key(|&i| x[i as usize]);
        order.truncate(1_000_000);
        order
    });
}

/// What is computed on the way does not fit into any memory.
#[test]
fn too_much_workspace() {
    let texts = [
        "kernel f[N](x: i32[N], y: i32[N]) -> (z: i32)
         { t[i, j, k, l] = x[i] * y[j] + x[k] * y[l]  z = max[i, j, k, l](t[i, j, k, l]) }",
        "kernel f[N](x: i32[N], y: i32[N]) -> (z: i32)
         { t[i, j] = x[i] * y[j]  z = max[i, j](t[i, j]) }",
    ];
    for text in texts {
        let kernel = kernel(text);
        let (launch, inputs) = launch(&kernel, &[6_000_000]);
        let failed = tilec_codegen_cpu::compile(&kernel).unwrap().run(&launch, &inputs);
        assert_eq!(failed.unwrap_err().kind, tilec_ir::Kind::OutOfMemory);
    }
}
