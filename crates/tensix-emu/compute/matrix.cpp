#include "matrix.h"

#include <type_traits>

#include "format.h"
#include "sums.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace emu {
namespace {

constexpr int16_t kNothing = -8000;  // the exponent of a zero: below any product's

void put(Factor* factor, uint32_t at, const SourceWord& f, uint32_t upper, uint32_t lower) {
    bool zero = f.exponent == 0;
    auto with_sign = [&](uint32_t v) { return int16_t(zero ? 0 : f.sign ? -int(v) : int(v)); };
    factor->exponent[at] = zero ? kNothing : int16_t(f.exponent);
    factor->part[0][at] = with_sign(upper);
    factor->part[1][at] = with_sign(lower);
}

// ---- one sum of eight products, in 16-bit or 32-bit lanes ----

template <class V>
EMU_INLINE Partial<V> eight_products(int offset, const int16_t* left_exponents,
                                     const int16_t* left, const V* right_exponents,
                                     const V* right) {
    using Lane = std::remove_reference_t<decltype(V{}[0])>;
    V exponents[8];
    V top = V{} + Lane(std::max(offset, 0));
    for (int k = 0; k < 8; k++) {
        exponents[k] = right_exponents[k] + Lane(left_exponents[k] + offset);
        top = largest(top, exponents[k]);
    }
    V sum{};
    for (int k = 0; k < 8; k++) {
        V product = right[k] * Lane(left[k]);
        // Products have 12 bits: 13 places to the right nothing of them is left.
        V by = smallest(top - exponents[k], V{} + Lane(13));
        V negative = product >> Lane(sizeof(Lane) * 8 - 1);
        V half = (V{} + Lane(1)) << by;
        sum += (product + product + half + negative) >> (by + Lane(1));
    }
    V counts = top > V{};
    return {select(counts, top, V{}), sum & counts};
}

// ---- a tile ----

using Words = Lanes<int32_t, 8>;

// Two sums of eight products for each of some columns, as 32-bit words.
template <class V>
struct Sixteen {
    static constexpr int kLanes = sizeof(V) / sizeof(V{}[0]);
    alignas(64) int32_t exponents[2][kLanes];
    alignas(64) int32_t sums[2][kLanes];
};

// Of a row of the left factor and a stripe of the right one; pointers are to the first of
// the 16 elements that are summed.
template <class V>
EMU_INLINE void sixteen_products(int offset, const int16_t* left_exponents, const int16_t* left,
                                 const int16_t* right_exponents, const int16_t* right,
                                 Sixteen<V>* out) {
    using Narrow = Lanes<int16_t, Sixteen<V>::kLanes>;
    using Words = Lanes<int32_t, Sixteen<V>::kLanes>;
    for (int group = 0; group < 2; group++) {
        V exponents[8], parts[8];
        for (int k = 0; k < 8; k++) {
            int at = (group * 8 + k) * 32;
            exponents[k] = __builtin_convertvector(load_lanes<Narrow>(right_exponents + at), V);
            parts[k] = __builtin_convertvector(load_lanes<Narrow>(right + at), V);
        }
        Partial<V> p = eight_products<V>(offset, left_exponents + group * 8, left + group * 8,
                                         exponents, parts);
        store_lanes(out->exponents[group], __builtin_convertvector(p.exponent, Words));
        store_lanes(out->sums[group], __builtin_convertvector(p.sum, Words));
    }
}

// Adds lanes `lane ..` of two sums to eight words of DST.
template <class V>
EMU_INLINE void add_eight(const Sums& sums, const Sixteen<V>& from, int lane, uint32_t* at,
                          Words& wrong) {
    auto partial = [&](int group) {
        return Partial<Words>{load_lanes<Words>(from.exponents[group] + lane),
                              load_lanes<Words>(from.sums[group] + lane)};
    };
    Words word = widened(sums, load_lanes<Words>(at));
    store_lanes(at, narrowed(sums, accumulated(sums, word, partial(0), partial(1), wrong)));
}

template <class V>
EMU_INLINE void add_sixteen(const Sums& sums, const Sixteen<V>& from, uint32_t row,
                            uint32_t column, uint32_t* dst, Words& wrong) {
    for (int lane = 0; lane < Sixteen<V>::kLanes; lane += 8) {
        add_eight(sums, from, lane, dst + place(row, column + lane), wrong);
    }
}

// A row of the result, for as many columns as a vector has lanes.
template <class V>
EMU_INLINE void add_row(const Sums& sums, uint32_t passes, const Factor& left,
                        const Factor& right, uint32_t row, uint32_t column, uint32_t* dst,
                        Words& wrong) {
    Sixteen<V> products;
    for (uint32_t pass = 0; pass < passes; pass++) {
        const int16_t* left_part = left.part[pass >> 1 & 1];
        const int16_t* right_part = right.part[pass & 1];
        for (uint32_t half = 0; half < 32; half += 16) {
            uint32_t at = row * 32 + half, from = half * 32 + column;
            sixteen_products(exponent_offset(sums, pass), left.exponent + at, left_part + at,
                             right.exponent + from, right_part + from, &products);
            add_sixteen(sums, products, row, column, dst, wrong);
        }
    }
}

template <class V>
EMU_INLINE uint32_t add_tile(const Sums& sums, uint32_t passes, const Factor& left,
                             const Factor& right, uint32_t* dst) {
    constexpr uint32_t kLanes = sizeof(V) / sizeof(V{}[0]);
    Words wrong{};
    for (uint32_t row = 0; row < 32; row++) {
        for (uint32_t column = 0; column < 32; column += kLanes) {
            add_row<V>(sums, passes, left, right, row, column, dst, wrong);
        }
    }
    return sum_of(wrong);
}

using Product = uint32_t (*)(const Sums&, uint32_t, const Factor&, const Factor&, uint32_t*);

uint32_t add_tile_anywhere(const Sums& sums, uint32_t passes, const Factor& left,
                           const Factor& right, uint32_t* dst) {
    return add_tile<Lanes<int32_t, 8>>(sums, passes, left, right, dst);
}

#if defined(__x86_64__)
[[gnu::target("avx2,fma")]]
uint32_t add_tile_avx2(const Sums& sums, uint32_t passes, const Factor& left,
                       const Factor& right, uint32_t* dst) {
    return add_tile<Lanes<int32_t, 8>>(sums, passes, left, right, dst);
}

[[gnu::target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")]]
uint32_t add_tile_avx512(const Sums& sums, uint32_t passes, const Factor& left,
                         const Factor& right, uint32_t* dst) {
    return add_tile<Lanes<int16_t, 32>>(sums, passes, left, right, dst);
}

Product fastest() {
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
        return add_tile_avx512;
    }
    return __builtin_cpu_supports("avx2") ? add_tile_avx2 : add_tile_anywhere;
}
#else
Product fastest() { return add_tile_anywhere; }
#endif

}  // namespace

void split_right(const uint32_t* words, bool transpose, Factor* factor) {
    for (uint32_t row = 0; row < 32; row++) {
        for (uint32_t column = 0; column < 32; column++) {
            SourceWord f(words[transpose ? place(column, row) : place(row, column)]);
            put(factor, row * 32 + column, f, f.significand >> 6, f.significand >> 1 & 31);
        }
    }
}

void split_left(const uint32_t* words, Factor* factor) {
    for (uint32_t row = 0; row < 32; row++) {
        for (uint32_t column = 0; column < 32; column++) {
            SourceWord f(words[place(row, column)]);
            put(factor, row * 32 + column, f, f.significand >> 4, (f.significand & 15) << 3);
        }
    }
}

uint32_t add_strip(const Sums& sums, uint32_t pass, const Factor& left, uint32_t row,
                   const Factor& right, uint32_t depth, uint32_t column, uint32_t* words) {
    Words wrong{};
    uint32_t at = row * 32 + depth;
    for (uint32_t eight = 0; eight < 16; eight += 8) {
        uint32_t from = depth * 32 + column + eight;
        Sixteen<Words> products;
        sixteen_products(exponent_offset(sums, pass), left.exponent + at,
                         left.part[pass >> 1 & 1] + at, right.exponent + from,
                         right.part[pass & 1] + from, &products);
        add_eight(sums, products, 0, words + eight, wrong);
    }
    return sum_of(wrong);
}

uint32_t add_product(const Sums& sums, uint32_t passes, const Factor& left, const Factor& right,
                     uint32_t* dst) {
    static const Product product = fastest();
    return product(sums, passes, left, right, dst);
}

}  // namespace emu
