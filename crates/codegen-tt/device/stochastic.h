// Rounding to a neighbor in a narrower float, up for as many of the 2^32 values of random bits
// as the distance to the lower neighbor says. The result is an f32 that the format has.
#pragma once

namespace tilec {

// A format with so many bits of fraction. Below 2^(1 - bias) its values are multiples of UNIT.
// Where it saturates, LARGEST bounds it; else what is beyond LARGEST is infinite.
template <uint32_t fraction, uint32_t bias, uint32_t largest, bool saturates>
struct Narrow {
    static constexpr int LOST = 23 - fraction;
    static constexpr uint32_t SMALLEST_NORMAL = (128 - bias) << 23;
    static constexpr uint32_t UNIT = (128 - bias - fraction) << 23;
    // How far the significand of an f32 is shifted to count units, beside its biased exponent.
    static constexpr uint32_t PLACES = LOST + 128 - bias;
    static constexpr uint32_t LARGEST = largest;
    static constexpr bool SATURATES = saturates;
    // The subnormals of a format with 8 bits of exponent are those of f32, which count as 0.
    static constexpr bool HAS_SUBNORMALS = bias < 127;
};

// R3 = the rounded magnitude of R2 by the bits R1, as if it were normal: the bits that are lost
// carry if they exceed as many of the random ones.
template <class Format>
inline void round_normal() {
    TTI_SFPNOT(0, R1, R3, 0);
    shift<R3, Format::LOST - 32>();
    TTI_SFPIADD(0, R2, R3, SUM | ALL);
    shift<R3, -Format::LOST>();
    shift<R3, Format::LOST>();
}

// The smaller of a positive register and an integer; overwrites R6.
template <uint32_t reg, uint32_t integer>
inline void no_more() {
    TTI_SFPLOADI(R6, 2, integer);
    TTI_SFPSWAP(0, R6, reg, 1);
    TTI_SFPNOP;
}

// What follows acts only where the random bits R1 are less than R5, without their signs: where
// their halves are, or are equal and R5 is odd and R1 even. Overwrites both, and R6.
inline void where_random_is_below() {
    TTI_SFPNOT(0, R1, R6, 0);
    TTI_SFPAND(0, R5, R6, 0);
    shift<R6, 31>();
    shift<R6, -31>();
    shift<R1, -1>();
    shift<R5, -1>();
    TTI_SFPIADD(0, R6, R5, SUM | ALL);
    TTI_SFPIADD(0, R1, R5, DIFFERENCE | IF_NEGATIVE);
}

// R7 = the units in the magnitude R2, whose significand has `places` bits too many: those above
// places, and 1 more where the random bits R1 are less than the 32 below it. If places exceeds
// 32, what is lost of those counts as 1. R4 = the biased exponent; R1, R5 and R6 are lost.
template <class Format>
inline void count_units() {
    TTI_SFPEXMAN(0, R2, R5, 0);
    TTI_SFPLOADI(R6, 2, Format::PLACES);
    TTI_SFPIADD(0, R6, R4, DIFFERENCE | ALL); // places
    no_more<R4, 63>();
    TTI_SFPMOV(0, R4, R7, 0);
    no_more<R7, 31>();
    TTI_SFPIADD(0, ZERO, R7, DIFFERENCE | ALL);
    TTI_SFPMOV(0, R5, R6, 0);
    TTI_SFPSHFT(0, R7, R6, 0);
    TTI_SFPMOV(0, R6, R7, 0); // the units below
    TTI_SFPIADD((-32) & 0xfff, R4, R4, IMMEDIATE | IF_NOT_NEGATIVE);
    TTI_SFPIADD((-1) & 0xfff, R5, R5, IMMEDIATE | ALL);
    everywhere();
    TTI_SFPMOV(0, R4, R6, 0);
    TTI_SFPIADD(0, ZERO, R6, DIFFERENCE | ALL);
    TTI_SFPSHFT(0, R6, R5, 0);
    where_not_negative<R4>();
    TTI_SFPIADD(1, R5, R5, IMMEDIATE | ALL);
    everywhere();
    where_random_is_below();
    TTI_SFPIADD(1, R7, R7, IMMEDIATE | ALL);
    everywhere();
}

// What of the rounded magnitude R3 the format has. Overwrites R4 and R5.
template <class Format>
inline void limit() {
    constant<R4, Format::LARGEST>();
    if constexpr (Format::SATURATES) {
        TTI_SFPSWAP(0, R4, R3, 1);
        TTI_SFPNOP;
    } else {
        TTI_SFPMOV(0, R3, R5, 0);
        TTI_SFPIADD(0, R4, R5, DIFFERENCE | IF_NEGATIVE);
        TTI_SFPLOADI(R3, 0, 0x7f80);
        everywhere();
    }
}

// To a neighbor of a in the format, by the bits b. Subnormals are 0, NaN stays.
template <class Format, uint32_t a, uint32_t b, uint32_t out>
inline void round_stochastic() {
    vector_unit([] {
        each_vector([] {
            load<R0, a>();
            load<R1, b, BITS>();
            TTI_SFPSETSGN(0, R0, R2, 1);
            round_normal<Format>();
            TTI_SFPEXEXP(0, R2, R4, 1);
            where_zero<R4>();
            TTI_SFPMOV(0, ZERO, R2, 0);
            TTI_SFPMOV(0, ZERO, R3, 0);
            everywhere();
            if constexpr (Format::HAS_SUBNORMALS) {
                count_units<Format>();
                TTI_SFPCAST(R7, R7, 0);
                TTI_SFPMULI(Format::UNIT >> 16, R7, 0);
                constant<R4, Format::SMALLEST_NORMAL>();
                where_not_zero<R2>();
                TTI_SFPIADD(0, R2, R4, DIFFERENCE | IF_NEGATIVE);
                TTI_SFPMOV(0, R7, R3, 0);
                everywhere();
            }
            limit<Format>();
            constant<R7, 0x7f800000>();
            where_nan<R0, R2, R7>();
            TTI_SFPLOADI(R3, 0, 0x7fc0);
            everywhere();
            TTI_SFPSETSGN(0, R3, R0, 0);
            store<R0, out>();
        });
    });
}

template <uint32_t a, uint32_t b, uint32_t out>
inline void round_stochastic_e4m3() { round_stochastic<Narrow<3, 7, 0x43e00000, true>, a, b, out>(); }

template <uint32_t a, uint32_t b, uint32_t out>
inline void round_stochastic_e5m2() { round_stochastic<Narrow<2, 15, 0x47600000, true>, a, b, out>(); }

template <uint32_t a, uint32_t b, uint32_t out>
inline void round_stochastic_bf16() { round_stochastic<Narrow<7, 127, 0x7f7f0000, false>, a, b, out>(); }

template <uint32_t a, uint32_t b, uint32_t out>
inline void round_stochastic_f16() { round_stochastic<Narrow<10, 15, 0x477fe000, false>, a, b, out>(); }

} // namespace tilec
