//! Compiled kernels against the reference interpreter, on drawn inputs.
//!
//! A case is a kernel and the sizes that it runs at. Integers, truth values
//! and formats agree bit for bit; floats within a bound relative to the largest
//! value of the output, since sums may be taken in any order.

use crate::support::{check, check_within, kernel, launch};
use tilec_codegen_cpu::compile;
use tilec_ir::Kind;

#[test]
fn pointwise() {
    check(
        "kernel f[M, N](x: f32[M, N], b: bf16[N], h: f16[M], q: f8e4m3[M, N], r: f8e5m2[N])
         -> (y: f32[M, N], z: bf16[M, N], v: f8e4m3[M, N], w: f8e5m2[M, N], u: f16[M, N])
         {
             y[m, n] = x[m, n] * b[n] + h[m] / (1.5 + abs(q[m, n])) - r[n]
             z[m, n] = bf16(y[m, n] * 3.0)
             v[m, n] = f8e4m3(y[m, n] * 100.0)
             w[m, n] = f8e5m2(y[m, n])
             u[m, n] = f16(y[m, n])
         }",
        &[&[0, 3], &[3, 0], &[1, 1], &[7, 129], &[65, 63]],
    );
}

#[test]
fn integers() {
    check(
        "kernel f[N](a: i32[N], b: i8[N], c: u8[N], k: idx<N>[N]) -> (y: i32[N], z: i32[N], t: bool[N], g: i32[N], i: i8[N], j: u8[N], e: i32[N])
         {
             y[n] = a[n] * b[n] - c[n]
             z[n] = a[n] / 7 + a[n] % 7 + b[n] / (0 - 3) + b[n] % (0 - 3)
             t[n] = a[n] < b[n] and not (c[n] == 3 or b[n] >= 0)
             g[n] = a[k[n]] + k[k[n]]
             i[n] = i8(a[n])
             j[n] = u8(a[n])
             e[n] = n / 3 * 5 + n % 7 - N
         }",
        &[&[0], &[1], &[63], &[129], &[5000]],
    );
}

#[test]
fn functions() {
    check_within(
        2e-6,
        "kernel f[N](x: f32[N]) -> (a: f32[N], b: f32[N], c: f32[N], d: f32[N], e: f32[N], f: f32[N], g: i32[N], h: f32[N], i: f32[N])
         {
             a[n] = exp(x[n] * 0.3)
             b[n] = log(abs(x[n]) + 0.01)
             c[n] = tanh(x[n])
             d[n] = erf(x[n])
             e[n] = sqrt(abs(x[n])) + rsqrt(abs(x[n]) + 1.0)
             f[n] = floor(x[n] * 3.0)
             g[n] = i32(x[n] * 1e9)
             h[n] = max(min(x[n], 0.5), -0.5)
             i[n] = silu(x[n]) + gelu(x[n]) + softplus(x[n])
         }",
        &[&[1], &[129], &[5000]],
    );
}

#[test]
fn random_bits() {
    check(
        "kernel f[N](x: f32[N], seed: i32) -> (a: i32[N], b: f32[N], c: f8e4m3[N], d: f8e5m2[N], e: bf16[N], g: f16[N])
         {
             a[n] = random(seed, n, n * 2)
             b[n] = uniform(seed, n)
             c[n] = round_stochastic<f8e4m3>(x[n], random(seed, n))
             d[n] = round_stochastic<f8e5m2>(x[n], random(seed, n))
             e[n] = round_stochastic<bf16>(x[n], random(seed, n))
             g[n] = round_stochastic<f16>(x[n], random(seed, n))
         }",
        &[&[1], &[129], &[5000]],
    );
}

#[test]
fn guards() {
    check(
        "kernel f[N, M](x: f32[N], c: i32[N], v: f32[M]) -> (y: f32[N], z: f32[N], w: f32[N])
         {
             y[i] = x[i] - (if 1 <= i then x[i - 1] else 0.0)
             z[i] = if 1 <= i and x[i - 1] < x[i] then 1.0 else 2.0
             w[i] = if 0 <= c[i] and c[i] < M then v[c[i]] else -1.0
         }",
        &[&[0, 2], &[1, 0], &[63, 5], &[129, 64]],
    );
}

