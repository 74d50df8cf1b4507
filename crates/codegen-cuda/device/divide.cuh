// Many quotients by one divisor, without a branch and without a division each.
//
//     q0 = a * r            r the rounded reciprocal of b, b scaled into [1, 2)
//     q  = q0 + (a - q0 * b) * r
//
// This is the step by which a / b itself is computed, so quotients are the same, but
// for numerators below 2^-75 and quotients that are subnormal, which may differ in the
// last places. Infinities, zeros with their signs and NaN are those of a / b.
#ifndef TILEC_DIVIDE_CUH
#define TILEC_DIVIDE_CUH

namespace tilec {

// a * b + c, rounded down: an exact zero gets the sign that keeps a quotient's.
__device__ __forceinline__ float multiply_add_down(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
    return __fmaf_rd(a, b, c);
#else
    const float sum = fmaf(a, b, c);
    return sum == 0.0f ? -0.0f : sum;
#endif
}

struct Divisor {
    float scaled;      // the size of the divisor times a power of two, in [1, 2); else 0
    float reciprocal;  // of that
    float scale;       // the power of two, with the sign of the divisor

    __device__ __forceinline__ explicit Divisor(float b) {
        const int bits = __float_as_int(b);
        int exponent = (bits >> 23 & 255) - 127;
        exponent = exponent < -126 ? -126 : exponent > 126 ? 126 : exponent;
        const float power = __int_as_float((127 - exponent) << 23);
        scaled = fabsf(b) * power;
        reciprocal = 1.0f / scaled;
        scale = bits < 0 ? -power : power;
        // By zero, infinity or NaN the first estimate is the quotient.
        if (!(scaled > 0.0f && scaled < 8.0f)) scaled = 0.0f;
    }
};

__device__ __forceinline__ float quotient(float a, const Divisor& by) {
    const float estimate = a * by.reciprocal;
    // Of an infinite numerator the rest is NaN, which fminf turns into a number.
    const float rest = fminf(multiply_add_down(-estimate, by.scaled, a), 3.402823466e38f);
    return fmaf(rest, by.reciprocal, estimate) * by.scale;
}

}  // namespace tilec

#endif
