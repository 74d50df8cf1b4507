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

// So many candidates are a few: comparing all with all is quicker than any passes.
template <int Threads>
inline constexpr unsigned kFew = Threads < 160 ? Threads : 160;

// Puts each of a few candidates where it belongs: after those that are less, which as
// many lanes count as there are to spare.
template <int Threads, int Capacity>
__device__ __forceinline__ void sort_few(Selection<Threads, Capacity>& s) {
    const unsigned count = s.count;
    unsigned lanes = 1;
    while (lanes < 32 && 2 * lanes * count <= Threads) lanes *= 2;
    const unsigned which = threadIdx.x / lanes;
    const Ranked own = which < count ? s.candidates[which] : 0;
    unsigned before = 0;
#pragma unroll 4
    for (unsigned i = threadIdx.x % lanes; i < count; i += lanes) {
        before += s.candidates[i] < own ? 1 : 0;
    }
    for (unsigned lane = 1; lane < lanes; lane *= 2) {
        before += __shfl_xor_sync(0xffffffffu, before, lane);
    }
    __syncthreads();
    if (which < count && threadIdx.x % lanes == 0) s.candidates[before] = own;
    __syncthreads();
}

// Has the first k candidates, which are in order, alone.
template <int Threads, int Capacity>
__device__ __forceinline__ void leave(Selection<Threads, Capacity>& s, unsigned k) {
    __syncthreads();
    if (threadIdx.x == 0 && k <= s.count) {
        s.count = k;
        s.bound = s.candidates[k - 1];
    }
    __syncthreads();
}

// Keeps the first k candidates, if there are more, and lowers the bound to them.
template <int Threads, int Capacity>
__device__ __forceinline__ void cut(Selection<Threads, Capacity>& s, unsigned k) {
    const unsigned count = s.count;
    if (count <= k) return;
    if (count <= kFew<Threads>) {
        sort_few(s);
        leave(s, k);
    } else {
        narrow_to(s, k, 0);
        compact(s);
    }
}

// The most candidates of a bin.
inline constexpr unsigned kMostOfBin = 32;

// Makes counts of bins the numbers of those before, and finds the bin of the k-th;
// whether no bin up to it is crowded.
template <int Threads, int Capacity>
__device__ __forceinline__ bool sum_bins(Selection<Threads, Capacity>& s, unsigned k) {
    constexpr int per_thread = kBins / Threads;
    unsigned* bins = s.bins + threadIdx.x * per_thread;
    unsigned own = 0;
#pragma unroll
    for (int i = 0; i < per_thread; ++i) own += bins[i];
    unsigned before = sum_before(s, own);
    bool crowded = false;
#pragma unroll
    for (int i = 0; i < per_thread; ++i) {
        const unsigned count = bins[i];
        crowded |= count > kMostOfBin && before < k;
        if (before < k && k <= before + count) {
            s.digit = threadIdx.x * per_thread + static_cast<unsigned>(i);
        }
        bins[i] = before;
        before += count;
    }
    return __syncthreads_or(crowded) == 0;
}

// Leaves the first k of the candidates in order, unless some bin is crowded or room is
// short; k is at most as many as there are.
template <int Threads, int Capacity>
__device__ __forceinline__ bool sort_spread(Selection<Threads, Capacity>& s, unsigned k) {
    const unsigned count = s.count;
    if (count + k + kMostOfBin > Capacity) return false;
    const Bins range = find_range(s, reinterpret_cast<Ranked*>(s.bins));
    const int shift = range.bits > kDigitBits ? range.bits - kDigitBits : 0;
    count_digits(s, range, 0, range.bits, shift);
    if (!sum_bins(s, k)) return false;
    const unsigned last = s.digit;
    Ranked* spread = s.candidates + count;
#pragma unroll 4
    for (unsigned i = threadIdx.x; i < count; i += Threads) {
        const Ranked x = s.candidates[i];
        const unsigned bin = static_cast<unsigned>((x - range.least) >> shift);
        if (bin <= last) spread[atomicAdd(&s.bins[bin], 1u)] = x;
    }
    __syncthreads();
    // A bin ends where its count has gone, and begins where the one before ends.
    const unsigned all = s.bins[last];
#pragma unroll 2
    for (unsigned i = threadIdx.x; i < all; i += Threads) {
        const Ranked x = spread[i];
        const unsigned bin = static_cast<unsigned>((x - range.least) >> shift);
        const unsigned begin = bin != 0 ? s.bins[bin - 1] : 0, end = s.bins[bin];
        unsigned at = begin;
        for (unsigned other = begin; other < end; ++other) at += spread[other] < x ? 1 : 0;
        if (at < k) s.candidates[at] = x;
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