#[test]
fn reductions() {
    check_within(
        1e-5,
        "kernel f[M, N](x: f32[M, N], k: i32[M, N])
         -> (a: f32[M], b: f32[N], c: f32[M], d: f32[M], e: i32[M], f: i32[N], g: f32, h: f32[M], p: f32[N])
         {
             a[m] = sum[n](x[m, n])
             b[n] = sum[m](x[m, n])
             c[m] = max[n](x[m, n])
             d[m] = min[n](abs(x[m, n]))
             e[m] = sum[n](k[m, n])
             f[n] = max[m](k[m, n])
             g = sum[m, n](x[m, n])
             h[m] = sum[n](exp(x[m, n] - c[m]))
             p[n] = prod[m](1.0 + 0.01 * x[m, n])
         }",
        &[&[0, 3], &[3, 0], &[1, 1], &[65, 129], &[7, 1000], &[300, 5]],
    );
}

#[test]
fn selections() {
    check(
        "kernel f[M, N, S](x: f32[M, N], k: i8[M, N])
         -> (a: idx<N>[M, S], b: idx<N>[M, S], c: idx<N>[M, S], d: f32[M], e: idx<N>[S, M])
         where S <= N, 1 <= N
         {
             a[m, s] = argsort[n desc](x[m, n])[s]
             b[m, s] = argsort[n asc](x[m, n])[s]
             c[m, s] = argsort[n desc](k[m, n])[s]
             d[m] = x[m, argmax[n](x[m, n])]
             e[s, m] = argsort[n asc](k[m, n])[S - 1 - s]
         }",
        &[&[0, 3, 1], &[2, 1, 1], &[3, 5, 0], &[4, 63, 63], &[3, 1000, 8], &[65, 129, 32]],
    );
}

#[test]
fn contractions() {
    let sizes: &[&[i64]] = &[
        &[0, 3, 4],
        &[3, 0, 4],
        &[3, 4, 0],
        &[1, 1, 1],
        &[63, 65, 77],
        &[129, 127, 300],
        &[400, 33, 129],
    ];
    check_within(
        1e-5,
        "kernel f[M, N, K](a: f32[M, K], b: f32[N, K], w: f32[K, N], s: f32[M, N], i: i8[M, K], j: i8[N, K], z: i32[M])
         -> (y: f32[M, N], t: f32[N, M], u: f32[M, N], v: i32[M, N])
         {
             y[m, n] = sum[k](a[m, k] * b[n, k])
             t[n, m] = sum[k](w[k, n] * a[m, k]) + 1.0
             u[m, n] = sum[k](a[m, k] * s[m, n] * w[k, n])
             v[m, n] = sum[k]((i32(i[m, k]) - z[m]) * i32(j[n, k]))
         }",
        sizes,
    );
    check_within(
        1e-2,
        "kernel gemm[M, N, K](a: f8e4m3[M, K], b: f8e4m3[N, K], sa: f32[M, ceil(K / 128)], sb: f32[ceil(N / 128), ceil(K / 128)])
         -> (c: bf16[M, N])
         {
             acc[m, n] = sum[k](a[m, k] * sa[m, k / 128] * b[n, k] * sb[n / 128, k / 128])
             c[m, n] = bf16(acc[m, n])
         }",
        sizes,
    );
    check_within(
        1e-5,
        "kernel f[B, M, N, K, L](a: f32[B, M, K, L], b: f32[B, N, K, L]) -> (y: f32[B, M, N])
         {
             y[b_, m, n] = sum[k, l](a[b_, m, k, l] * b[b_, n, k, l])
         }",
        &[&[0, 1, 1, 1, 1], &[3, 5, 7, 2, 9], &[2, 65, 33, 17, 20]],
    );
}

