// The k-th of a block's candidates, by their bits from the highest on.
//
//     range     what is counted from: the least candidate, and how many bits more others are
//     bins      how many candidates have each value of the next 11 bits
//     digit     the bin in which the k-th is
//     bound     the digits so far; enough once the bins up to it hold just k
#ifndef TILEC_RADIX_CUH
#define TILEC_RADIX_CUH

#include "order.cuh"

namespace tilec {

// A key's word with an index below it.
using Ranked = unsigned long long;

__device__ __forceinline__ Ranked ranked(unsigned word, unsigned index) {
    return static_cast<Ranked>(word) << 32 | index;
}
__device__ __forceinline__ unsigned word_of(Ranked x) {
    return static_cast<unsigned>(x >> 32);
}
__device__ __forceinline__ unsigned index_of(Ranked x) {
    return static_cast<unsigned>(x);
}

inline constexpr int kDigitBits = 11;
inline constexpr unsigned kBins = 1u << kDigitBits;

// What a block of `Threads` keeps of a row, in shared memory.
template <int Threads, int Capacity>
struct Selection {
    static_assert(Threads % 32 == 0 && Threads <= 1024, "a block is at most 32 whole warps");
    static_assert(kBins % Threads == 0, "threads share the bins evenly");
    Ranked candidates[Capacity];
    // Candidates are elements up to this one.
    Ranked bound;
    unsigned count;
    // The bin of the k-th: its digit, and how many are before it and in it.
    unsigned digit, before, inside;
    unsigned of_warp[32];
    unsigned bins[kBins];
};

// The least over a warp. PTX: redux.sync.min.
__device__ __forceinline__ unsigned least_of_warp(unsigned x) {
    return __reduce_min_sync(0xffffffffu, x);
}
__device__ __forceinline__ Ranked least_of_warp(Ranked x) {
    const unsigned word = least_of_warp(word_of(x));
    return ranked(word, least_of_warp(word_of(x) == word ? index_of(x) : ~0u));
}

// The sum of x over the lanes up to this one; the whole warp calls it.
__device__ __forceinline__ unsigned sum_upto(unsigned x) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int distance = 1; distance < 32; distance *= 2) {
        const unsigned other = __shfl_up_sync(0xffffffffu, x, distance);
        if (lane >= distance) x += other;
    }
    return x;
}

// The sum of x over the threads before this one; the whole block calls it.
template <int Threads, int Capacity>
__device__ __forceinline__ unsigned sum_before(Selection<Threads, Capacity>& s, unsigned x) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const unsigned upto = sum_upto(x);
    if (lane == 31) s.of_warp[warp] = upto;
    __syncthreads();
    const unsigned of_warp = lane < Threads / 32 ? s.of_warp[lane] : 0;
    const unsigned warps = sum_upto(of_warp) - of_warp;
    return __shfl_sync(0xffffffffu, warps, warp) + upto - x;
}

// A range of elements, cut into bins of equal width.
struct Bins {
    Ranked least;
    // Bits that tell elements of the range apart.
    int bits;
};

// The range of the candidates.
template <int Threads, int Capacity>
__device__ __forceinline__ Bins find_range(const Selection<Threads, Capacity>& s, Ranked* ends) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const unsigned count = s.count;
    Ranked least = ~Ranked{0}, most = 0;
    for (unsigned i = threadIdx.x; i < count; i += Threads) {
        least = min(least, s.candidates[i]);
        most = max(most, s.candidates[i]);
    }
    least = least_of_warp(least);
    most = ~least_of_warp(~most);
    if (lane == 0) ends[2 * warp] = least, ends[2 * warp + 1] = most;
    __syncthreads();
    const int other = lane < Threads / 32 ? lane : 0;
    least = least_of_warp(ends[2 * other]);
    most = ~least_of_warp(~ends[2 * other + 1]);
    // Bins are counted where the ends are.
    __syncthreads();
    return Bins{least, 64 - __clzll(static_cast<long long>(most - least))};
}

