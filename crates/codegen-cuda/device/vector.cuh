// Several neighboring elements that are read or written at once.
#ifndef TILEC_VECTOR_CUH
#define TILEC_VECTOR_CUH

#include "convert.cuh"

namespace tilec {

// `Count` elements, in memory at a multiple of their size or of 16 bytes, whichever is less.
template <class T, int Count>
struct alignas(sizeof(T) * Count < 16 ? sizeof(T) * Count : 16) Vector {
    T at[Count];
};

template <int Bytes>
struct Words;
template <>
struct Words<1> {
    using Type = unsigned char;
};
template <>
struct Words<2> {
    using Type = unsigned short;
};
template <>
struct Words<4> {
    using Type = unsigned int;
};
template <>
struct Words<8> {
    using Type = uint2;
};
template <>
struct Words<16> {
    using Type = uint4;
};

// Reads elements that nothing writes during the launch, 16 bytes at a time where there are so many.
template <int Count, class T>
__device__ __forceinline__ Vector<T, Count> load(const T* from) {
    constexpr int bytes = static_cast<int>(sizeof(T)) * Count;
    constexpr int word = bytes < 16 ? bytes : 16;
    using Word = typename Words<word>::Type;
    Vector<T, Count> to;
#pragma unroll
    for (int i = 0; i < bytes / word; ++i) {
        reinterpret_cast<Word*>(&to)[i] = __ldg(reinterpret_cast<const Word*>(from) + i);
    }
    return to;
}

// Writes elements.
template <class T, int Count>
__device__ __forceinline__ void store(T* to, const Vector<T, Count>& from) {
    *reinterpret_cast<Vector<T, Count>*>(to) = from;
}

// The value of an element. Two bf16 of a word are apart by a shift and a mask.
template <class T, int Count>
__device__ __forceinline__ float to_float_at(const Vector<T, Count>& from, int i) {
    return to_float(from.at[i]);
}
template <int Count>
__device__ __forceinline__ float to_float_at(const Vector<bf16, Count>& from, int i) {
    if constexpr (Count % 2 == 0) {
        const unsigned word = reinterpret_cast<const unsigned*>(&from)[i / 2];
        return __int_as_float(static_cast<int>(i % 2 == 0 ? word << 16 : word & 0xffff0000u));
    } else {
        return to_float(from.at[i]);
    }
}

// Whether some value is NaN; one test takes two.
template <int Count>
__device__ __forceinline__ bool any_nan(const float (&values)[Count]) {
    bool found = false;
#pragma unroll
    for (int i = 0; i < Count; i += 2) {
        const int next = i + 1 < Count ? i + 1 : i;
        found |= !(values[i] < values[next]) && !(values[i] >= values[next]);
    }
    return found;
}

// Two numbers as neighboring elements, the first in the lower half.
// PTX: cvt.rn.bf16x2.f32, cvt.rn.f16x2.f32, cvt.rn.satfinite.e4m3x2.f32 and e5m2x2.
template <class T>
struct Pair {
    static constexpr bool exists = false;
    using Word = unsigned;
};
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
#define TILEC_PAIR(TYPE, WORD, LETTER, INSTRUCTION)                                       \
    template <>                                                                           \
    struct Pair<TYPE> {                                                                   \
        static constexpr bool exists = true;                                              \
        using Word = WORD;                                                                \
        __device__ __forceinline__ static WORD of(float low, float high) {                \
            WORD pair;                                                                    \
            asm(INSTRUCTION " %0, %1, %2;" : "=" LETTER(pair) : "f"(high), "f"(low));     \
            return pair;                                                                  \
        }                                                                                 \
    }
TILEC_PAIR(bf16, unsigned, "r", "cvt.rn.bf16x2.f32");
TILEC_PAIR(f16, unsigned, "r", "cvt.rn.f16x2.f32");
#if __CUDA_ARCH__ >= 890
TILEC_PAIR(f8e4m3, unsigned short, "h", "cvt.rn.satfinite.e4m3x2.f32");
TILEC_PAIR(f8e5m2, unsigned short, "h", "cvt.rn.satfinite.e5m2x2.f32");
#endif
#undef TILEC_PAIR
#endif

// Neighboring elements as a word of 32 bits, or of as many as there are.
template <class T, int Count>
using Packed = typename Words<(sizeof(T) * Count) % 4 == 0 ? 4 : 2>::Type;

// Values rounded to narrow elements, in pairs unless one is NaN. Both ways end in whole
// words, or elements would be taken apart and put together again where they meet.
template <class T, int Count>
__device__ __forceinline__ Vector<T, Count> narrow(const float (&values)[Count]) {
    Vector<T, Count> to;
    if constexpr (Pair<T>::exists && Count % 2 == 0) {
        using Word = Packed<T, Count>;
        constexpr int each = sizeof(Word) / sizeof(T);
        Word words[Count / each];
        if (!any_nan(values)) {
#pragma unroll
            for (int i = 0; i < Count; i += each) {
                words[i / each] = Pair<T>::of(values[i], values[i + 1]);
                if constexpr (each == 4) {
                    const Word upper = Pair<T>::of(values[i + 2], values[i + 3]);
                    words[i / each] |= upper << 16;
                }
            }
        } else {
#pragma unroll
            for (int i = 0; i < Count; i += each) {
                words[i / each] = 0;
#pragma unroll
                for (int j = 0; j < each; ++j) {
                    const Word element = from_float<T>(values[i + j]).bits;
                    words[i / each] |= element << (8 * sizeof(T) * j);
                }
            }
        }
#pragma unroll
        for (int i = 0; i < Count / each; ++i) {
            reinterpret_cast<Word*>(&to)[i] = words[i];
        }
    } else {
#pragma unroll
        for (int i = 0; i < Count; ++i) {
            to.at[i] = from_float<T>(values[i]);
        }
    }
    return to;
}

}  // namespace tilec

#endif