#[test]
fn nested_contractions() {
    check_within(
        1e-5,
        "kernel f[M, N, G, L](a: f32[M, G, L], b: f32[N, G, L], s: f32[M, G])
         -> (y: f32[M, N], z: f32[M, N])
         {
             y[m, n] = sum[g](s[m, g] * sum[k](a[m, g, k] * b[n, g, k]))
             z[m, n] = sum[g](sum[k](a[m, g, k]) * max[k](0.5 * b[n, g, k]))
         }",
        &[&[3, 4, 0, 2], &[3, 4, 2, 1], &[65, 33, 3, 128], &[30, 500, 7, 9]],
    );
}

/// Branches that share what they compute, thirty deep.
#[test]
fn nested_branches() {
    let deep = (0..30).fold("x[n]".to_owned(), |inner, _| format!("shift({inner})"));
    check(
        &format!(
            "fn shift(x) = if x < 1.0 then (if x < 0.5 then x + 0.75 else 2.0) else (if 2.0 < x then x - 1.0 else 0.25)
             fn pick(x, c) = if c < 1.0 then (if c < 0.5 then x + 0.75 else 2.0) else (if 2.0 < c then x - 1.0 else 0.25)
             kernel g[N](x: f32[N], c: f32) -> (y: f32[N], z: f32[N])
             {{
                 y[n] = {deep}
                 z[n] = {}
             }}",
            (0..30).fold("x[n]".to_owned(), |inner, _| format!("pick({inner}, c)"))
        ),
        &[&[0], &[100]],
    );
}

#[test]
fn grouped_contractions() {
    check_within(
        1e-5,
        "kernel f[R, E, N, K](x: f32[R, K], w: f32[E, N, K], group: idx<E>[R]) -> (y: f32[R, N])
         {
             y[r, n] = sum[k](x[r, k] * w[group[r], n, k])
         }",
        &[&[0, 3, 4, 5], &[5, 1, 4, 0], &[65, 4, 63, 77], &[500, 3, 40, 129]],
    );
    check_within(
        1e-5,
        "kernel f[G, R, N, K](x: f32[G, R, K], w: f32[G, N, K], count: i32[G]) -> (y: f32[G, R, N])
         {
             y[g, r, n] = if r < count[g] then sum[k](x[g, r, k] * w[g, n, k]) else 0.0
         }",
        &[&[0, 3, 4, 5], &[5, 1, 4, 0], &[3, 130, 63, 77]],
    );
}

/// Scales are chosen with their matrix, and rows may be scaled by group too.
#[test]
fn grouped_contractions_with_scales() {
    check_within(
        1e-5,
        "kernel f[T, S, E, N, K](x: f8e4m3[T, K], sx: f32[T, ceil(K / 128)], w: f8e4m3[E, N, K], sw: f32[E, ceil(N / 128), ceil(K / 128)], v: f32[T, S], group: idx<E>[T, S])
         -> (y: f32[T, S, N], z: f32[T, N])
         where 1 <= K
         {
             y[t, s, n] = sum[k](x[t, k] * sx[t, k / 128] * w[group[t, s], n, k] * sw[group[t, s], n / 128, k / 128])
             z[t, n]    = sum[s](v[t, s] * sum[k](x[t, k] * w[group[t, s], n, k]) * sw[group[t, s], n / 128, 0])
         }",
        &[&[0, 3, 4, 5, 6], &[5, 1, 1, 4, 3], &[65, 4, 7, 63, 77], &[40, 2, 3, 140, 300]],
    );
    check_within(
        1e-5,
        "kernel f[R, E, N, K](x: f32[R, K], w: i8[E, N, K], a: f32[E, K], b: f32[E, N], group: idx<E>[R])
         -> (y: f32[R, N])
         {
             y[r, n] = sum[k](max(x[r, k], 0.0) * a[group[r], k] * f32(w[group[r], n, k])) * b[group[r], n]
         }",
        &[&[0, 3, 4, 5], &[5, 1, 4, 0], &[65, 4, 63, 77], &[500, 3, 40, 129]],
    );
}

