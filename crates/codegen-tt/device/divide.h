// 1 / x and a / b, by Newton's method on m = |x| with the exponent of 2 <= m < 4.
//
// A minimax polynomial of degree 2 (relative error 0.0101) and a step r + r * (1 - m * r) give r
// near 1 / m to 1.03e-4. 2^(128 - exponent) = the flipped bits of the exponent scales the result:
// they are 0 for infinity and infinite for 0. Subnormals count as 0.
#pragma once

namespace tilec {

// R3 = r for R2 = -m, one instruction later; uses R4.
inline void near_reciprocal() {
    constant<R3, 0x3d257ebb>();
    constant<R4, 0x3eba2e94>();
    TTI_SFPMAD(R3, R2, R4, R3, 0);
    constant<R4, 0x3f87c1f5>();
    TTI_SFPMAD(R3, R2, R4, R3, 0);
    TTI_SFPNOP;
    TTI_SFPMAD(R2, R3, ONE, R4, 0);
    TTI_SFPNOP;
    TTI_SFPMAD(R3, R4, R3, R3, 0);
}

// R2 = -m of a register.
template <uint32_t x>
inline void minus_m() {
    TTI_SFPSETEXP(128, x, R2, 1);
    TTI_SFPSETSGN(1, R2, R2, 1);
}

// 1 / a: a second step. Of 0 it is inf and of -0 it is -inf.
template <uint32_t a, uint32_t out>
inline void reciprocal() {
    vector_unit([] {
        constant<R6, 0x7f800000>();
        each_vector([] {
            load<R0, a>();
            minus_m<R0>();
            near_reciprocal();
            TTI_SFPNOT(0, R0, R1, 0);
            TTI_SFPMAD(R2, R3, ONE, R4, 0);
            TTI_SFPAND(0, R6, R1, 0); // the scale
            TTI_SFPMAD(R3, R4, R3, R3, 0);
            TTI_SFPNOP;
            TTI_SFPMUL(R3, R1, ZERO, R3, 0);
            TTI_SFPNOP;
            where_nan<R0, R1, R6>();
            TTI_SFPMOV(0, R0, R3, 0);
            everywhere();
            TTI_SFPSETSGN(0, R3, R0, 0);
            store<R0, out>();
        });
    });
}

// a / b: q = m_a * r, then q + (m_a - q * m_b) * r; m_a is a with the exponent of 1, so that q is
// from 1/4 to 1. The scale, from 2^-253 to 2^254, is two factors, lest one of them is not normal.
struct Divide {
    static void prepare() { constant<R6, 0x7f800000>(); }

    static void apply() {
        minus_m<R1>();
        near_reciprocal();
        TTI_SFPSETEXP(127, R0, R5, 1);
        TTI_SFPMUL(R5, R3, ZERO, R4, 0);
        TTI_SFPNOP;
        TTI_SFPMAD(R4, R2, R5, R5, 0);
        TTI_SFPNOP;
        TTI_SFPMAD(R5, R3, R4, R4, 0);
        TTI_SFPNOP;
        scale();
        unless_special();
    }

    // R4 *= 2^(exponent of a - exponent of b + 1)
    static void scale() {
        TTI_SFPNOT(0, R1, R3, 0);
        TTI_SFPAND(0, R6, R3, 0);
        TTI_SFPMOV(0, R0, R5, 0);
        TTI_SFPAND(0, R6, R5, 0);
        TTI_SFPIADD(0, R5, R3, SUM | ALL);
        TTI_SFPMOV(0, R3, R5, 0);
        TTI_SFPSHFT((-1) & 0xfff, 0, R5, 1);
        TTI_SFPAND(0, R6, R5, 0);
        TTI_SFPMUL(R4, R5, ZERO, R4, 0);
        TTI_SFPIADD(0, R3, R5, DIFFERENCE | ALL);
        TTI_SFPMUL(R4, R5, ZERO, R4, 0);
    }

    // R0 = the magnitude of R4 where a and b are normal; else of a times 0, infinity or a normal
    // number for infinite, zero or normal b, and NaN of b. The sign is that of both.
    static void unless_special() {
        TTI_SFPEXEXP(0, R0, R2, 1);
        TTI_SFPEXEXP(0, R1, R3, 1);
        TTI_SFPSETMAN(0, R1, R5, 1);
        TTI_SFPXOR(0, R6, R5, 0);
        TTI_SFPMUL(R0, R5, ZERO, R5, 0);
        TTI_SFPIADD((-1) & 0xfff, R2, R2, IMMEDIATE | IF_NOT_NEGATIVE);
        TTI_SFPIADD((-254) & 0xfff, R2, R2, IMMEDIATE | IF_NEGATIVE);
        TTI_SFPIADD((-1) & 0xfff, R3, R3, IMMEDIATE | IF_NOT_NEGATIVE);
        TTI_SFPIADD((-254) & 0xfff, R3, R3, IMMEDIATE | IF_NEGATIVE);
        TTI_SFPMOV(0, R4, R5, 0);
        everywhere();
        where_nan<R1, R2, R6>();
        TTI_SFPMOV(0, R1, R5, 0);
        everywhere();
        TTI_SFPXOR(0, R1, R0, 0);
        TTI_SFPSETSGN(0, R5, R0, 0);
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void divide() { binary<Divide, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void divide_constant() { with_constant<Divide, a, bits, out>(); }

} // namespace tilec
