// Arithmetic of the language on float and int, where it is not that of C++.
//
// int wraps; its division is the floor, and dividing by 0 gives 0 (it only
// happens where the value is not used). maximum and minimum propagate NaN and
// order -0 below +0. A float becomes an int by truncation, saturating; NaN is 0.
#ifndef TILEC_SCALAR_CUH
#define TILEC_SCALAR_CUH

namespace tilec {

__device__ __forceinline__ float infinity() {
    return __int_as_float(0x7f800000);
}

__device__ __forceinline__ float nan() {
    return __int_as_float(0x7fc00000);
}

__device__ __forceinline__ int add(int a, int b) {
    return static_cast<int>(static_cast<unsigned>(a) + static_cast<unsigned>(b));
}

__device__ __forceinline__ int subtract(int a, int b) {
    return static_cast<int>(static_cast<unsigned>(a) - static_cast<unsigned>(b));
}

__device__ __forceinline__ int multiply(int a, int b) {
    return static_cast<int>(static_cast<unsigned>(a) * static_cast<unsigned>(b));
}

__device__ __forceinline__ int negate(int a) {
    return subtract(0, a);
}

__device__ __forceinline__ int abs(int a) {
    return a < 0 ? negate(a) : a;
}

// The floor of a / b; the smallest int by -1 is itself.
__device__ __forceinline__ int divide(int a, int b) {
    if (b == 0) return 0;
    if (b == -1) return negate(a);
    const int quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// a - b * divide(a, b), with the sign of b.
__device__ __forceinline__ int remainder(int a, int b) {
    return subtract(a, multiply(b, divide(a, b)));
}

__device__ __forceinline__ int maximum(int a, int b) {
    return a > b ? a : b;
}

__device__ __forceinline__ int minimum(int a, int b) {
    return a < b ? a : b;
}

__device__ __forceinline__ int clamp(int x, int low, int high) {
    return maximum(low, minimum(x, high));
}

// PTX: max.NaN, for which +0 is above -0.
__device__ __forceinline__ float maximum(float a, float b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    float larger;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(larger) : "f"(a), "f"(b));
    return larger;
#else
    if (a > b) return a;
    if (b > a) return b;
    if (a == b) return __float_as_int(a) < 0 ? b : a;
    return a + b;
#endif
}

// PTX: min.NaN.
__device__ __forceinline__ float minimum(float a, float b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    float smaller;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(smaller) : "f"(a), "f"(b));
    return smaller;
#else
    return -maximum(-a, -b);
#endif
}

// PTX: cvt.rzi.s32.f32 saturates and makes 0 of NaN.
__device__ __forceinline__ int to_int(float x) {
    return __float2int_rz(x);
}

__device__ __forceinline__ float rsqrt(float x) {
    return rsqrtf(x);
}

}  // namespace tilec

#endif
