// sqrt(x) and 1 / sqrt(x), by y near 1 / sqrt(x) and one correction.
//
// Halving the bits and taking them from a constant gives y0 with 0.898 <= c = x * y0^2 <= 1.022;
// y = y0 * p(c), p a minimax polynomial of degree 2 for 1 / sqrt(c) (relative error 2.1e-5). The correction
// squares that error. Subnormals count as 0.
#pragma once

namespace tilec {

inline void prepare_roots() {
    constant<R4, 0x5f330000>();
    constant<R5, 0x3ed520d1>();
    constant<R6, 0xbfaa79af>();
    constant<R7, 0x3ff530e5>();
}

// Of x in R0: R1 = y, R2 = (1 - x * y^2) / 2 and R3 = x * y; R2 one instruction later.
inline void near_roots() {
    TTI_SFPMOV(0, R0, R1, 0);
    TTI_SFPSHFT((-1) & 0xfff, 0, R1, 1);
    TTI_SFPIADD(0, R4, R1, DIFFERENCE | ALL);
    TTI_SFPMUL(R0, R1, ZERO, R2, 0);
    TTI_SFPNOP;
    TTI_SFPMUL(R2, R1, ZERO, R2, 0); // c
    TTI_SFPNOP;
    TTI_SFPMAD(R2, R5, R6, R3, 0);
    TTI_SFPNOP;
    TTI_SFPMAD(R3, R2, R7, R3, 0);
    TTI_SFPNOP;
    TTI_SFPMUL(R1, R3, ZERO, R1, 0);
    TTI_SFPNOP;
    TTI_SFPMUL(R0, R1, ZERO, R3, 0);
    TTI_SFPNOP;
    TTI_SFPMOV(0, R3, R2, 1);
    TTI_SFPMAD(R2, R1, ONE, R2, 0);
    TTI_SFPNOP;
    TTI_SFPMULI(0x3f00, R2, 0);
}

// R3 = NaN where x is negative, given its exponent in R2; no zero and no subnormal is.
inline void nan_where_negative() {
    where_not_zero<R2>();
    where_negative<R0>();
    TTI_SFPLOADI(R3, 0, 0x7fc0);
    everywhere();
}

// s + s * (1 - x * y^2) / 2 with s = x * y. sqrt(-0) is -0.
template <uint32_t a, uint32_t out>
inline void square_root() {
    vector_unit([] {
        prepare_roots();
        each_vector([] {
            load<R0, a>();
            near_roots();
            TTI_SFPNOP;
            TTI_SFPMAD(R2, R3, R3, R3, 0);
            TTI_SFPEXEXP(0, R0, R2, 1);
            where_zero<R2>();
            TTI_SFPMOV(0, R0, R3, 0);
            everywhere();
            TTI_SFPIADD((-255) & 0xfff, R2, R1, IMMEDIATE | IF_NOT_NEGATIVE);
            TTI_SFPMOV(0, R0, R3, 0); // inf and NaN
            everywhere();
            nan_where_negative();
            store<R3, out>();
        });
    });
}

// y + y * (1 - x * y^2) / 2. Of 0 it is inf, of -0 it is -inf.
template <uint32_t a, uint32_t out>
inline void reciprocal_square_root() {
    vector_unit([] {
        prepare_roots();
        each_vector([] {
            load<R0, a>();
            near_roots();
            TTI_SFPNOP;
            TTI_SFPMAD(R2, R1, R1, R3, 0);
            TTI_SFPEXEXP(0, R0, R2, 1);
            TTI_SFPLOADI(R1, 0, 0x7f80);
            where_zero<R2>();
            TTI_SFPMOV(0, R0, R3, 0);
            TTI_SFPSETSGN(0, R1, R3, 0);
            everywhere();
            nan_where_negative();
            TTI_SFPXOR(0, R0, R1, 0);
            where_zero<R1>();
            TTI_SFPMOV(0, ZERO, R3, 0); // inf
            everywhere();
            TTI_SFPLOADI(R1, 0, 0x7f80);
            where_nan<R0, R2, R1>();
            TTI_SFPMOV(0, R0, R3, 0);
            everywhere();
            store<R3, out>();
        });
    });
}

} // namespace tilec
