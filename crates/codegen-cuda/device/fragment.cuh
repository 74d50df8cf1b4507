// A warp's part of a product of two tiles in shared memory.
//
// A tile of an operand has a line per row with k along it (`KInner`) or, for
// 16-bit elements, a line per k with the rows along it (`RowInner`). Lines are
// `Pitch` bytes apart, an odd multiple of 16, so that the 8 lines which one
// ldmatrix reads lie in different banks.
#ifndef TILEC_FRAGMENT_CUH
#define TILEC_FRAGMENT_CUH

#include "matrix.cuh"
#include "mma.cuh"

namespace tilec {

// Lines along k: a fragment is 16 lines and 32 bytes of each.
template <int Pitch>
struct KInner {
    // Rows 0-7 and 8-15 of the first 16 bytes, then of the second: the order of A.
    __device__ __forceinline__ static void rows(u32 (&to)[4], u32 tile, int row, int step) {
        const int line = row + lane() % 16;
        load_matrices(to, tile + line * Pitch + step * 32 + lane() / 16 * 16);
    }
    // Both halves of k of columns 0-7, then of 8-15: two B fragments.
    __device__ __forceinline__ static void columns(u32 (&to)[4], u32 tile, int column, int step) {
        const int line = column + lane() / 16 * 8 + lane() % 8;
        load_matrices(to, tile + line * Pitch + step * 32 + lane() / 8 % 2 * 16);
    }
};

// Lines along the rows, of 16-bit elements: a fragment is 16 lines and 32 bytes of each.
template <int Pitch>
struct RowInner {
    __device__ __forceinline__ static void rows(u32 (&to)[4], u32 tile, int row, int step) {
        const int line = step * 16 + lane() / 16 * 8 + lane() % 8;
        load_matrices_transposed(to, tile + line * Pitch + row * 2 + lane() / 8 % 2 * 16);
    }
    __device__ __forceinline__ static void columns(u32 (&to)[4], u32 tile, int column, int step) {
        const int line = step * 16 + lane() % 16;
        load_matrices_transposed(to, tile + line * Pitch + column * 2 + lane() / 16 * 16);
    }
};

// sums += a b over `Steps` times 32 bytes of k, for 16 `Rows` rows from `row` of the
// tile at `a_tile` and 8 `Columns` columns from `column` of that at `b_tile`, both in
// shared memory. Each sums[i][j] is 16 x 8 as mma.cuh lays it out.
template <class Mma, class A, class B, int Steps, int Rows, int Columns>
__device__ __forceinline__ void multiply(typename Mma::Sum (&sums)[Rows][Columns][4],
                                         const void* a_tile, int row, const void* b_tile,
                                         int column) {
    const u32 a = shared_address(a_tile);
    const u32 b = shared_address(b_tile);
    static_assert(Columns % 2 == 0, "one read brings two fragments of B");
#pragma unroll
    for (int step = 0; step < Steps; ++step) {
        u32 rows[Rows][4];
#pragma unroll
        for (int i = 0; i < Rows; ++i) {
            A::rows(rows[i], a, row + 16 * i, step);
        }
#pragma unroll
        for (int j = 0; j < Columns; j += 2) {
            u32 columns[4];
            B::columns(columns, b, column + 8 * j, step);
            const u32 left[2] = {columns[0], columns[1]};
            const u32 right[2] = {columns[2], columns[3]};
#pragma unroll
            for (int i = 0; i < Rows; ++i) {
                Mma::step(sums[i][j], rows[i], left);
                Mma::step(sums[i][j + 1], rows[i], right);
            }
        }
    }
}

// Where row `r` of this lane's 2 `Rows` rows lies in the warp's part, and its column `c`.
__device__ __forceinline__ int fragment_row(int r) {
    return r / 2 * 16 + lane() / 4 + r % 2 * 8;
}
__device__ __forceinline__ int fragment_column(int c) {
    return c / 2 * 8 + lane() % 4 * 2 + c % 2;
}

// sums += parts; parts = 0.
template <int Rows, int Columns>
__device__ __forceinline__ void promote(float (&sums)[Rows][Columns][4],
                                        float (&parts)[Rows][Columns][4]) {
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
#pragma unroll
        for (int j = 0; j < Columns; ++j) {
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                sums[i][j][e] += parts[i][j][e];
                parts[i][j][e] = 0.0f;
            }
        }
    }
}

// sums += parts, times the scales of their row and their column; parts = 0.
template <int Rows, int Columns>
__device__ __forceinline__ void promote(float (&sums)[Rows][Columns][4],
                                        float (&parts)[Rows][Columns][4],
                                        const float (&row_scale)[2 * Rows],
                                        const float (&column_scale)[2 * Columns]) {
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
#pragma unroll
        for (int j = 0; j < Columns; ++j) {
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                const float scale = row_scale[2 * i + e / 2] * column_scale[2 * j + e % 2];
                sums[i][j][e] = fmaf(parts[i][j][e], scale, sums[i][j][e]);
                parts[i][j][e] = 0.0f;
            }
        }
    }
}

// Writes this lane's sums to a tile with lines of `Line` values; `to` is the first of
// the warp's part.
template <int Line, int Rows, int Columns, class T>
__device__ __forceinline__ void put_sums(T* to, const T (&sums)[Rows][Columns][4]) {
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
#pragma unroll
        for (int j = 0; j < Columns; ++j) {
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                const int row = fragment_row(2 * i + e / 2);
                to[row * Line + fragment_column(2 * j + e % 2)] = sums[i][j][e];
            }
        }
    }
}

}  // namespace tilec

#endif
