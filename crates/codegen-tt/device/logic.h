// Logic on truth values. What is not 0 counts as true: also NaN, but neither zero.
#pragma once

namespace tilec {

// Both are not 0.
struct And {
    static void prepare() {}
    static void apply() {
        TTI_SFPSETSGN(0, R0, R2, 1);
        TTI_SFPSETSGN(0, R1, R1, 1);
        TTI_SFPMOV(0, ZERO, R0, 0);
        where_not_zero<R1>();
        where_not_zero<R2>();
        TTI_SFPMOV(0, ONE, R0, 0);
        everywhere();
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void logical_and() { binary<And, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void logical_and_constant() { with_constant<And, a, bits, out>(); }

// One is not 0.
struct Or {
    static void prepare() {}
    static void apply() {
        TTI_SFPOR(0, R0, R1, 0);
        TTI_SFPSETSGN(0, R1, R1, 1);
        TTI_SFPMOV(0, ZERO, R0, 0);
        where_not_zero<R1>();
        TTI_SFPMOV(0, ONE, R0, 0);
        everywhere();
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void logical_or() { binary<Or, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void logical_or_constant() { with_constant<Or, a, bits, out>(); }

// 1 where 0, else 0.
template <uint32_t a, uint32_t out>
inline void logical_not() {
    vector_unit([] {
        each_vector([] {
            load<R1, a, BITS>();
            TTI_SFPSETSGN(0, R1, R1, 1);
            TTI_SFPMOV(0, ZERO, R0, 0);
            where_zero<R1>();
            TTI_SFPMOV(0, ONE, R0, 0);
            everywhere();
            store<R0, out>();
        });
    });
}

// a where test is not 0, else b; bit by bit.
template <uint32_t test, uint32_t a, uint32_t b, uint32_t out>
inline void select() {
    vector_unit([] {
        each_vector([] {
            load<R0, b, BITS>();
            load<R1, test, BITS>();
            TTI_SFPSETSGN(0, R1, R1, 1);
            where_not_zero<R1>();
            load<R0, a, BITS>();
            everywhere();
            store<R0, out, BITS>();
        });
    });
}

} // namespace tilec
