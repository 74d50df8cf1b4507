// Narrow floats: their bits, the float of the same value, and rounding to them.
//
// Rounding is to nearest, ties to even. FP8 saturates to the largest finite
// value, infinities included; bf16 and f16 overflow to infinity. NaN stays NaN
// with its sign; subnormals are exact. Where the chip has an instruction that
// does this it is used, but for NaN, whose sign and bits it would not keep.
//
//     f8e4m3   s eeee mmm    bias 7    largest 448     no infinity, NaN s1111111
//     f8e5m2   s eeeee mm    bias 15   largest 57344   as IEEE
#ifndef TILEC_CONVERT_CUH
#define TILEC_CONVERT_CUH

namespace tilec {

struct bf16 {
    unsigned short bits;
};
struct f16 {
    unsigned short bits;
};
struct f8e4m3 {
    unsigned char bits;
};
struct f8e5m2 {
    unsigned char bits;
};

// The float of a number with `Mantissa` and `Exponent` bits (a sign before
// them) whose exponent has this bias. Without infinities only the largest code
// is NaN, else the largest exponent is kept for infinity and NaN.
template <int Mantissa, int Exponent, int Bias, bool Infinities>
__device__ __forceinline__ float decode(unsigned code) {
    constexpr unsigned all = (1u << (Mantissa + Exponent)) - 1;
    constexpr unsigned top = all >> Mantissa << Mantissa;
    const unsigned sign = (code >> (Mantissa + Exponent) & 1u) << 31;
    const unsigned size = code & all;
    if (Infinities ? size >= top : size == all) {
        const unsigned payload = Infinities ? (size - top) << (23 - Mantissa) : 0x400000u;
        const unsigned quiet = payload != 0 ? 0x400000u : 0u;
        return __int_as_float(static_cast<int>(sign | 0x7f800000u | payload | quiet));
    }
    if (size >> Mantissa != 0) {
        const unsigned rebias = (127u - Bias) << 23;
        return __int_as_float(static_cast<int>(sign | ((size << (23 - Mantissa)) + rebias)));
    }
    // A subnormal: a small whole number of the smallest value.
    const float unit = __int_as_float((128 - Bias - Mantissa) << 23);
    const int value = __float_as_int(static_cast<float>(size) * unit);
    return __int_as_float(static_cast<int>(sign | static_cast<unsigned>(value)));
}

// The code of the number of such a format that is nearest to the size of x,
// which is not NaN and at most a little over the largest one.
template <int Mantissa, int Bias>
__device__ __forceinline__ unsigned nearest(float size) {
    constexpr int shift = 23 - Mantissa;
    const unsigned bits = static_cast<unsigned>(__float_as_int(size));
    if (bits >> 23 > 127u - Bias) {
        const unsigned even = bits >> shift & 1u;
        const unsigned rounded = (bits + ((1u << (shift - 1)) - 1u + even)) >> shift;
        return rounded - ((127u - Bias) << Mantissa);
    }
    // Scaling up by a power of two is exact.
    const float scale = __int_as_float((127 + Bias - 1 + Mantissa) << 23);
    return static_cast<unsigned>(rintf(size * scale));
}

__device__ __forceinline__ unsigned sign_of(float x, int position) {
    return static_cast<unsigned>(__float_as_int(x)) >> 31 << position;
}

__device__ __forceinline__ float to_float(bf16 x) {
    return __int_as_float(static_cast<int>(static_cast<unsigned>(x.bits) << 16));
}

// PTX: cvt.f32.f16.
__device__ __forceinline__ float to_float(f16 x) {
#if defined(__CUDA_ARCH__)
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(x.bits));
    return value;
#else
    return decode<10, 5, 15, true>(x.bits);
#endif
}

// PTX: cvt.rn.f16x2.e4m3x2; every value is one of f16.
__device__ __forceinline__ float to_float(f8e4m3 x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
    unsigned pair;
    asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(pair) : "h"(static_cast<unsigned short>(x.bits)));
    return to_float(f16{static_cast<unsigned short>(pair)});
#else
    return decode<3, 4, 7, false>(x.bits);
#endif
}

// An e5m2 number is the upper byte of an f16 number.
__device__ __forceinline__ float to_float(f8e5m2 x) {
    return to_float(f16{static_cast<unsigned short>(x.bits << 8)});
}

// PTX: cvt.rn.bf16.f32.
__device__ __forceinline__ bf16 to_bf16(float x) {
    const unsigned bits = static_cast<unsigned>(__float_as_int(x));
    if (x != x) return bf16{static_cast<unsigned short>(bits >> 16 | 0x40u)};
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    unsigned short code;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(code) : "f"(x));
    return bf16{code};
#else
    return bf16{static_cast<unsigned short>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
#endif
}

// PTX: cvt.rn.f16.f32.
__device__ __forceinline__ f16 to_f16(float x) {
    if (x != x) {
        const unsigned payload = static_cast<unsigned>(__float_as_int(x)) >> 13 & 0x3ffu;
        return f16{static_cast<unsigned short>(sign_of(x, 15) | 0x7e00u | payload)};
    }
#if defined(__CUDA_ARCH__)
    unsigned short code;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(code) : "f"(x));
    return f16{code};
#else
    // From 65520 on, halfway to the next power of two, all is infinity.
    const unsigned code = fabsf(x) >= 65520.0f ? 0x7c00u : nearest<10, 15>(fabsf(x));
    return f16{static_cast<unsigned short>(sign_of(x, 15) | code)};
#endif
}

// PTX: cvt.rn.satfinite.e4m3x2.f32.
__device__ __forceinline__ f8e4m3 to_f8e4m3(float x) {
    if (x != x) return f8e4m3{static_cast<unsigned char>(sign_of(x, 7) | 0x7fu)};
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
    unsigned short pair;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(x));
    return f8e4m3{static_cast<unsigned char>(pair)};
#else
    const float size = fminf(fabsf(x), 448.0f);
    return f8e4m3{static_cast<unsigned char>(sign_of(x, 7) | nearest<3, 7>(size))};
#endif
}

// PTX: cvt.rn.satfinite.e5m2x2.f32.
__device__ __forceinline__ f8e5m2 to_f8e5m2(float x) {
    if (x != x) return f8e5m2{static_cast<unsigned char>(sign_of(x, 7) | 0x7eu)};
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
    unsigned short pair;
    asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(x));
    return f8e5m2{static_cast<unsigned char>(pair)};
#else
    const float size = fminf(fabsf(x), 57344.0f);
    return f8e5m2{static_cast<unsigned char>(sign_of(x, 7) | nearest<2, 15>(size))};
#endif
}

// The conversion to a type that a template names.
template <typename T>
__device__ __forceinline__ T from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
    return x;
}
template <>
__device__ __forceinline__ bf16 from_float<bf16>(float x) {
    return to_bf16(x);
}
template <>
__device__ __forceinline__ f16 from_float<f16>(float x) {
    return to_f16(x);
}
template <>
__device__ __forceinline__ f8e4m3 from_float<f8e4m3>(float x) {
    return to_f8e4m3(x);
}
template <>
__device__ __forceinline__ f8e5m2 from_float<f8e5m2>(float x) {
    return to_f8e5m2(x);
}

__device__ __forceinline__ float to_float(float x) {
    return x;
}

}  // namespace tilec

#endif
