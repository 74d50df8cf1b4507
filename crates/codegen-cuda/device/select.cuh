// The first elements of a row by key, held as candidates in shared memory by a block.
//
//     begin                      no candidates; everything is within the bound
//     take, a chunk at a time    candidates: elements within the bound
//     cut, where room runs out   the bound: the k-th candidate; the others go
//     sort                       the candidates in order
//
// An element is its key's word (order.cuh) with its index below it: one number,
// less is first. No two elements are the same number, so ties need no care and the
// result depends on no order of threads. Whatever the keys are, a chunk fits: room
// is made before it is taken.
#ifndef TILEC_SELECT_CUH
#define TILEC_SELECT_CUH

#include "sort.cuh"

namespace tilec {

// Makes a selection empty. `length` is that of the row: whatever has an index past
// it and the last of words is no element.
template <int Threads, int Capacity>
__device__ __forceinline__ void begin(Selection<Threads, Capacity>& s, unsigned length) {
    // Others may still read what came out of the row before.
    __syncthreads();
    if (threadIdx.x == 0) {
        s.count = 0;
        s.bound = ranked(~0u, length) - 1;
    }
    __syncthreads();
}

// The most elements that one warp may have to give for its block's bound.
inline constexpr unsigned kMostOfWarp = 28;

// Lowers the bound by the first word of each thread: where every warp has k / warps
// elements at or below a word, the block has k.
template <int Threads, int Capacity>
__device__ __forceinline__ void lower(Selection<Threads, Capacity>& s, unsigned least, unsigned k) {
    constexpr int warps = Threads / 32;
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    if (k > kMostOfWarp * warps) return;
    unsigned word = ~0u;
    for (unsigned of_warp = 0; of_warp < (k + warps - 1) / warps; ++of_warp) {
        word = least_of_warp(least);
        const unsigned owners = __ballot_sync(0xffffffffu, least == word);
        if (lane == __ffs(static_cast<int>(owners)) - 1) least = ~0u;
    }
    if (lane == 0) s.of_warp[warp] = word;
    __syncthreads();
    const unsigned most = ~least_of_warp(lane < warps ? ~s.of_warp[lane] : ~0u);
    if (threadIdx.x == 0) s.bound = min(s.bound, ranked(most, ~0u));
    __syncthreads();
}

// The first word of some elements.
template <int PerThread>
__device__ __forceinline__ unsigned first_word(const Ranked (&own)[PerThread]) {
    unsigned least = ~0u;
#pragma unroll
    for (int i = 0; i < PerThread; ++i) least = min(least, word_of(own[i]));
    return least;
}

// Takes a chunk: a few elements of each thread, of which the block wants the first k.
template <int Threads, int Capacity, int PerThread>
__device__ __forceinline__ void take(Selection<Threads, Capacity>& s,
                                     const Ranked (&own)[PerThread], unsigned k) {
    static_assert(Threads * PerThread <= Capacity, "a chunk fits");
    const unsigned count = s.count;
    // Nobody counts on before all have read.
    __syncthreads();
    if (count == 0) lower(s, first_word(own), k);
    if (count + Threads * PerThread > Capacity) cut(s, k);
    append(s, own, s.bound);
    __syncthreads();
}

// Leaves the first k candidates, in order; there are at least as many.
template <int Threads, int Capacity>
__device__ __forceinline__ void sort(Selection<Threads, Capacity>& s, unsigned k) {
    if (s.count > kFew<Threads>) {
        if (sort_spread(s, k)) return;
        cut(s, k);
    }
    if (s.count <= kFew<Threads>) {
        sort_few(s);
    } else if (!sort_spread(s, k)) {
        sort_many(s);
    }
}

}  // namespace tilec

#endif
