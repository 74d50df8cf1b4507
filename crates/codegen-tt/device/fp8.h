// FP8 codes (OCP E4M3 "fn" and E5M2) in 32-bit integers to f32 and back, exactly.
//
// Nothing here computes with subnormals of f32: those of FP8 are normal in f32.
#pragma once

namespace tilec {

// A code has a sign, an exponent and `fraction` bits. REBIAS is what its exponent lacks to that
// of f32, in place; the smallest normal value is REBIAS with the exponent 1 higher.
template <uint32_t fraction_, uint32_t bias, uint32_t largest, uint32_t first_special>
struct Fp8 {
    static constexpr uint32_t FRACTION = fraction_;
    static constexpr uint32_t SHIFT = 23 - FRACTION;
    static constexpr uint32_t REBIAS = (127 - bias) << 23;
    static constexpr uint32_t SMALLEST_NORMAL = REBIAS + (1 << 23);
    // A power of two whose unit in the last place is the smallest subnormal of the format.
    static constexpr uint32_t MAGIC = SMALLEST_NORMAL + (SHIFT << 23);
    static constexpr uint32_t LARGEST = largest;
    // The decoded bits from which on codes are infinite or NaN.
    static constexpr uint32_t FIRST_SPECIAL = first_special;
};
using E4M3 = Fp8<3, 7, 0x43e00000, 0x43f00000>;   // 448; code 0x7f
using E5M2 = Fp8<2, 15, 0x47600000, 0x47800000>;  // 57344; codes 0x7c to 0x7f

// With exponent and fraction shifted into place, z = bits + REBIAS is the value of a normal
// code. A subnormal one is read as if 1 stood before its fraction, and with half of the unit:
// z + (z - smallest normal) is right there.
template <class Format, uint32_t a, uint32_t out>
inline void decode() {
    vector_unit([] {
        constant<R3, Format::REBIAS>();
        constant<R4, Format::SMALLEST_NORMAL | 0x80000000>();
        constant<R5, Format::FIRST_SPECIAL - 1>();
        constant<R6, 0x7f800000>();
        each_vector([] {
            load<R0, a, BITS>();
            TTI_SFPSHFT(24, 0, R0, 1); // the sign in its place
            TTI_SFPSETSGN(0, R0, R1, 1);
            TTI_SFPSHFT((-static_cast<int>(Format::FRACTION) - 1) & 0xfff, 0, R1, 1);
            TTI_SFPIADD(0, R3, R1, SUM | ALL);
            TTI_SFPADD(R1, ONE, R4, R2, 0);
            TTI_SFPNOP;
            where_negative<R2>();
            TTI_SFPADD(R1, ONE, R2, R1, 0);
            TTI_SFPNOP;
            everywhere();
            TTI_SFPMOV(0, R1, R2, 0);
            TTI_SFPIADD(0, R5, R2, DIFFERENCE | IF_NEGATIVE);
            TTI_SFPOR(0, R6, R1, 0); // the exponent of infinity and NaN
            everywhere();
            TTI_SFPSETSGN(0, R1, R0, 0);
            store<R0, out>();
        });
    });
}

// To nearest, ties to even; beyond the largest and infinite to the largest; NaN to 0x7f.
//
// In the bits of a normal value the code is what is left of SHIFT bits, rounded, less the bias.
// Below the smallest normal value, adding MAGIC rounds to a multiple of the smallest subnormal,
// whose count is in the last bits: the code.
template <class Format, uint32_t a, uint32_t out>
inline void encode() {
    constexpr int NORMAL = 1 << Format::FRACTION; // the code of the smallest normal value
    constexpr int RIGHT = -static_cast<int>(Format::SHIFT) & 0xfff;
    vector_unit([] {
        constant<R3, 0x7f800000>();
        constant<R4, Format::LARGEST>();
        constant<R5, (1 << (Format::SHIFT - 1)) - 1>();
        constant<R6, 1>();
        each_vector([] {
            load<R0, a>();
            TTI_SFPSETSGN(0, R0, R1, 1);
            TTI_SFPMOV(0, R4, R2, 0);
            TTI_SFPSWAP(0, R2, R1, 1);
            TTI_SFPNOP;
            TTI_SFPMOV(0, R1, R2, 0);
            TTI_SFPSHFT(RIGHT, 0, R2, 1);
            TTI_SFPAND(0, R6, R2, 0); // a tie goes up from an odd code
            TTI_SFPIADD(0, R5, R2, SUM | ALL);
            TTI_SFPIADD(0, R1, R2, SUM | ALL);
            TTI_SFPSHFT(RIGHT, 0, R2, 1);
            TTI_SFPIADD((-static_cast<int>(Format::REBIAS >> Format::SHIFT) - NORMAL) & 0xfff,
                        R2, R2, IMMEDIATE | IF_NEGATIVE);
            TTI_SFPADDI(Format::MAGIC >> 16, R1, 0);
            TTI_SFPNOP;
            TTI_SFPSHFT(28, 0, R1, 1);
            TTI_SFPSHFT((-28) & 0xfff, 0, R1, 1);
            TTI_SFPIADD(-NORMAL & 0xfff, R1, R2, IMMEDIATE | ALL);
            everywhere();
            TTI_SFPIADD(NORMAL, R2, R2, IMMEDIATE | ALL);
            where_nan<R0, R1, R3>();
            TTI_SFPLOADI(R2, 2, 0x7f);
            everywhere();
            TTI_SFPSHFT((-31) & 0xfff, 0, R0, 1);
            TTI_SFPSHFT(7, 0, R0, 1);
            TTI_SFPOR(0, R0, R2, 0);
            store<R2, out, BITS>();
        });
    });
}

template <uint32_t a, uint32_t out> inline void decode_e4m3() { decode<E4M3, a, out>(); }

template <uint32_t a, uint32_t out> inline void decode_e5m2() { decode<E5M2, a, out>(); }

template <uint32_t a, uint32_t out> inline void encode_e4m3() { encode<E4M3, a, out>(); }

template <uint32_t a, uint32_t out> inline void encode_e5m2() { encode<E5M2, a, out>(); }

} // namespace tilec
