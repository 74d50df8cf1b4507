// Random bits: Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3".
//
// Its products of words are made as word.h does; of 64 bits here, so carries are kept.
#pragma once

namespace tilec {

// A register = a positive integer below 2^11 as f32: the bits of that f16.
template <uint32_t reg, uint32_t integer>
inline void small_integer() {
    static_assert(0 < integer && integer < 2048);
    constexpr uint32_t exponent = 31 - __builtin_clz(integer);
    constexpr uint32_t fraction = integer << (10 - exponent) & 0x3ff;
    TTI_SFPLOADI(reg, 1, (exponent + 15) << 10 | fraction);
}

// The upper word R6 and the lower word R1 of R0 * factor. Uses all registers up to R6. What is
// left of a sum 11 places further up is the carry into the next.
template <uint32_t factor>
inline void wide_product() {
    constexpr uint32_t LOWER = factor & 0x7ff, MIDDLE = factor >> 11 & 0x7ff, UPPER = factor >> 22;
    split<R0, R2, R3, R4>();
    small_integer<R4, LOWER>();
    begin_sum<R5>();
    add_product<R5, R0, R4>();
    end_sum<R5, R1>();
    begin_sum<R5>();
    add_product<R5, R2, R4>();
    small_integer<R4, MIDDLE>();
    add_product<R5, R0, R4>();
    end_sum<R5>();
    TTI_SFPMOV(0, R1, R6, 0);
    shift<R6, -11>();
    TTI_SFPIADD(0, R5, R6, SUM | ALL);
    shift<R6, -11>();
    shift<R5, 11>();
    TTI_SFPIADD(0, R5, R1, SUM | ALL);
    begin_sum<R5>();
    add_product<R5, R2, R4>();
    small_integer<R4, LOWER>();
    add_product<R5, R3, R4>();
    small_integer<R4, UPPER>();
    add_product<R5, R0, R4>();
    end_sum<R5>();
    TTI_SFPIADD(0, R5, R6, SUM | ALL);
    shift<R6, -10>();
    shift<R5, 22>();
    TTI_SFPIADD(0, R5, R1, SUM | ALL);
    begin_sum<R5>();
    add_product<R5, R2, R4>();
    small_integer<R4, MIDDLE>();
    add_product<R5, R3, R4>();
    end_sum<R5>();
    shift<R5, 1>();
    TTI_SFPIADD(0, R5, R6, SUM | ALL);
    small_integer<R4, UPPER>();
    begin_sum<R5>();
    add_product<R5, R3, R4>();
    end_sum<R5>();
    shift<R5, 12>();
    TTI_SFPIADD(0, R5, R6, SUM | ALL);
}

// R0 = a run-time word.
inline void run_time_word(uint32_t word) {
    TT_SFPLOADI(R0, 10, word & 0xffff);
    TT_SFPLOADI(R0, 8, word >> 16);
}

// One round on the counter in four tiles; the key is `seed` + first, second.
template <uint32_t seed, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3>
inline void philox_round(uint32_t first, uint32_t second) {
    each_vector([first, second] {
        load<R0, c0, BITS>();
        wide_product<0xd2511f53>();
        load<R0, c3, BITS>();
        TTI_SFPXOR(0, R0, R6, 0);
        run_time_word(second);
        TTI_SFPXOR(0, R0, R6, 0);
        TTI_SFPMOV(0, R6, R7, 0);
        store<R1, c3, BITS>();
        load<R0, c2, BITS>();
        wide_product<0xcd9e8d57>();
        load<R0, c1, BITS>();
        TTI_SFPXOR(0, R0, R6, 0);
        run_time_word(first);
        load<R2, seed, BITS>();
        TTI_SFPIADD(0, R2, R0, SUM | ALL);
        TTI_SFPXOR(0, R0, R6, 0);
        store<R6, c0, BITS>();
        store<R1, c1, BITS>();
        store<R7, c2, BITS>();
    });
}

// 32 random bits of a seed and the counter in four tiles, of which c0 holds the result then
// and the others nothing of use.
template <uint32_t seed, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3>
inline void random() {
    vector_unit([] {
#pragma GCC unroll 1
        for (uint32_t round = 0; round < 10; ++round) {
            philox_round<seed, c0, c1, c2, c3>(round * 0x9e3779b9, round * 0xbb67ae85);
        }
    });
}

// The upper 24 of 32 random bits as an f32 in [0, 1).
template <uint32_t a, uint32_t out>
inline void uniform() {
    vector_unit([] {
        each_vector([] {
            load<R0, a, BITS>();
            shift<R0, -8>();
            TTI_SFPCAST(R0, R0, 0);
            TTI_SFPMULI(0x3380, R0, 0); // 2^-24
            TTI_SFPNOP;
            store<R0, out>();
        });
    });
}

} // namespace tilec