/// What chooses a matrix is summed over too, at once or in sums inside of sums.
#[test]
fn grouped_contractions_added_up() {
    check_within(
        1e-5,
        "kernel f[T, S, E, N, K](x: f32[T, S, K], v: f32[T, S], w: f32[E, N, K], b: f32[E, N], group: idx<E>[T, S])
         -> (y: f32[T, N], z: f32[N, T], u: bf16[T, N])
         where 1 <= S
         {
             y[t, n] = sum[s, k](v[t, s] * x[t, s, k] * w[group[t, s], n, k])
             z[n, t] = sum[s](v[t, s] * sum[k](x[t, s, k] * w[group[t, s], n, k] * b[group[t, s], n]))
             u[t, n] = bf16(if v[t, 0] < 0.5 then sum[s, k](w[group[t, s], n, k] * x[t, s, k]) else 1.0)
         }",
        &[&[0, 3, 4, 5, 6], &[5, 1, 1, 4, 3], &[4, 3, 2, 5, 0], &[65, 4, 7, 63, 77], &[300, 2, 3, 40, 300]],
    );
    check(
        "kernel f[T, S, E, N, K](x: i32[T, K], w: i32[E, N, K], group: idx<E>[T, S]) -> (y: i32[T, N])
         {
             y[t, n] = sum[k, s](x[t, k] * w[group[t, s], n, k])
         }",
        &[&[3, 0, 4, 5, 6], &[65, 4, 7, 63, 77]],
    );
}

#[test]
fn softmax_and_friends() {
    check_within(
        1e-5,
        "kernel f[M, N](x: f32[M, N]) -> (y: f32[M, N], z: f32[M, N])
         {
             y[m, n] = exp(x[m, n] - max[k](x[m, k])) / sum[k](exp(x[m, k] - max[j](x[m, j])))
             z[m, n] = x[m, n] * rsqrt(sum[k](x[m, k] * x[m, k]) / f32(N) + 1e-6)
         }",
        &[&[0, 3], &[3, 0], &[65, 129], &[7, 1000]],
    );
}

#[test]
fn scans_and_histograms() {
    check_within(
        1e-4,
        "kernel f[M, N](p: f32[M, N]) -> (a: f32[M, N], b: f32[M, N], c: f32[M, N], d: f32[M, N])
         {
             a[m, j] = sum[i](if i <= j then p[m, i] else 0.0)
             b[m, j] = sum[i](if i < j then p[m, i] else 0.0)
             c[m, j] = sum[i](if i >= j then p[m, i] else 0.0)
             d[m, j] = sum[i](if j < i then p[m, i] * p[m, i] else 0.0)
         }",
        &[&[0, 3], &[3, 0], &[3, 1], &[5, 129], &[3, 3000]],
    );
    check_within(
        1e-4,
        "kernel f[M, N, K](p: f32[M, N], k: i32[M]) -> (a: f32[K, M], b: f32[M, N], c: i32[N])
         {
             a[j, m] = sum[i](if i < j + 2 and 0 < k[m] then p[m, i] else 0.0)
             b[m, j] = sum[i](if N - j <= i then p[m, i] else 0.0)
             c[j] = sum[i < N](if j - i >= 3 then i else 0)
         }",
        &[&[0, 3, 2], &[3, 0, 2], &[3, 5, 9], &[5, 129, 64]],
    );
    check(
        "kernel f[T, S, E](expert: idx<E>[T, S], w: i32[T, S]) -> (count: i32[E], weighed: i32[E], pos: i32[T, S])
         where 1 <= E
         {
             count[e] = sum[t, s](if expert[t, s] == e then 1 else 0)
             weighed[e] = sum[t, s](if expert[t, s] == e and 0 < w[t, s] then w[t, s] else 0)
             pos[t, s] = sum[u, r](if expert[u, r] == expert[t, s] and u * S + r < t * S + s then 1 else 0)
         }",
        &[&[0, 3, 2], &[3, 0, 1], &[1, 1, 1], &[65, 4, 16]],
    );
}

