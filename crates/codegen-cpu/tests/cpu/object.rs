//! An object file and its header, used from a C program.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::kernel;
use tilec_codegen_cpu::{compile, header};

const KERNEL: &str =
    "kernel dot_rows[M, N, K](a: f32[M, K], int: bf16[N, K]) -> (c: f32[M, N], top: idx<N>[M])
    where 1 <= N
    {
        c[m, n] = sum[k](a[m, k] * int[n, k]) / (1.0 + sum[k](exp(a[m, k])))
        top[m] = argmax[n](c[m, n])
    }";

const MAIN: &str = r#"
#include "dot_rows.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { M = 50, N = 70, K = 300 };
static float a[M * K], c[2][M * N];
static uint16_t b[N * K];
static int32_t top[M];

static void backwards(void *context, int64_t tasks, dot_rows_body body, void *closure) {
    ++*(int *)context;
    for (int64_t task = tasks; task-- > 0;) body(closure, task, task % 3);
}

int main(void) {
    for (int i = 0; i < M * K; i++) a[i] = (float)(i % 7 - 3) / 8;
    for (int i = 0; i < N * K; i++) b[i] = 0x3f80 | i % 64; /* 1 to 1.5 */
    int calls = 0;
    struct dot_rows_args args = {.M = M, .N = N, .K = K, .a = a, .int_ = b, .c = c[0], .top = top};
    for (int pass = 0; pass < 2; pass++) {
        args.c = c[pass];
        args.workers = pass ? 3 : 0;
        args.parallel_for = pass ? backwards : 0;
        args.context = &calls;
        args.workspace = aligned_alloc(64, (dot_rows_workspace(&args) + 63) / 64 * 64);
        if (dot_rows_run(&args) != 0) return 1;
        free(args.workspace);
    }
    if (calls == 0) return 2;
    for (int m = 0; m < M; m++) {
        double norm = 1;
        for (int k = 0; k < K; k++) norm += exp(a[m * K + k]);
        int best = 0;
        for (int n = 0; n < N; n++) {
            double sum = 0;
            for (int k = 0; k < K; k++) sum += a[m * K + k] * (1 + (n * K + k) % 64 / 128.0);
            float x = c[0][m * N + n];
            if (x != c[1][m * N + n]) return 3;
            if (!(fabs(x - sum / norm) < 1e-5)) return 4;
            if (x > c[0][m * N + best]) best = n;
        }
        if (top[m] != best) return 5;
    }
    args.N = 0;
    if (dot_rows_run(&args) != 1) return 6;
    puts("fine");
    return 0;
}
"#;

/// Every row has a group. Where rows go is one argument; tasks are dealt to four
/// workers, each to the one that has had the fewest rows.
const GROUPED: &str =
    "kernel grouped[R, N, K, E](x: f32[R, K], w: f32[E, N, K], group: idx<E>[R]) -> (y: f32[R, N])
    { y[r, n] = sum[k](x[r, k] * w[group[r], n, k]) }";

const COUNT: &str = r#"
#include "grouped.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { R = 16384, N = 16, K = 16, E = 64, WORKERS = 4 };
static float x[R * K], w[E * N * K], y[R * N];
static int32_t group[R];
static int64_t load[WORKERS];

static int64_t written(void) {
    int64_t rows = 0;
    for (int r = 0; r < R; r++) rows += !isnan(y[r * N]);
    return rows;
}

static void deal(void *context, int64_t tasks, grouped_body body, void *closure) {
    (void)context;
    for (int64_t task = 0; task < tasks; task++) {
        int64_t before = written();
        int least = 0;
        for (int worker = 1; worker < WORKERS; worker++)
            if (load[worker] < load[least]) least = worker;
        body(closure, task, least);
        load[least] += written() - before;
    }
}

int main(void) {
    for (int i = 0; i < R * K; i++) x[i] = (float)(i % 7 - 3);
    for (int i = 0; i < E * N * K; i++) w[i] = (float)(i % 5 - 2);
    struct grouped_args args = {.R = R, .N = N, .K = K, .E = E, .x = x, .w = w, .group = group, .y = y};
    args.workers = WORKERS;
    args.parallel_for = deal;
    args.workspace = aligned_alloc(64, (grouped_workspace(&args) + 63) / 64 * 64);
    for (int spread = 0; spread < 3; spread++) {
        /* all to one group, by Zipf's law, in turn */
        double sum = 0, all = 0;
        for (int e = 0; e < E; e++) all += 1.0 / (e + 1);
        for (int e = 0, r = 0; e < E; e++)
            for (sum += 1.0 / (e + 1); r < R && r < sum / all * R; r++)
                group[r * 4099 % R] = spread == 0 ? 37 : spread == 1 ? e : r % E;
        memset(y, 0xff, sizeof y);
        memset(load, 0, sizeof load);
        if (grouped_run(&args) != 0 || written() != R) return 1;
        int64_t most = 0;
        for (int worker = 0; worker < WORKERS; worker++)
            most = load[worker] > most ? load[worker] : most;
        printf("%.3f\n", (double)most * WORKERS / R);
    }
    return 0;
}
"#;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("object").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What a C program that calls a kernel prints.
fn run_in_c(text: &str, main: &str) -> String {
    let kernel = kernel(text);
    let (name, folder) = (&kernel.name, folder(&kernel.name));
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write(&format!("{name}.h"), header(&kernel).as_bytes());
    write(&format!("{name}.o"), &compile(&kernel).unwrap().object());
    write("main.c", main.as_bytes());
    let arguments = format!("-std=c11 -Wall -Wextra -Werror -O1 main.c {name}.o -lm -o main");
    let built = Command::new("cc").args(arguments.split(' ')).current_dir(&folder).output();
    let built = built.expect("a C compiler is needed");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let ran = Command::new(folder.join("main")).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "see the C program for what the code means");
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn a_c_program_runs_the_kernel() {
    assert_eq!(run_in_c(KERNEL, MAIN), "fine\n");
}

/// No worker has more than 1.2 times the rows of the mean, however these are
/// spread over groups.
#[test]
fn grouped_rows_are_dealt_by_blocks() {
    let shares = run_in_c(GROUPED, COUNT);
    let shares: Vec<f64> = shares.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(shares.len(), 3);
    assert!(shares.iter().all(|&share| share <= 1.2), "most over mean: {shares:?}");
}

#[test]
fn the_header_is_c_and_cpp() {
    let (kernel, folder) = (kernel(KERNEL), folder("alone"));
    std::fs::write(folder.join("alone.h"), header(&kernel)).unwrap();
    for language in ["c", "c++"] {
        let arguments = format!("-Wall -Wextra -Werror -fsyntax-only -x {language} alone.h");
        let command = if language == "c" { "cc" } else { "c++" };
        let checked =
            Command::new(command).args(arguments.split(' ')).current_dir(&folder).output();
        let checked = checked.expect("a C and C++ compiler is needed");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}
