// Results of 16 bits on their way out as boxes, without leaving the layout of sums.
//
// A warp holds 16 rows of 64 columns as wgmma.cuh lays them out (element 4j + e of
// lane l: row l / 4 + 8 (e / 2), column 8j + 2 (l % 4) + e % 2). Rounded in pairs, they
// are whole matrices of 8 x 8 for stmatrix, which writes the 16 rows of 128 bytes that
// the copy engine takes: 2048 bytes, swizzled in 128.
#ifndef TILEC_BOXES_CUH
#define TILEC_BOXES_CUH

#include "matrix.cuh"
#include "vector.cuh"

namespace tilec {

// Lays a warp's 16 x 64 results at `to`, a multiple of 1024.
template <class T>
__device__ __forceinline__ void lay_box(u32 to, const T (&results)[32]) {
    static_assert(sizeof(T) == 2, "matrices of 16-bit units");
    const u32* const pairs = reinterpret_cast<const u32*>(results);
#pragma unroll
    for (u32 i = 0; i < 4; ++i) {
        const u32 at = swizzle_128(lane() % 16, i * 32 + lane() / 16 * 16);
        store_matrices(to + at, pairs[4 * i], pairs[4 * i + 1], pairs[4 * i + 2],
                       pairs[4 * i + 3]);
    }
}

// Writes what lay_box laid at `box` where no tensor map can say where it goes: to rows
// that are `pitch` elements apart, as many rows and columns as there are.
template <class T>
__device__ __forceinline__ void store_box(T* to, const unsigned char* box, long long pitch,
                                          long long rows, long long columns) {
#pragma unroll 1
    for (int row = 0; row < 16; ++row) {
#pragma unroll
        for (int first = 0; first < 64; first += 32) {
            const int column = first + lane();
            if (row < rows && column < columns) {
                to[row * pitch + column] =
                    *reinterpret_cast<const T*>(box + swizzle_128(row, 2 * column));
            }
        }
    }
}

}  // namespace tilec

#endif
