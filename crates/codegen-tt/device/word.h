// Words: 32-bit integers in DST, two's complement. Sums and products wrap around.
//
// The unit multiplies f32 only, so a product is made of pieces of 11, 11 and 10 bits:
//
//     a * b = a0 b0 + (a0 b1 + a1 b0) 2^11 + (a0 b2 + a1 b1 + a2 b0) 2^22 + ..
//
// Every sum is below 2^23, so added to 2^23 it is exact, and stands in the fraction.
#pragma once

namespace tilec {

// A two-operand op: apply() makes R0 of the words R0 and R1 and may use the other registers.
template <class Op, uint32_t a, uint32_t b, uint32_t out>
inline void words() {
    vector_unit([] {
        each_vector([] {
            load<R0, a, BITS>();
            load<R1, b, BITS>();
            Op::apply();
            store<R0, out, BITS>();
        });
    });
}

// a + b
struct AddWords {
    static void apply() { TTI_SFPIADD(0, R1, R0, SUM | ALL); }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void add_words() { words<AddWords, a, b, out>(); }

// R1 = R0 - R1
inline void difference() { TTI_SFPIADD(0, R0, R1, DIFFERENCE | ALL); }

// a - b
struct SubtractWords {
    static void apply() {
        difference();
        TTI_SFPMOV(0, R1, R0, 0);
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void subtract_words() { words<SubtractWords, a, b, out>(); }

// The pieces of a word as f32: the lowest in x itself. Overwrites `mask`.
template <uint32_t x, uint32_t middle, uint32_t upper, uint32_t mask>
inline void split() {
    TTI_SFPLOADI(mask, 2, 0x7ff);
    TTI_SFPMOV(0, x, middle, 0);
    TTI_SFPSHFT((-11) & 0xfff, 0, middle, 1);
    TTI_SFPMOV(0, middle, upper, 0);
    TTI_SFPSHFT((-11) & 0xfff, 0, upper, 1);
    TTI_SFPAND(0, mask, middle, 0);
    TTI_SFPAND(0, mask, x, 0);
    TTI_SFPCAST(x, x, 0);
    TTI_SFPCAST(middle, middle, 0);
    TTI_SFPCAST(upper, upper, 0);
}

// A sum of products of pieces, and at last the integer that it is.
template <uint32_t sum>
inline void begin_sum() { TTI_SFPLOADI(sum, 0, 0x4b00); } // 2^23
template <uint32_t sum, uint32_t x, uint32_t y>
inline void add_product() {
    TTI_SFPMAD(x, y, sum, sum, 0);
    TTI_SFPNOP;
}
template <uint32_t sum, uint32_t out = sum>
inline void end_sum() { TTI_SFPEXMAN(0, sum, out, 1); }

// `by` places to the left, or to the right where that is negative.
template <uint32_t reg, int by>
inline void shift() { TTI_SFPSHFT(by & 0xfff, 0, reg, 1); }

// a * b
struct MultiplyWords {
    static void apply() {
        split<R0, R2, R3, R7>();
        split<R1, R4, R5, R7>();
        begin_sum<R6>();
        add_product<R6, R0, R1>();
        end_sum<R6, R7>();
        begin_sum<R6>();
        add_product<R6, R0, R4>();
        add_product<R6, R2, R1>();
        end_sum<R6>();
        shift<R6, 11>();
        TTI_SFPIADD(0, R6, R7, SUM | ALL);
        begin_sum<R6>();
        add_product<R6, R0, R5>();
        add_product<R6, R2, R4>();
        add_product<R6, R3, R1>();
        end_sum<R6>();
        shift<R6, 22>();
        TTI_SFPMOV(0, R7, R0, 0);
        TTI_SFPIADD(0, R6, R0, SUM | ALL);
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void multiply_words() { words<MultiplyWords, a, b, out>(); }

// floor(a / 2^b): what is shifted is not negative, a + 2^31.
struct ShiftWordsRight {
    static void apply() {
        TTI_SFPIADD(0, ZERO, R1, DIFFERENCE | ALL);
        constant<R2, 0x80000000>();
        TTI_SFPXOR(0, R2, R0, 0);
        TTI_SFPSHFT(0, R1, R0, 0);
        TTI_SFPSHFT(0, R1, R2, 0);
        TTI_SFPIADD(0, R0, R2, DIFFERENCE | ALL);
        TTI_SFPMOV(0, R2, R0, 0);
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void shift_words_right() { words<ShiftWordsRight, a, b, out>(); }

// R3 is negative where R0 < R1: a difference has the right sign if both have the same one.
inline void compare_words() {
    TTI_SFPMOV(0, R1, R2, 0);
    TTI_SFPXOR(0, R0, R2, 0);
    TTI_SFPMOV(0, R1, R3, 0);
    TTI_SFPIADD(0, R0, R3, DIFFERENCE | ALL);
    where_negative<R2>();
    TTI_SFPMOV(0, R0, R3, 0);
    everywhere();
}

// The smaller.
struct MinimumWords {
    static void apply() {
        compare_words();
        where_not_negative<R3>();
        TTI_SFPMOV(0, R1, R0, 0);
        everywhere();
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void minimum_words() { words<MinimumWords, a, b, out>(); }

// The larger.
struct MaximumWords {
    static void apply() {
        compare_words();
        where_negative<R3>();
        TTI_SFPMOV(0, R1, R0, 0);
        everywhere();
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void maximum_words() { words<MaximumWords, a, b, out>(); }

// a < b, as 1.0 or 0.0
struct LessWords {
    static void apply() {
        compare_words();
        TTI_SFPMOV(0, ZERO, R0, 0);
        where_negative<R3>();
        TTI_SFPMOV(0, ONE, R0, 0);
        everywhere();
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void less_words() { words<LessWords, a, b, out>(); }

// a == b, as 1.0 or 0.0
struct EqualWords {
    static void apply() {
        TTI_SFPXOR(0, R0, R1, 0);
        TTI_SFPMOV(0, ZERO, R0, 0);
        where_zero<R1>();
        TTI_SFPMOV(0, ONE, R0, 0);
        everywhere();
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void equal_words() { words<EqualWords, a, b, out>(); }

// The word whose lower half is a's and whose upper half is b's lower one. What is copied to DST
// as a 16-bit integer leaves the upper half there as it was.
struct JoinWords {
    static void apply() {
        shift<R0, 16>();
        shift<R0, -16>();
        shift<R1, 16>();
        TTI_SFPOR(0, R1, R0, 0);
    }
};

template <uint32_t a, uint32_t b, uint32_t out>
inline void join_words() { words<JoinWords, a, b, out>(); }

// Makes of R0, a half, a word that is packed to that half: packing 16-bit integers takes the
// upper half of a word of DST, in the order in which DST itself keeps a bf16: sign, fraction,
// exponent.
inline void place_half() {
    TTI_SFPMOV(0, R0, R1, 0);
    shift<R0, 24>();
    shift<R0, -1>();          // the lower 8 bits to the exponent
    TTI_SFPMOV(0, R1, R2, 0);
    shift<R2, -15>();
    shift<R2, 31>();          // the upper bit
    TTI_SFPOR(0, R2, R0, 0);
    shift<R1, 17>();
    shift<R1, -25>();
    shift<R1, 16>();          // the others to the fraction
    TTI_SFPOR(0, R1, R0, 0);
}

template <uint32_t a, uint32_t out>
inline void lower_half() {
    vector_unit([] {
        each_vector([] {
            load<R0, a, BITS>();
            shift<R0, 16>();
            shift<R0, -16>();
            place_half();
            store<R0, out, BITS>();
        });
    });
}

template <uint32_t a, uint32_t out>
inline void upper_half() {
    vector_unit([] {
        each_vector([] {
            load<R0, a, BITS>();
            shift<R0, -16>();
            place_half();
            store<R0, out, BITS>();
        });
    });
}

} // namespace tilec
