// 32-bit integers in DST (two's complement) from and to f32.
#pragma once

namespace tilec {

// To nearest, ties to even. SFPCAST takes a sign and a magnitude.
template <uint32_t a, uint32_t out>
inline void from_integer() {
    vector_unit([] {
        each_vector([] {
            load<R0, a, BITS>();
            TTI_SFPABS(0, R0, R1, 0);
            TTI_SFPCAST(R1, R2, 0);
            where_negative<R1>();
            TTI_SFPLOADI(R2, 0, 0x4f00); // -2^31 has no magnitude
            everywhere();
            TTI_SFPSETSGN(0, R2, R0, 0);
            store<R0, out>();
        });
    });
}

// Toward zero: the significand shifted by the exponent. Out of range to the nearest end; NaN to 0.
template <uint32_t a, uint32_t out>
inline void to_integer() {
    vector_unit([] {
        constant<R6, 0x7f800000>();
        constant<R5, 0x7fffffff>();
        each_vector([] {
            load<R0, a>();
            TTI_SFPEXEXP(0, R0, R1, 0);
            TTI_SFPEXMAN(0, R0, R2, 0);
            TTI_SFPIADD((-23) & 0xfff, R1, R3, IMMEDIATE | ALL);
            TTI_SFPSHFT(0, R3, R2, 0);
            where_negative<R1>();
            TTI_SFPMOV(0, ZERO, R2, 0);
            everywhere();
            TTI_SFPIADD((-31) & 0xfff, R1, R1, IMMEDIATE | IF_NOT_NEGATIVE);
            TTI_SFPMOV(0, R5, R2, 0);
            where_negative<R0>();
            TTI_SFPNOT(0, R5, R2, 0);
            everywhere();
            where_nan<R0, R3, R6>();
            TTI_SFPMOV(0, ZERO, R2, 0);
            everywhere();
            where_negative<R0>();
            where_not_negative<R2>();
            TTI_SFPIADD(0, ZERO, R2, DIFFERENCE | ALL);
            everywhere();
            store<R2, out, BITS>();
        });
    });
}

} // namespace tilec
