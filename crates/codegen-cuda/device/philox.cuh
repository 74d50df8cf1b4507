// Random bits, and rounding by them.
//
// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"):
// a mixer from a counter and a key to random bits, without state.
#ifndef TILEC_PHILOX_CUH
#define TILEC_PHILOX_CUH

#include "convert.cuh"

namespace tilec {

// The first word of the generator's output, with the seed as the first word of
// the key.
__device__ __forceinline__ int random(int seed, int c0, int c1, int c2, int c3) {
    unsigned counter[4] = {static_cast<unsigned>(c0), static_cast<unsigned>(c1),
                           static_cast<unsigned>(c2), static_cast<unsigned>(c3)};
    unsigned key[2] = {static_cast<unsigned>(seed), 0u};
    constexpr int rounds = 10;
#pragma unroll
    for (int round = 0; round < rounds; ++round) {
        const unsigned long long first = 0xd2511f53ull * counter[0];
        const unsigned long long second = 0xcd9e8d57ull * counter[2];
        counter[0] = static_cast<unsigned>(second >> 32) ^ counter[1] ^ key[0];
        counter[1] = static_cast<unsigned>(second);
        counter[2] = static_cast<unsigned>(first >> 32) ^ counter[3] ^ key[1];
        counter[3] = static_cast<unsigned>(first);
        key[0] += 0x9e3779b9u;
        key[1] += 0xbb67ae85u;
    }
    return static_cast<int>(counter[0]);
}

// The upper 24 bits as a float in [0, 1).
__device__ __forceinline__ float uniform(int bits) {
    return static_cast<float>(static_cast<unsigned>(bits) >> 8) * 5.9604644775390625e-8f;
}

// What defines a format for rounding: the bits of its mantissa, its smallest
// normal exponent, its largest value, and what lies above that.
template <typename T>
struct Format;
template <>
struct Format<f8e4m3> {
    static constexpr int mantissa = 3, lowest = -6;
    static constexpr float largest = 448.0f;
    static constexpr bool saturates = true;
};
template <>
struct Format<f8e5m2> {
    static constexpr int mantissa = 2, lowest = -14;
    static constexpr float largest = 57344.0f;
    static constexpr bool saturates = true;
};
template <>
struct Format<bf16> {
    static constexpr int mantissa = 7, lowest = -126;
    static constexpr float largest = 3.3895313892515355e38f;
    static constexpr bool saturates = false;
};
template <>
struct Format<f16> {
    static constexpr int mantissa = 10, lowest = -14;
    static constexpr float largest = 65504.0f;
    static constexpr bool saturates = false;
};

// x rounded to a neighbor lo < |x| < hi of the format: to hi for exactly those
// bits, read as unsigned, that are below (|x| - lo) / (hi - lo) * 2^32. All of
// this is exact in double.
template <typename T>
__device__ __forceinline__ float round_stochastic(float x, int bits) {
    const float size = fabsf(x);
    if (x != x || size == 0.0f) return x;
    const float past = Format<T>::saturates ? Format<T>::largest : __int_as_float(0x7f800000);
    if (size > 3.402823466e38f || (Format<T>::saturates && size >= Format<T>::largest)) {
        return copysignf(past, x);
    }
    const double wide = static_cast<double>(size);
    const long long exponent = __double_as_longlong(wide) >> 52;
    const long long normal = 1023 + Format<T>::lowest;
    const long long field = (exponent > normal ? exponent : normal) - Format<T>::mantissa;
    const double quantum = __longlong_as_double(field << 52);
    const double steps = wide / quantum;
    const double whole = floor(steps);
    const bool up = static_cast<double>(static_cast<unsigned>(bits)) < (steps - whole) * 4294967296.0;
    const double rounded = (whole + (up ? 1.0 : 0.0)) * quantum;
    const bool over = rounded > static_cast<double>(Format<T>::largest);
    return copysignf(over ? past : static_cast<float>(rounded), x);
}

}  // namespace tilec

#endif
