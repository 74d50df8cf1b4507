// Sums, products, and the moves of signs and bits.
//
// The sum and the product are rounded to nearest, ties to even, as the unit does it:
// subnormal operands and results are zeros, and a zero result is +0 (the unit loses its sign).
#pragma once

namespace tilec {

// A two-operand op: prepare() sets its constants, apply() makes R0 of R0 and R1 and may use R2
// to R6. Its operand b is a tile or a constant, which is kept in R7.
template <class Op, uint32_t a, uint32_t b, uint32_t out>
inline void binary() {
    vector_unit([] {
        Op::prepare();
        each_vector([] {
            load<R0, a>();
            load<R1, b>();
            Op::apply();
            store<R0, out>();
        });
    });
}

template <class Op, uint32_t a, uint32_t bits, uint32_t out>
inline void with_constant() {
    vector_unit([] {
        Op::prepare();
        constant<R7, bits>();
        each_vector([] {
            load<R0, a>();
            TTI_SFPMOV(0, R7, R1, 0);
            Op::apply();
            store<R0, out>();
        });
    });
}

// a + b
struct Add {
    static void prepare() {}
    static void apply() {
        TTI_SFPADD(R0, ONE, R1, R0, 0);
        TTI_SFPNOP;
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void add() { binary<Add, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void add_constant() { with_constant<Add, a, bits, out>(); }

// a - b = b * -1 + a
struct Subtract {
    static void prepare() {}
    static void apply() {
        TTI_SFPMAD(R1, MINUS_ONE, R0, R0, 0);
        TTI_SFPNOP;
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void subtract() { binary<Subtract, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void subtract_constant() { with_constant<Subtract, a, bits, out>(); }

// a * b
struct Multiply {
    static void prepare() {}
    static void apply() {
        TTI_SFPMUL(R0, R1, ZERO, R0, 0);
        TTI_SFPNOP;
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void multiply() { binary<Multiply, a, b, out>(); }

template <uint32_t a, uint32_t bits, uint32_t out>
inline void multiply_constant() { with_constant<Multiply, a, bits, out>(); }

// a * b + c; the product keeps 3 bits more than f32 has before it is added.
template <uint32_t a, uint32_t b, uint32_t c, uint32_t out>
inline void multiply_add() {
    vector_unit([] {
        each_vector([] {
            load<R0, a>();
            load<R1, b>();
            load<R2, c>();
            TTI_SFPMAD(R0, R1, R2, R0, 0);
            TTI_SFPNOP;
            store<R0, out>();
        });
    });
}

// A copy, bit by bit.
template <uint32_t a, uint32_t out>
inline void move() {
    vector_unit([] {
        each_vector([] {
            load<R0, a, BITS>();
            store<R0, out, BITS>();
        });
    });
}

// -a: the sign bit flips, of zeros and NaN too.
template <uint32_t a, uint32_t out>
inline void negate() {
    vector_unit([] {
        each_vector([] {
            load<R0, a, BITS>();
            TTI_SFPMOV(0, R0, R0, 1);
            store<R0, out, BITS>();
        });
    });
}

// |a|: the sign bit is cleared, of zeros and NaN too.
template <uint32_t a, uint32_t out>
inline void absolute() {
    vector_unit([] {
        each_vector([] {
            load<R0, a, BITS>();
            TTI_SFPSETSGN(0, R0, R0, 1);
            store<R0, out, BITS>();
        });
    });
}

// Every element the f32 with these bits.
template <uint32_t bits, uint32_t out>
inline void fill() {
    vector_unit([] {
        constant<R0, bits>();
        each_vector([] { store<R0, out, BITS>(); });
    });
}

} // namespace tilec
