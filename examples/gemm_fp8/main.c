/* Calls the compiled FP8 GEMM from C on data that it makes up, and checks every
 * element against a sum in double precision. Takes M, N and K; exits with 1 where
 * something differs. README.md has the line that builds it. */
#include <cuda_runtime_api.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "gemm_fp8.h"

#define BLOCK 128

static int64_t blocks(int64_t size) { return (size + BLOCK - 1) / BLOCK; }

/* A sequence of 32-bit numbers that looks random (xorshift). */
static uint32_t draw(void) {
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* The value of an f8e4m3 code that is not NaN: sign, 4 bits of exponent, 3 of fraction. */
static double value_of(uint8_t code) {
    int exponent = code >> 3 & 15, fraction = code & 7;
    double size = exponent ? ldexp(8 + fraction, exponent - 10) : ldexp(fraction, -9);
    return code & 128 ? -size : size;
}

static double bf16_value(uint16_t bits) {
    union {
        uint32_t bits;
        float value;
    } wide = {(uint32_t)bits << 16};
    return wide.value;
}

static uint8_t *random_codes(int64_t count) {
    uint8_t *codes = malloc(count + 1);
    for (int64_t i = 0; i < count; i++) {
        uint8_t code = draw() >> 8 & 255;
        codes[i] = (code & 127) == 127 ? 0 : code;
    }
    return codes;
}

static float *random_scales(int64_t count) {
    float *scales = malloc(count * sizeof(float) + 1);
    for (int64_t i = 0; i < count; i++) scales[i] = 0.01f + (float)(draw() >> 8) / (1 << 24);
    return scales;
}

static void check(cudaError_t error, const char *what) {
    if (error == cudaSuccess) return;
    fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
    exit(3);
}

/* Memory of the GPU; `from` may be null. */
static void *on_gpu(const void *from, size_t bytes) {
    void *to = NULL;
    check(cudaMalloc(&to, bytes + 1), "cudaMalloc");
    if (from) check(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
    return to;
}

/* How many elements of c are further from the sum than FP8 tensor cores and bf16 explain:
 * about 14 bits of each block of 128 products, and half a unit of bf16. */
static int64_t wrong(const struct gemm_fp8_args *host, const uint16_t *c) {
    const uint8_t *a = host->a, *b = host->b;
    const float *sa = host->sa, *sb = host->sb;
    int64_t strips = blocks(host->K), count = 0;
    for (int64_t m = 0; m < host->M; m++) {
        for (int64_t n = 0; n < host->N; n++) {
            double sum = 0, size = 0;
            for (int64_t k = 0; k < host->K; k++) {
                double scale = (double)sa[m * strips + k / BLOCK] * sb[n / BLOCK * strips + k / BLOCK];
                double product = value_of(a[m * host->K + k]) * value_of(b[n * host->K + k]) * scale;
                sum += product;
                size += fabs(product);
            }
            double allowed = ldexp(size, -10) + ldexp(fabs(sum), -8);
            count += !(fabs(bf16_value(c[m * host->N + n]) - sum) <= allowed);
        }
    }
    return count;
}

static int64_t argument(int argc, char **argv, int at, int64_t otherwise) {
    return argc > at ? strtoll(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv) {
    struct gemm_fp8_args host = {0};
    host.M = argument(argc, argv, 1, 300);
    host.N = argument(argc, argv, 2, 520);
    host.K = argument(argc, argv, 3, 1024);
    if (host.M < 0 || host.N < 0 || host.K < 0) return fputs("sizes are at least 0\n", stderr), 2;
    int64_t strips = blocks(host.K);
    host.a = random_codes(host.M * host.K);
    host.b = random_codes(host.N * host.K);
    host.sa = random_scales(host.M * strips);
    host.sb = random_scales(blocks(host.N) * strips);

    struct gemm_fp8_args args = host;
    size_t c_bytes = host.M * host.N * sizeof(uint16_t);
    args.a = on_gpu(host.a, host.M * host.K);
    args.b = on_gpu(host.b, host.N * host.K);
    args.sa = on_gpu(host.sa, host.M * strips * sizeof(float));
    args.sb = on_gpu(host.sb, blocks(host.N) * strips * sizeof(float));
    args.c = on_gpu(NULL, c_bytes);
    int64_t bytes = gemm_fp8_workspace_bytes(host.M, host.N, host.K);
    void *workspace = on_gpu(NULL, bytes > 0 ? bytes : 0);

    const char *refused = gemm_fp8_launch(&args, workspace, bytes, NULL);
    if (refused) return fprintf(stderr, "%s\n", refused), 2;
    check(cudaDeviceSynchronize(), "gemm_fp8");

    uint16_t *c = malloc(c_bytes + 1);
    check(cudaMemcpy(c, args.c, c_bytes, cudaMemcpyDeviceToHost), "cudaMemcpy");
    int64_t count = wrong(&host, c);
    printf("%lld x %lld x %lld: %lld of %lld elements are wrong\n", (long long)host.M, (long long)host.N,
           (long long)host.K, (long long)count, (long long)(host.M * host.N));
    return count != 0;
}
