// Exact index arithmetic in 64 bits, and indices that never leave their tensor.
#ifndef TILEC_INDEX_CUH
#define TILEC_INDEX_CUH

namespace tilec {

// floor(p / d) for d >= 1. A d below 1 counts as 1: it only happens where the
// value is not used.
__device__ __forceinline__ long long floor_div(long long p, long long d) {
    if (d < 1) d = 1;
    const long long quotient = p / d;
    return quotient - (p % d < 0 ? 1 : 0);
}

// The same of numbers that fit into 32 bits.
__device__ __forceinline__ int floor_div_int(long long p, long long d) {
    const int by = d < 1 ? 1 : static_cast<int>(d);
    const int of = static_cast<int>(p);
    const int quotient = of / by;
    return quotient - (of % by < 0 ? 1 : 0);
}

// floor(p / d) for p >= 0 and d >= 1. Dividing 64 bits takes several times as
// long as dividing 32, which are nearly always enough.
__device__ __forceinline__ long long divide_index(long long p, long long d) {
    if (static_cast<unsigned long long>(p | d) >> 32 == 0) {
        return static_cast<unsigned>(p) / static_cast<unsigned>(d);
    }
    return p / d;
}

// x clamped into 0 .. n - 1; 0 where n is 0.
__device__ __forceinline__ int clamp_index(int x, int n) {
    const int last = n > 0 ? n - 1 : 0;
    return x < 0 ? 0 : x > last ? last : x;
}

// The same in 64 bits.
__device__ __forceinline__ long long clamp_offset(long long x, long long n) {
    const long long last = n > 0 ? n - 1 : 0;
    return x < 0 ? 0 : x > last ? last : x;
}

// An element of a tensor that may be empty; then it is zero.
template <typename T>
__device__ __forceinline__ T any_element(const T* tensor, long long at, long long count) {
    return count > 0 ? tensor[at] : T{};
}

}  // namespace tilec

#endif
