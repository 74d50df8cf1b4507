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

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("object");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_c_program_runs_the_kernel() {
    let (kernel, folder) = (kernel(KERNEL), folder());
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("dot_rows.h", header(&kernel).as_bytes());
    write("dot_rows.o", &compile(&kernel).unwrap().object());
    write("main.c", MAIN.as_bytes());
    let arguments = "-std=c11 -Wall -Wextra -Werror -O1 main.c dot_rows.o -lm -o main";
    let built = Command::new("cc").args(arguments.split(' ')).current_dir(&folder).output();
    let built = built.expect("a C compiler is needed");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let ran = Command::new(folder.join("main")).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "see the C program for what the code means");
    assert_eq!(ran.stdout, b"fine\n");
}

#[test]
fn the_header_is_c_and_cpp() {
    let (kernel, folder) = (kernel(KERNEL), folder());
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
