// 8 x 8 matrices of 16-bit units between registers and shared memory.
//
// Lane l gives the shared address of row l % 8 of matrix l / 8 (16 bytes each);
// thread t holds the 4 bytes at 4 (t % 4) of row t / 4 of each matrix.
#ifndef TILEC_MATRIX_CUH
#define TILEC_MATRIX_CUH

#include "shared.cuh"

namespace tilec {

// Reads four matrices. PTX: ldmatrix.x4.
__device__ __forceinline__ void load_matrices(u32 (&to)[4], u32 row_address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(row_address)
                 : "memory");
}

// Writes four matrices. PTX: stmatrix.x4.
__device__ __forceinline__ void store_matrices(u32 row_address, u32 a, u32 b, u32 c, u32 d) {
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(
                     row_address),
                 "r"(a), "r"(b), "r"(c), "r"(d)
                 : "memory");
}

// Writes two matrices; lanes 0 to 15 give the rows. PTX: stmatrix.x2.
__device__ __forceinline__ void store_matrices(u32 row_address, u32 a, u32 b) {
    asm volatile(
        "stmatrix.sync.aligned.m8n8.x2.shared.b16 [%0], {%1, %2};" ::"r"(row_address), "r"(a),
        "r"(b)
        : "memory");
}

// Where byte `column` of row `row` lies in a tile of rows of 128 bytes that
// starts at a multiple of 1024 bytes and is swizzled in 128 bytes.
__device__ __forceinline__ u32 swizzle_128(u32 row, u32 column) {
    return row * 128 + (column ^ (row % 8 * 16));
}

}  // namespace tilec

#endif