#[test]
fn routing() {
    check_within(
        1e-2,
        "kernel fused_moe[T, D, F, E, S = 2](x: bf16[T, D], router: bf16[E, D], w_gate: bf16[E, F, D], w_up: bf16[E, F, D], w_down: bf16[E, D, F])
         -> (out: bf16[T, D])
         where S <= E
         {
             logit[t, e]      = sum[d](x[t, d] * router[e, d])
             expert[t, s < S] = argsort[e desc](logit[t, e])[s]
             best[t]          = max[s](logit[t, expert[t, s]])
             z[t, s]          = exp(logit[t, expert[t, s]] - best[t])
             weight[t, s]     = z[t, s] / sum[r](z[t, r])
             gate[t, s, f] = sum[d](x[t, d] * w_gate[expert[t, s], f, d])
             up[t, s, f]   = sum[d](x[t, d] * w_up[expert[t, s], f, d])
             h[t, s, f]    = bf16(silu(gate[t, s, f]) * up[t, s, f])
             y[t, s, d]    = sum[f](h[t, s, f] * w_down[expert[t, s], d, f])
             out[t, d] = bf16(sum[s](weight[t, s] * y[t, s, d]))
         }",
        &[&[0, 3, 2, 2, 1], &[5, 16, 24, 4, 2], &[33, 40, 65, 8, 3]],
    );
}

/// What is computed ahead of where it stands is computed only where it would
/// have been: a proof may rest on variables around it that have no value.
#[test]
fn nothing_is_read_for_variables_without_values() {
    let ahead = "kernel f[N, M](x: f32[N, M], w: f32[M]) -> (y: f32[N, M])
         {
             y[n, m] = w[m] + sum[k < 3](x[0, m] * f32(k))
         }";
    check(ahead, &[&[0, 1000], &[2, 5]]);
    let guarded = "kernel f[N, J, M](x: f32[N, M], g: i32[J]) -> (y: f32[J, M])
         {
             y[j, m] = if g[j] >= 0 and g[j] < N then sum[k < 3](x[0, m] * f32(k)) else 0.0
         }";
    check(guarded, &[&[0, 0, 1000], &[0, 3, 100_000], &[2, 3, 5]]);
    let factor = "kernel f[M, N, K](a: f32[M, K], b: f32[N, K], s: f32[M, N, K]) -> (y: f32[M, N])
         {
             y[m, n] = sum[k](a[m, k] * b[n, k] * s[m, n, K - 1])
         }";
    check_within(2e-6, factor, &[&[3, 3, 0], &[3, 5, 2]]);
    let key = "kernel f[T, E, P](key: i32[P, E], q: f32[T]) -> (c: i32[E], z: f32[T])
         where 1 <= P
         {
             c[e] = sum[t < T](if key[P - 1, E - 1] + i32(t) == e then 1 else 0)
             z[t] = q[t]
         }";
    check(key, &[&[3, 0, 1000], &[3, 4, 2]]);
    let ranges = "kernel f[N, M](x: f32[N, M], w: f32[M]) -> (y: f32[N])
         {
             y[n] = sum[i < N - 1, m](f32(argmax[k < 3](f32(k) * w[m] + x[i, m])))
         }";
    check(ranges, &[&[0, 1000], &[1, 3], &[3, 5]]);
}

/// Memory for what is computed ahead may be more than any machine has.
#[test]
fn what_is_kept_between_steps_may_not_fit() {
    let kernel = kernel(
        "kernel f[N](x: f32[N]) -> (y: f32)
         {
             y = sum[i, j, k, l](f32(argmax[v](x[v] + x[i] * x[j] + x[k] * x[l])))
         }",
    );
    let (launch, inputs) = launch(&kernel, &[65_536]);
    let refused = compile(&kernel).unwrap().run(&launch, &inputs).unwrap_err();
    assert_eq!(refused.kind, Kind::OutOfMemory, "{refused:?}");
}
