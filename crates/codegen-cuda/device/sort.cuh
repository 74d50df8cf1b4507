// A block's candidates in order.
//
//     few       each counts those that are less
//     spread    each goes to a bin by its distance from the least, and counts within it
//     many      exchanges over distances that are powers of two
//
// Bins are as even as the keys are; where one is crowded, exchanges take over.
#ifndef TILEC_SORT_CUH
#define TILEC_SORT_CUH

#include "radix.cuh"

namespace tilec {

// The least over a warp. PTX: redux.sync.min.
__device__ __forceinline__ unsigned least_of_warp(unsigned x) {
    return __reduce_min_sync(0xffffffffu, x);
}
__device__ __forceinline__ Ranked least_of_warp(Ranked x) {
    const unsigned word = least_of_warp(word_of(x));
    return ranked(word, least_of_warp(word_of(x) == word ? index_of(x) : ~0u));
}

// Puts each of a few candidates where it belongs: after those that are less.
template <int Threads, int Capacity>
__device__ __forceinline__ void sort_few(Selection<Threads, Capacity>& s) {
    const unsigned count = s.count;
    Ranked own = 0;
    unsigned before = 0;
    if (threadIdx.x < count) {
        own = s.candidates[threadIdx.x];
        for (unsigned i = 0; i < count; ++i) before += s.candidates[i] < own ? 1 : 0;
    }
    __syncthreads();
    if (threadIdx.x < count) s.candidates[before] = own;
    __syncthreads();
}

// The least of the candidates, and the bit from which on their distances to it are bins.
template <int Threads, int Capacity>
__device__ __forceinline__ Ranked find_range(Selection<Threads, Capacity>& s, int& shift) {
    // The ends of each warp's candidates, where bins are counted next.
    Ranked* ends = reinterpret_cast<Ranked*>(s.bins);
    const int warp = static_cast<int>(threadIdx.x) / 32;
    Ranked least = ~Ranked{0}, most = 0;
    for (unsigned i = threadIdx.x; i < s.count; i += Threads) {
        least = min(least, s.candidates[i]);
        most = max(most, s.candidates[i]);
    }
    least = least_of_warp(least);
    most = ~least_of_warp(~most);
    if (threadIdx.x % 32 == 0) ends[2 * warp] = least, ends[2 * warp + 1] = most;
    __syncthreads();
    for (int other = 0; other < Threads / 32; ++other) {
        least = min(least, ends[2 * other]);
        most = max(most, ends[2 * other + 1]);
    }
    const int bits = 64 - __clzll(static_cast<long long>(most - least));
    shift = bits > kDigitBits ? bits - kDigitBits : 0;
    __syncthreads();
    return least;
}

// The most candidates of a bin.
inline constexpr unsigned kMostOfBin = 32;

// Makes counts of bins the numbers of those before; whether no bin is crowded.
template <int Threads, int Capacity>
__device__ __forceinline__ bool sum_bins(Selection<Threads, Capacity>& s) {
    constexpr int per_thread = kBins / Threads;
    const int warp = static_cast<int>(threadIdx.x) / 32;
    unsigned* bins = s.bins + threadIdx.x * per_thread;
    unsigned own = 0, most = 0;
#pragma unroll
    for (int i = 0; i < per_thread; ++i) {
        own += bins[i];
        most = max(most, bins[i]);
    }
    const unsigned upto = sum_upto(own);
    if (threadIdx.x % 32 == 31) s.of_warp[warp] = upto;
    const bool crowded = __syncthreads_or(most > kMostOfBin) != 0;
    unsigned before = upto - own;
    for (int other = 0; other < warp; ++other) before += s.of_warp[other];
#pragma unroll
    for (int i = 0; i < per_thread; ++i) {
        const unsigned count = bins[i];
        bins[i] = before;
        before += count;
    }
    __syncthreads();
    return !crowded;
}

// Sorts candidates that fill at most half of their room, unless some bin is crowded.
template <int Threads, int Capacity>
__device__ __forceinline__ bool sort_spread(Selection<Threads, Capacity>& s) {
    const unsigned count = s.count;
    if (2 * count > Capacity) return false;
    int shift;
    const Ranked least = find_range(s, shift);
    for (unsigned i = threadIdx.x; i < kBins; i += Threads) s.bins[i] = 0;
    __syncthreads();
    for (unsigned i = threadIdx.x; i < count; i += Threads) {
        atomicAdd(&s.bins[(s.candidates[i] - least) >> shift], 1u);
    }
    __syncthreads();
    if (!sum_bins(s)) return false;
    Ranked* spread = s.candidates + count;
    for (unsigned i = threadIdx.x; i < count; i += Threads) {
        const Ranked x = s.candidates[i];
        spread[atomicAdd(&s.bins[(x - least) >> shift], 1u)] = x;
    }
    __syncthreads();
    // A bin ends where its count has gone, and begins where the one before ends.
    for (unsigned i = threadIdx.x; i < count; i += Threads) {
        const Ranked x = spread[i];
        const unsigned bin = static_cast<unsigned>((x - least) >> shift);
        const unsigned begin = bin != 0 ? s.bins[bin - 1] : 0, end = s.bins[bin];
        unsigned at = begin;
        for (unsigned other = begin; other < end; ++other) at += spread[other] < x ? 1 : 0;
        s.candidates[at] = x;
    }
    __syncthreads();
    return true;
}

// Sorts the candidates, by exchanges over distances that are powers of two.
template <int Threads, int Capacity>
__device__ __forceinline__ void sort_many(Selection<Threads, Capacity>& s) {
    unsigned all = 64;
    while (all < s.count) all *= 2;
    for (unsigned i = s.count + threadIdx.x; i < all; i += Threads) s.candidates[i] = ~Ranked{0};
    __syncthreads();
    for (unsigned run = 2; run <= all; run *= 2) {
        for (unsigned distance = run / 2; distance > 0; distance /= 2) {
            for (unsigned i = threadIdx.x; i < all / 2; i += Threads) {
                const unsigned at = 2 * i - (i & (distance - 1));
                const Ranked a = s.candidates[at], b = s.candidates[at + distance];
                if ((a > b) == ((at & run) == 0)) {
                    s.candidates[at] = b;
                    s.candidates[at + distance] = a;
                }
            }
            // Up to distance 32 a warp exchanges only what it wrote itself.
            if (distance > 32 || (distance == 1 && run > 32)) {
                __syncthreads();
            } else {
                __syncwarp();
            }
        }
    }
    __syncthreads();
}

}  // namespace tilec

#endif
