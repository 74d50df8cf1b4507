// The first elements of a row that a warp holds in registers.
//
//     bound         the k-th least of what is least in each lane: at least k elements are
//                   within it, and few more
//     candidates    elements within the bound, in shared memory
//     places        where each candidate belongs: after those that are less
//
// Elements are numbers of which no two are the same: a key's word with its index
// below it, in 64 bits, or in 32 where both fit. All ones are none.
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

// What a warp keeps of a row.
template <typename T, int PerLane>
struct Found {
    T candidates[32 * PerLane];
    unsigned places[32];
};

// The k-th least of what is least in each lane, for k of at most 32.
template <typename T, int PerLane>
__device__ __forceinline__ T bound_of_warp(const T (&own)[PerLane], unsigned k) {
    T least = own[0];
#pragma unroll
    for (int i = 1; i < PerLane; ++i) least = min(least, own[i]);
    T bound = 0;
    for (unsigned i = 0; i < k; ++i) {
        bound = least_of_warp(least);
        if (least == bound) least = ~T{0};
    }
    return bound;
}

// Makes candidates of the elements within a bound; returns how many there are.
template <typename T, int PerLane>
__device__ __forceinline__ unsigned keep_in_warp(Found<T, PerLane>& found,
                                                 const T (&own)[PerLane], T bound) {
    const unsigned before = (1u << threadIdx.x % 32) - 1;
    unsigned count = 0;
#pragma unroll
    for (int i = 0; i < PerLane; ++i) {
        const bool within = own[i] <= bound && own[i] != ~T{0};
        const unsigned lanes = __ballot_sync(0xffffffffu, within);
        if (within) found.candidates[count + __popc(lanes & before)] = own[i];
        count += __popc(lanes);
    }
    return count;
}

// Finds the indices of the first k elements, at most 32; the whole warp calls it.
template <typename T, int PerLane>
__device__ __forceinline__ void find_places(Found<T, PerLane>& found, const T (&own)[PerLane],
                                            unsigned k) {
    // Others may still read the places of the row before.
    __syncwarp();
    const unsigned count = keep_in_warp(found, own, bound_of_warp(own, k));
    __syncwarp();
    for (unsigned i = threadIdx.x % 32; i < count; i += 32) {
        const T candidate = found.candidates[i];
        unsigned less = 0;
#pragma unroll 4
        for (unsigned other = 0; other < count; ++other) {
            less += found.candidates[other] < candidate ? 1 : 0;
        }
        if (less < k) found.places[less] = index_of(candidate);
    }
    __syncwarp();
}

}  // namespace tilec

#endif