// Counts the candidates that are `prefix` from bit `known` of their distance to the
// least on, by their digit at bit `shift`.
template <int Threads, int Capacity>
__device__ __forceinline__ void count_digits(Selection<Threads, Capacity>& s, Bins range,
                                             Ranked prefix, int known, int shift) {
    for (unsigned i = threadIdx.x; i < kBins; i += Threads) s.bins[i] = 0;
    __syncthreads();
    const unsigned count = s.count;
    for (unsigned i = threadIdx.x; i < count; i += Threads) {
        const Ranked x = s.candidates[i] - range.least;
        if (known == range.bits || x >> known == prefix >> known) {
            atomicAdd(&s.bins[x >> shift & (kBins - 1)], 1u);
        }
    }
    __syncthreads();
}

// Finds the bin in which the k-th is, counting from 1.
template <int Threads, int Capacity>
__device__ __forceinline__ void find_digit(Selection<Threads, Capacity>& s, unsigned k) {
    constexpr int per_thread = kBins / Threads;
    const unsigned* bins = s.bins + threadIdx.x * per_thread;
    unsigned own = 0;
#pragma unroll
    for (int i = 0; i < per_thread; ++i) own += bins[i];
    unsigned before = sum_before(s, own);
    if (before < k && k <= before + own) {
        int i = 0;
        while (before + bins[i] < k) before += bins[i++];
        s.digit = threadIdx.x * per_thread + static_cast<unsigned>(i);
        s.before = before;
        s.inside = bins[i];
    }
    __syncthreads();
}

// Adds those of each thread's elements that are within the bound to the candidates.
// Where there is no room they are counted all the same.
template <int Threads, int Capacity, int PerThread>
__device__ __forceinline__ void append(Selection<Threads, Capacity>& s,
                                       const Ranked (&own)[PerThread], Ranked bound) {
    unsigned within = 0;
#pragma unroll
    for (int i = 0; i < PerThread; ++i) within += own[i] <= bound ? 1 : 0;
    const unsigned lanes = __ballot_sync(0xffffffffu, within != 0);
    if (lanes == 0) return;
    unsigned at = 0;
    if (__popc(lanes) <= 8) {
        // So few are quicker one after the other.
        if (within != 0) at = atomicAdd(&s.count, within);
    } else {
        const unsigned upto = sum_upto(within);
        if (threadIdx.x % 32 == 31) at = atomicAdd(&s.count, upto);
        at = __shfl_sync(0xffffffffu, at, 31) + upto - within;
    }
    if (within == 0 || at + within > Capacity) return;
#pragma unroll
    for (int i = 0; i < PerThread; ++i) {
        if (own[i] <= bound) s.candidates[at++] = own[i];
    }
}

// Keeps the candidates within the bound, in any order.
template <int Threads, int Capacity>
__device__ __forceinline__ void compact(Selection<Threads, Capacity>& s) {
    constexpr unsigned at_once = 4;
    const unsigned count = s.count;
    const Ranked bound = s.bound;
    __syncthreads();
    if (threadIdx.x == 0) s.count = 0;
    for (unsigned start = 0; start < count; start += at_once * Threads) {
        Ranked own[at_once];
#pragma unroll
        for (unsigned i = 0; i < at_once; ++i) {
            const unsigned at = start + i * Threads + threadIdx.x;
            own[i] = at < count ? s.candidates[at] : ~Ranked{0};
        }
        // What is kept goes where all have read: there is never more of it.
        __syncthreads();
        append(s, own, bound);
    }
    __syncthreads();
}

// Lowers the bound so that it holds the first k candidates, of which there are more,
// and no more than `spare` others that are as near to the k-th as bits tell.
template <int Threads, int Capacity>
__device__ __forceinline__ void narrow_to(Selection<Threads, Capacity>& s, unsigned k, unsigned spare) {
    const Bins range = find_range(s, reinterpret_cast<Ranked*>(s.bins));
    Ranked prefix = 0;
    unsigned left = k;
    int known = range.bits;
    do {
        const int shift = known > kDigitBits ? known - kDigitBits : 0;
        count_digits(s, range, prefix, known, shift);
        find_digit(s, left);
        prefix = (prefix & ~(Ranked{kBins - 1} << shift)) | static_cast<Ranked>(s.digit) << shift;
        left -= s.before;
        known = shift;
    } while (s.inside - left > spare && known != 0);
    const Ranked bound = range.least + (prefix | ((Ranked{1} << known) - 1));
    // Past the largest element that there is, it would begin anew.
    if (threadIdx.x == 0 && bound >= range.least) s.bound = min(s.bound, bound);
    __syncthreads();
}

}  // namespace tilec

#endif
