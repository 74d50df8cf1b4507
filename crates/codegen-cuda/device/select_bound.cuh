// A bound for the first elements of a row before the row is searched.
//
//     place_in_sample   the elements of a sample: one of each stretch, at odd distances
//     suggest           the bound: so many of the sample are within it that k of the row
//                       most likely are
//     bound_row         the bound: at least k of a row that the block holds are within it
//     keep              the elements of a chunk within the bound, as far as there is room
//     is_enough         whether the first k are among the candidates
//
// A sample may mislead, so what it suggests is never concluded: a row of which too few
// or too many elements are within the bound is searched as if there had been none.
#ifndef TILEC_SELECT_BOUND_CUH
#define TILEC_SELECT_BOUND_CUH

#include "select.cuh"

namespace tilec {

// The key of a word; NaN where no float has it.
template <class Key>
__device__ __forceinline__ Key key_of(unsigned word, bool descending);
template <>
__device__ __forceinline__ float key_of<float>(unsigned word, bool descending) {
    const unsigned ascending = descending ? ~word : word;
    const unsigned bits = ascending >> 31 != 0 ? ascending ^ 0x80000000u : ~ascending;
    return __int_as_float(static_cast<int>(bits));
}
template <>
__device__ __forceinline__ int key_of<int>(unsigned word, bool descending) {
    return static_cast<int>((descending ? ~word : word) ^ 0x80000000u);
}

// Whether a key may come no later than a limit; where either is NaN, it may.
template <bool Descending, class Key>
__device__ __forceinline__ bool may_be_within(Key key, Key limit) {
    return Descending ? !(key < limit) : !(key > limit);
}

// The earlier of two keys; of NaN and a number, the number.
template <bool Descending>
__device__ __forceinline__ float earlier(float a, float b) {
    return Descending ? fmaxf(a, b) : fminf(a, b);
}
template <bool Descending>
__device__ __forceinline__ int earlier(int a, int b) {
    return Descending ? max(a, b) : min(a, b);
}

// The index of a thread's element of a chunk: `Vector` neighbors of a thread, then those
// of the next thread. Indices are below 2^31, and so are chunks.
template <int Threads, int Vector>
__device__ __forceinline__ unsigned index_in_chunk(long long start, int own) {
    const unsigned vector = own / Vector * Threads + threadIdx.x;
    return static_cast<unsigned>(start) + vector * Vector + own % Vector;
}

// How far the vectors of a sample are apart.
template <int Sampled, int Vector>
__device__ __forceinline__ unsigned stride_of_sample(long long length) {
    const long long stride = length / Vector / (Sampled / Vector);
    return stride > 1 ? static_cast<unsigned>(stride) : 1u;
}

// Which vector of the row is one of the sample: some place in its stride, so that no
// period of the row is met.
__device__ __forceinline__ long long place_in_sample(unsigned vector, unsigned stride) {
    const unsigned odd = vector * 2654435761u;
    const auto within = static_cast<unsigned long long>(odd) * stride >> 32;
    return static_cast<long long>(vector) * stride + static_cast<long long>(within);
}

// How many of a sample are to be within the bound for k of the row to be, nearly always:
// four standard deviations more than they would on average.
template <int Sampled>
__device__ __forceinline__ unsigned rank_in_sample(unsigned k, long long length) {
    if (length <= Sampled) return k;
    const float share = static_cast<float>(Sampled) / static_cast<float>(length);
    const float average = static_cast<float>(k) * share;
    return static_cast<unsigned>(average + 4.0f * sqrtf(average) + 4.0f);
}

// How many of the first k of a row one of its parts looks for: nearly always all that it
// has, five standard deviations more than its share.
__device__ __forceinline__ unsigned share_of_part(unsigned k, int parts) {
    const float average = static_cast<float>(k) / static_cast<float>(parts);
    return min(k, static_cast<unsigned>(average + 5.0f * sqrtf(average) + 8.0f));
}

// Bounds the row by a sample of it, of which `rank` are to be within the bound.
template <int Threads, int Capacity, int PerThread>
__device__ __forceinline__ void suggest(Selection<Threads, Capacity>& s,
                                        const Ranked (&own)[PerThread], unsigned rank) {
    lower(s, first_word(own), rank);
    append(s, own, s.bound);
    __syncthreads();
    const unsigned count = s.count;
    if (count > rank) {
        if (count <= kFew<Threads>) {
            sort_few(s);
            if (threadIdx.x == 0) s.bound = s.candidates[rank - 1];
        } else {
            narrow_to(s, rank, rank / 8);
        }
    }
    __syncthreads();
    if (threadIdx.x == 0) s.count = 0;
    __syncthreads();
}

// Bounds what the block holds as one chunk.
template <int Vector, bool Descending, int Threads, int Capacity, class Key, int PerThread>
__device__ __forceinline__ void bound_row(Selection<Threads, Capacity>& s,
                                          const Key (&keys)[PerThread], long long start,
                                          long long end, unsigned k) {
    Key first = key_of<Key>(~0u, Descending);
#pragma unroll
    for (int i = 0; i < PerThread; ++i) {
        const unsigned at = index_in_chunk<Threads, Vector>(start, i);
        const bool exists = at < static_cast<unsigned>(end);
        if (exists) first = earlier<Descending>(first, keys[i]);
    }
    lower(s, order_word(first, Descending), k);
}

// Keeps what of a chunk is within the bound; the whole block has called it when all of
// it is kept. Most keys are told apart from the limit without becoming words; where few
// are left, lanes make words of theirs one by one.
template <int Vector, bool Descending, int Threads, int Capacity, class Key, int PerThread>
__device__ __forceinline__ void keep(Selection<Threads, Capacity>& s, const Key (&keys)[PerThread],
                                     long long start, long long end) {
    const Ranked bound = s.bound;
    const Key limit = key_of<Key>(word_of(bound), Descending);
    unsigned some = 0;
#pragma unroll
    for (int i = 0; i < PerThread; ++i) {
        some |= may_be_within<Descending>(keys[i], limit) ? 1u << i : 0u;
    }
    const unsigned lanes = __ballot_sync(0xffffffffu, some != 0);
    if (lanes == 0) return;
    if (__popc(lanes) <= 8) {
        while (some != 0) {
            const int i = __ffs(static_cast<int>(some)) - 1;
            some &= some - 1;
            Key key = keys[0];
#pragma unroll
            for (int other = 1; other < PerThread; ++other) key = i == other ? keys[other] : key;
            const unsigned at = index_in_chunk<Threads, Vector>(start, i);
            const Ranked x = ranked(order_word(key, Descending), at);
            if (at >= static_cast<unsigned>(end) || x > bound) continue;
            const unsigned place = atomicAdd(&s.count, 1u);
            if (place < Capacity) s.candidates[place] = x;
        }
        return;
    }
    Ranked own[PerThread];
#pragma unroll
    for (int i = 0; i < PerThread; ++i) {
        const unsigned at = index_in_chunk<Threads, Vector>(start, i);
        const bool exists = at < static_cast<unsigned>(end);
        own[i] = exists ? ranked(order_word(keys[i], Descending), at) : ~Ranked{0};
    }
    append(s, own, bound);
}

// Keeps what is within the bound of what the block holds, a vector after the other.
template <int Vector, bool Descending, int Threads, int Capacity, class Key, int PerThread>
__device__ __forceinline__ void keep_row(Selection<Threads, Capacity>& s,
                                         const Key (&keys)[PerThread], long long start,
                                         long long end) {
#pragma unroll
    for (int first = 0; first < PerThread; first += Vector) {
        Key some[Vector];
#pragma unroll
        for (int i = 0; i < Vector; ++i) some[i] = keys[first + i];
        keep<Vector, Descending>(s, some, start + first * Threads, end);
    }
}

// Whether the first k of the row are among the candidates.
template <int Threads, int Capacity>
__device__ __forceinline__ bool is_enough(const Selection<Threads, Capacity>& s, unsigned k) {
    return k <= s.count && s.count <= Capacity;
}

}  // namespace tilec

#endif
