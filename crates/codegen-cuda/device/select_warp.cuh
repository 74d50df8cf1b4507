// The first elements of a row that a warp holds in registers, one after another.
//
// Elements are numbers of which no two are the same: a key's word with its index
// below it, in 64 bits, or in 32 where both fit.
#ifndef TILEC_SELECT_WARP_CUH
#define TILEC_SELECT_WARP_CUH

#include "sort.cuh"

namespace tilec {

// A word whose last 13 bits tell nothing, with an index instead of them.
__device__ __forceinline__ unsigned packed(unsigned word, unsigned index) {
    return (word & ~0x1fffu) | index;
}
__device__ __forceinline__ unsigned index_of(unsigned packed) {
    return packed & 0x1fffu;
}

// Elements of a warp; all ones are none.
template <typename T, int PerLane>
struct Held {
    T own[PerLane];
    T least;
};

// Finds the least that a lane has.
template <typename T, int PerLane>
__device__ __forceinline__ void find_least(Held<T, PerLane>& held) {
    held.least = held.own[0];
#pragma unroll
    for (int i = 1; i < PerLane; ++i) held.least = min(held.least, held.own[i]);
}

// Holds elements.
template <typename T, int PerLane>
__device__ __forceinline__ void hold(Held<T, PerLane>& held, const T (&own)[PerLane]) {
#pragma unroll
    for (int i = 0; i < PerLane; ++i) held.own[i] = own[i];
    find_least(held);
}

// Takes the least element out; the whole warp calls it, and gets it.
template <typename T, int PerLane>
__device__ __forceinline__ T pop(Held<T, PerLane>& held) {
    const T least = least_of_warp(held.least);
    if (held.least == least) {
#pragma unroll
        for (int i = 0; i < PerLane; ++i) {
            if (held.own[i] == least) held.own[i] = ~T{0};
        }
        find_least(held);
    }
    return least;
}

}  // namespace tilec

#endif
