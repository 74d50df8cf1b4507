// Several neighboring elements that are read or written at once.
#ifndef TILEC_VECTOR_CUH
#define TILEC_VECTOR_CUH

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

}  // namespace tilec

#endif
