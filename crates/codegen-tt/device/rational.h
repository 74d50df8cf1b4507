// tanh(x) and erf(x) as x * P(x^2) / Q(x^2), with |x| clamped to where the result rounds to 1.
//
// P and Q are minimax for the relative error and positive; Q(0) = 1. The quotient is that of divide.h.
#pragma once

namespace tilec {

// With x^2 in R1: R5 = P, then R2 = Q.
struct TanhRational { // relative error 2.1e-8 up to 9.02
    static constexpr uint32_t LAST = 0x4110051f;
    static void numerator() {
        constant<R2, 0x3264d208>();
        horner<R1, 0x37acaabe>();
        horner<R1, 0x3b64fc33>();
        horner<R1, 0x3e090222>();
        horner<R1, 0x3f800000>();
    }
    static void denominator() {
        constant<R2, 0x35505c48>();
        horner<R1, 0x39ac20f6>();
        horner<R1, 0x3cd3ef96>();
        horner<R1, 0x3eef2bb5>();
        horner<R1, 0x3f800000>();
    }
};
struct ErfRational { // relative error 2.1e-8 up to 3.95
    static constexpr uint32_t LAST = 0x407ccccd;
    static void numerator() {
        constant<R2, 0x3607f4b1>();
        horner<R1, 0x3995424c>();
        horner<R1, 0x3b799333>();
        horner<R1, 0x3d589417>();
        horner<R1, 0x3e442613>();
        horner<R1, 0x3f906eba>();
    }
    static void denominator() {
        constant<R2, 0x381ead8f>();
        horner<R1, 0x3a997373>();
        horner<R1, 0x3c76aa0e>();
        horner<R1, 0x3dea9e7e>();
        horner<R1, 0x3f00ca8e>();
        horner<R1, 0x3f800000>();
    }
};

// R4 = R5 / R2 of positive numbers whose quotient and scale are far from the ends of f32.
inline void quotient() {
    TTI_SFPNOT(0, R2, R1, 0);
    TTI_SFPAND(0, R6, R1, 0); // the scale
    minus_m<R2>();
    near_reciprocal();
    TTI_SFPNOP;
    TTI_SFPMUL(R5, R3, ZERO, R4, 0);
    TTI_SFPNOP;
    TTI_SFPMAD(R4, R2, R5, R5, 0);
    TTI_SFPNOP;
    TTI_SFPMAD(R5, R3, R4, R4, 0);
    TTI_SFPNOP;
    TTI_SFPMUL(R4, R1, ZERO, R4, 0);
}

template <class Function, uint32_t a, uint32_t out>
inline void odd_rational() {
    vector_unit([] {
        constant<R6, 0x7f800000>();
        each_vector([] {
            load<R0, a>();
            constant<R1, Function::LAST>();
            TTI_SFPSETSGN(0, R0, R3, 1);
            TTI_SFPSWAP(0, R1, R3, 1);
            TTI_SFPNOP;
            TTI_SFPMUL(R3, R3, ZERO, R1, 0);
            Function::numerator();
            TTI_SFPNOP;
            TTI_SFPMOV(0, R2, R5, 0);
            Function::denominator();
            TTI_SFPMOV(0, R3, R7, 0);
            quotient();
            TTI_SFPNOP;
            TTI_SFPMUL(R4, R7, ZERO, R4, 0);
            where_nan<R0, R1, R6>();
            TTI_SFPMOV(0, R0, R4, 0);
            everywhere();
            TTI_SFPSETSGN(0, R4, R0, 0);
            store<R0, out>();
        });
    });
}

template <uint32_t a, uint32_t out>
inline void hyperbolic_tangent() { odd_rational<TanhRational, a, out>(); }

template <uint32_t a, uint32_t out>
inline void error_function() { odd_rational<ErfRational, a, out>(); }

} // namespace tilec
