// Rounding to formats that stay in f32, to whole numbers, and from and to integers.
//
// Packing truncates, so what is packed to bf16 or f16 is rounded here first.
#pragma once

namespace tilec {

// R1 = R0 rounded to nearest, ties to even, with so many bits fewer. R4 = 1, R5 = half of the
// unit - 1, R6 = ones in the bits that stay.
template <uint32_t bits>
inline void prepare_rounding() {
    TTI_SFPLOADI(R4, 2, 1);
    constant<R5, (1 << (bits - 1)) - 1>();
    constant<R6, static_cast<uint32_t>(-1) << bits>();
    constant<R7, 0x7f800000>();
}
template <uint32_t bits>
inline void round_bits() {
    TTI_SFPMOV(0, R0, R1, 0);
    TTI_SFPSHFT((-static_cast<int>(bits)) & 0xfff, 0, R1, 1);
    TTI_SFPAND(0, R4, R1, 0);
    TTI_SFPIADD(0, R5, R1, SUM | ALL);
    TTI_SFPIADD(0, R0, R1, SUM | ALL);
    TTI_SFPAND(0, R6, R1, 0);
}
// R1 = NaN where x is, which rounding its bits could make infinite or 0.
template <uint32_t x>
inline void nan_stays() {
    where_nan<x, R2, R7>();
    TTI_SFPLOADI(R1, 0, 0x7fc0);
    everywhere();
}

// To the nearest bf16, ties to even; subnormals to 0.
template <uint32_t a, uint32_t out>
inline void round_bf16() {
    vector_unit([] {
        prepare_rounding<16>();
        each_vector([] {
            load<R0, a>();
            round_bits<16>();
            nan_stays<R0>();
            store<R1, out>();
        });
    });
}

// To the nearest f16, ties to even. Below 2^-14, adding 1/2 rounds to a multiple of 2^-24;
// from 65520 on it is infinite.
template <uint32_t a, uint32_t out>
inline void round_f16() {
    vector_unit([] {
        prepare_rounding<13>();
        each_vector([] {
            load<R3, a>();
            TTI_SFPSETSGN(0, R3, R0, 1);
            round_bits<13>();
            constant<R2, 0x38800000>(); // 2^-14
            TTI_SFPIADD(0, R0, R2, DIFFERENCE | IF_NEGATIVE);
            TTI_SFPMOV(0, R0, R1, 0);
            TTI_SFPADDI(0x3f00, R1, 0);
            TTI_SFPNOP;
            TTI_SFPADDI(0xbf00, R1, 0);
            TTI_SFPNOP;
            everywhere();
            constant<R2, 0x477fffff>(); // below 2^16
            TTI_SFPMOV(0, R1, R0, 0);
            TTI_SFPIADD(0, R2, R0, DIFFERENCE | IF_NEGATIVE);
            TTI_SFPMOV(0, R7, R1, 0);
            everywhere();
            nan_stays<R3>();
            TTI_SFPSETSGN(0, R1, R3, 0);
            store<R3, out>();
        });
    });
}

// The largest whole number not above x. Adding 2^23 rounds |x| to the nearest; 1 is taken
// where that is above x. From 2^23 on all are whole. floor(-0) is -0.
template <uint32_t a, uint32_t out>
inline void floor() {
    vector_unit([] {
        constant<R4, 0x4b000000>(); // 2^23
        constant<R5, 0xcb000000>();
        each_vector([] {
            load<R0, a>();
            TTI_SFPSETSGN(0, R0, R3, 1);
            TTI_SFPADD(R3, ONE, R4, R2, 0);
            TTI_SFPMOV(0, R0, R1, 0);
            TTI_SFPADD(R2, ONE, R5, R2, 0);
            TTI_SFPNOP;
            TTI_SFPSETSGN(0, R2, R1, 0);
            TTI_SFPMAD(R1, MINUS_ONE, R0, R2, 0);
            TTI_SFPNOP;
            where_negative<R2>();
            TTI_SFPADD(R1, ONE, MINUS_ONE, R1, 0);
            TTI_SFPNOP;
            everywhere();
            TTI_SFPMOV(0, R4, R2, 0);
            TTI_SFPIADD(0, R3, R2, DIFFERENCE | IF_NOT_NEGATIVE);
            TTI_SFPMOV(0, R0, R1, 0);
            everywhere();
            store<R1, out>();
        });
    });
}

} // namespace tilec
