// Relations, minimum and maximum, and logic. Truth values are 1.0 and 0.0.
//
// Relations are IEEE's: false with NaN (`not_equal` is true), -0 equals +0; subnormals count as
// 0. SFPSWAP orders two f32 by their bits as sign and magnitude, so beyond the infinities lie
// NaN: lanes with NaN are told apart by the magnitude of their bits.
#pragma once

namespace tilec {

constexpr uint32_t INFINITY_BITS = 0x7f800000;

// The smaller: NaN if either is, -0 below +0. SFPSWAP leaves the smaller in its last register.
struct Minimum {
    static void prepare() { constant<R6, INFINITY_BITS>(); }
    static void apply() {
        TTI_SFPSWAP(0, R1, R0, 1);
        TTI_SFPNOP;
        where_nan<R1, R2, R6>();
        TTI_SFPMOV(0, R1, R0, 0);
        everywhere();
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void minimum() { binary<Minimum, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void minimum_constant() { with_constant<Minimum, a, bits, out>(); }

// The larger: NaN if either is, -0 below +0.
struct Maximum {
    static void prepare() { constant<R6, INFINITY_BITS>(); }
    static void apply() {
        TTI_SFPSWAP(0, R0, R1, 1);
        TTI_SFPNOP;
        where_nan<R1, R2, R6>();
        TTI_SFPMOV(0, R1, R0, 0);
        everywhere();
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void maximum() { binary<Maximum, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void maximum_constant() { with_constant<Maximum, a, bits, out>(); }

// Makes zeros and subnormals of R0 and R1 +0, so that equal values have equal bits.
inline void one_zero() {
    TTI_SFPADD(R0, ONE, ZERO, R0, 0);
    TTI_SFPADD(R1, ONE, ZERO, R1, 0);
    TTI_SFPNOP;
}

// R0 = `same` where R0 == R1, else `other`.
template <uint32_t same, uint32_t other>
inline void same_or_other() {
    one_zero();
    TTI_SFPXOR(0, R0, R1, 0);
    TTI_SFPSETSGN(0, R0, R2, 1);
    TTI_SFPMOV(0, other, R0, 0);
    where_zero<R1>();
    TTI_SFPIADD(0, R6, R2, DIFFERENCE | IF_NOT_NEGATIVE);
    TTI_SFPMOV(0, same, R0, 0);
    everywhere();
}

// a == b
struct Equal {
    static void prepare() { constant<R6, INFINITY_BITS>(); }
    static void apply() { same_or_other<ONE, ZERO>(); }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void equal() { binary<Equal, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void equal_constant() { with_constant<Equal, a, bits, out>(); }

// a != b
struct NotEqual {
    static void prepare() { constant<R6, INFINITY_BITS>(); }
    static void apply() { same_or_other<ZERO, ONE>(); }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void not_equal() { binary<NotEqual, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void not_equal_constant() { with_constant<NotEqual, a, bits, out>(); }

// R5 = the larger of R0 and R1 with the bits of `x` flipped (so 0 if it is x); the magnitudes
// in R2 and R3.
template <uint32_t x>
inline void larger_against() {
    one_zero();
    TTI_SFPSETSGN(0, R0, R2, 1);
    TTI_SFPSETSGN(0, R1, R3, 1);
    TTI_SFPMOV(0, x, R5, 0);
    TTI_SFPSWAP(0, R0, R1, 1);
    TTI_SFPNOP;
    TTI_SFPXOR(0, R0, R5, 0);
}
// R0 = 1 in the lanes that are left, if neither is NaN; 0 elsewhere.
inline void unless_nan() {
    TTI_SFPIADD(0, R6, R2, DIFFERENCE | IF_NOT_NEGATIVE);
    TTI_SFPIADD(0, R6, R3, DIFFERENCE | IF_NOT_NEGATIVE);
    TTI_SFPMOV(0, ONE, R0, 0);
    everywhere();
}

// a < b: the larger is not a.
struct Less {
    static void prepare() { constant<R6, INFINITY_BITS>(); }
    static void apply() {
        larger_against<R0>();
        TTI_SFPMOV(0, ZERO, R0, 0);
        where_not_zero<R5>();
        unless_nan();
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void less() { binary<Less, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void less_constant() { with_constant<Less, a, bits, out>(); }

// a <= b: the larger is b.
struct AtMost {
    static void prepare() { constant<R6, INFINITY_BITS>(); }
    static void apply() {
        larger_against<R1>();
        TTI_SFPMOV(0, ZERO, R0, 0);
        where_zero<R5>();
        unless_nan();
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void at_most() { binary<AtMost, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void at_most_constant() { with_constant<AtMost, a, bits, out>(); }

} // namespace tilec
