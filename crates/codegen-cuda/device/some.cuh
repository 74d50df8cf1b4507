// Several neighboring elements, of which only some may exist.
#ifndef TILEC_SOME_CUH
#define TILEC_SOME_CUH

#include "vector.cuh"

namespace tilec {

// Whether `Count` elements can be read or written at once.
template <class T, int Count>
__device__ __forceinline__ bool is_aligned(const T* at) {
    return reinterpret_cast<unsigned long long>(at) % alignof(Vector<T, Count>) == 0;
}

// Reads the first `left` of `Count` elements, at once where it can; the others
// are zero.
template <int Count, class T>
__device__ __forceinline__ Vector<T, Count> load_some(const T* from, long long left) {
    if (left >= Count && is_aligned<T, Count>(from)) {
        return *reinterpret_cast<const Vector<T, Count>*>(from);
    }
    Vector<T, Count> to{};
#pragma unroll
    for (int i = 0; i < Count; ++i) {
        if (i < left) to.at[i] = from[i];
    }
    return to;
}

// Writes the first `left` of `Count` elements, at once where it can.
template <int Count, class T>
__device__ __forceinline__ void store_some(T* to, const Vector<T, Count>& from, long long left) {
    if (left >= Count && is_aligned<T, Count>(to)) {
        *reinterpret_cast<Vector<T, Count>*>(to) = from;
        return;
    }
#pragma unroll
    for (int i = 0; i < Count; ++i) {
        if (i < left) to[i] = from.at[i];
    }
}

}  // namespace tilec

#endif
