// Sums on their way from accumulators to rows of results.
//
// A thread's accumulators are pairs of neighboring columns; written like that,
// results would take many small stores. So a warp lays 64 columns of its 16 rows in
// shared memory (4096 bytes) and takes them up again as 8 neighbors a lane:
//
//   accumulators of 16 rows --stage--> 16 rows of 64 --take_up--> 8 columns of a row
#ifndef TILEC_STAGING_CUH
#define TILEC_STAGING_CUH

#include "shared.cuh"

namespace tilec {

// Where column `column` of a row lies, in elements of 4 bytes: groups of 8 columns
// are permuted by the row, so that the lanes of a warp write to different banks.
__device__ __forceinline__ int staged_at(int row, int column) {
    return row * 64 + (column ^ (row % 4 * 8));
}

// Two neighboring columns.
template <class T>
struct alignas(8) FloatPair {
    T first, second;
};

// Lays up to 64 columns from column `first` on of a warp's 16 rows into shared memory.
// `sums` is a fragment of 64 rows (device/wgmma.cuh), or of several side by side.
template <int Columns, class T, int Count>
__device__ __forceinline__ void stage(T* staging, const T (&sums)[Count], int first) {
    const int row = lane() / 4, pair = lane() % 4 * 2;
#pragma unroll
    for (int column = 0; column < 64; column += 8) {
        if (first + column < Columns) {
            const int at = (first + column) / 2;
            T* const upper = staging + staged_at(row, column) + pair;
            T* const lower = staging + staged_at(row + 8, column) + pair;
            *reinterpret_cast<FloatPair<T>*>(upper) = {sums[at], sums[at + 1]};
            *reinterpret_cast<FloatPair<T>*>(lower) = {sums[at + 2], sums[at + 3]};
        }
    }
}

// Takes up 8 neighboring columns, the first a multiple of 8.
template <class T>
__device__ __forceinline__ void take_up(T (&values)[8], const T* staging, int row, int column) {
    const int4* const from = reinterpret_cast<const int4*>(staging + staged_at(row, column));
    reinterpret_cast<int4*>(values)[0] = from[0];
    reinterpret_cast<int4*>(values)[1] = from[1];
}

// Writes `Count` neighbors from `first` on: at once where their address allows it, else
// one by one.
template <int Count, class T, int All>
__device__ __forceinline__ void store_neighbors(T* to, const T (&from)[All], int first = 0) {
    constexpr int bytes = static_cast<int>(sizeof(T)) * Count;
    constexpr int word = bytes < 16 ? bytes : 16;
    static_assert(word == 8 || word == 16, "8 elements of at least a byte");
    if (reinterpret_cast<u64>(to) % word == 0) {
#pragma unroll
        for (int i = 0; i < bytes / word; ++i) {
            if constexpr (word == 16) {
                reinterpret_cast<int4*>(to)[i] = reinterpret_cast<const int4*>(from + first)[i];
            } else {
                reinterpret_cast<int2*>(to)[i] = reinterpret_cast<const int2*>(from + first)[i];
            }
        }
    } else {
#pragma unroll
        for (int i = 0; i < Count; ++i) to[i] = from[first + i];
    }
}

}  // namespace tilec

#endif
