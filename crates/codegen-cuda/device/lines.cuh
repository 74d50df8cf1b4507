// Tiles of a tensor brought into shared memory by all threads of a block.
//
// A tile is `Lines` lines of `Length` neighboring elements; lines are `stride`
// elements apart in memory. Only the first `lines` lines and the first `length`
// elements of each exist; the rest of the tile becomes zeros, and is not read. A
// piece is `Count` elements, all of which exist or none.
#ifndef TILEC_LINES_CUH
#define TILEC_LINES_CUH

#include "convert.cuh"
#include "copy.cuh"
#include "vector.cuh"

namespace tilec {

// Copies a tile asynchronously, its lines `Pitch` elements apart from `to` on.
template <int Lines, int Length, int Count, int Pitch, int Threads, class T>
__device__ __forceinline__ void copy_lines(void* to, const T* from, long long stride,
                                           long long lines, long long length) {
    const u32 start = shared_address(to);
    constexpr int pieces = Length / Count;
    constexpr int bytes = Count * static_cast<int>(sizeof(T));
    static_assert(bytes == 4 || bytes == 8 || bytes == 16, "copies take 4, 8 or 16 bytes");
#pragma unroll
    for (int first = 0; first < Lines * pieces; first += Threads) {
        const int piece = first + static_cast<int>(threadIdx.x);
        if (Lines * pieces % Threads == 0 || piece < Lines * pieces) {
            const int line = piece / pieces;
            const int at = piece % pieces * Count;
            const u32 there = start + (line * Pitch + at) * static_cast<int>(sizeof(T));
            const T* here = from + line * stride + at;
            const bool exists = line < lines && at < length;
            if constexpr (bytes == 4) copy_4(there, here, exists);
            if constexpr (bytes == 8) copy_8(there, here, exists);
            if constexpr (bytes == 16) copy_16(there, here, exists);
        }
    }
}

// The pieces of a tile that each thread holds.
__device__ constexpr int held_pieces(int lines, int length, int count, int threads) {
    return (lines * (length / count) + threads - 1) / threads;
}

// Reads a tile into registers, piece by piece.
template <int Lines, int Length, int Threads, int Count, int Held, class T>
__device__ __forceinline__ void hold_lines(Vector<T, Count> (&held)[Held], const T* from,
                                           long long stride, long long lines, long long length) {
    constexpr int pieces = Length / Count;
    static_assert(Held == held_pieces(Lines, Length, Count, Threads), "a place for each piece");
#pragma unroll
    for (int i = 0; i < Held; ++i) {
        const int piece = i * Threads + static_cast<int>(threadIdx.x);
        const int line = piece / pieces;
        const int at = piece % pieces * Count;
        held[i] = {};
        if (line < Lines && line < lines && at < length) {
            held[i] = load<Count>(from + line * stride + at);
        }
    }
}

// An element as one of another type that has its value.
template <class To>
struct SameValue {
    template <class From>
    __device__ __forceinline__ static To of(From x) {
        return from_float<To>(to_float(x));
    }
    __device__ __forceinline__ static To of(To x) { return x; }
};
template <>
struct SameValue<int> {
    __device__ __forceinline__ static int of(int x) { return x; }
};
template <>
struct SameValue<signed char> {
    __device__ __forceinline__ static signed char of(signed char x) { return x; }
};
template <>
struct SameValue<unsigned char> {
    __device__ __forceinline__ static unsigned char of(unsigned char x) { return x; }
};

// Writes what hold_lines read as elements of a type with the same values. Element j of
// line i goes to `to[i * Pitch + j]`, or, where `Across`, to `to[j * Pitch + i]`.
template <int Lines, int Length, int Pitch, bool Across, int Threads, int Count, int Held, class T,
          class To>
__device__ __forceinline__ void put_lines(To* to, const Vector<T, Count> (&held)[Held]) {
    constexpr int pieces = Length / Count;
#pragma unroll
    for (int i = 0; i < Held; ++i) {
        const int piece = i * Threads + static_cast<int>(threadIdx.x);
        const int line = piece / pieces;
        const int at = piece % pieces * Count;
        if (Lines * pieces % Threads == 0 || line < Lines) {
            Vector<To, Count> elements;
#pragma unroll
            for (int j = 0; j < Count; ++j) {
                elements.at[j] = SameValue<To>::of(held[i].at[j]);
                if (Across) to[(at + j) * Pitch + line] = elements.at[j];
            }
            if (!Across) store(to + line * Pitch + at, elements);
        }
    }
}

// Reads and writes a tile, element by element, as hold_lines and put_lines would.
template <int Lines, int Length, int Pitch, bool Across, int Threads, class T, class To>
__device__ __forceinline__ void move_lines(To* to, const T* from, long long stride,
                                           long long lines, long long length) {
#pragma unroll 4
    for (int piece = static_cast<int>(threadIdx.x); piece < Lines * Length; piece += Threads) {
        const int line = piece / Length;
        const int at = piece % Length;
        To element{};
        if (line < lines && at < length) {
            element = SameValue<To>::of(from[line * stride + at]);
        }
        to[Across ? at * Pitch + line : line * Pitch + at] = element;
    }
}

}  // namespace tilec

#endif
