#include "matrix.h"

#include <algorithm>

#include "format.h"
#include "lanes.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace emu {
namespace {

constexpr int16_t kNothing = -8000;  // the exponent of a zero: below any product's

// The fields of a source register.
struct Field {
    uint32_t sign, exponent, significand;
    explicit Field(uint32_t word)
        : sign(word >> 31), exponent(word >> 23 & 255), significand(word >> 13 & 0x3ff | 0x400) {}
};

void put(Factor* factor, uint32_t at, const Field& f, uint32_t upper, uint32_t lower) {
    bool zero = f.exponent == 0;
    auto with_sign = [&](uint32_t v) { return int16_t(zero ? 0 : f.sign ? -int(v) : int(v)); };
    factor->exponent[at] = zero ? kNothing : int16_t(f.exponent);
    factor->part[0][at] = with_sign(upper);
    factor->part[1][at] = with_sign(lower);
}

// What is added to the sum of two biased exponents in a pass: the bias, and how far the parts
// are below the significands.
int exponent_offset(const Sums& sums, uint32_t pass) {
    int offset = !sums.short_exponent ? -127 : sums.wide ? 127 - 30 : -15;
    return offset - (pass & 1 ? 5 : 0) - (pass & 2 ? 7 : 0);
}

// ---- one sum of eight products, in 16-bit or 32-bit lanes ----

template <class V>
struct Partial {
    V exponent, sum;  // of at most 16 bits
};

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

// ---- sums and DST ----

template <class V>
EMU_INLINE V aligned(V bits, V by, V negative) {
    by = smallest(by, V{} + 30);
    V half = ((V{} + 1) << by) >> 1;
    return (bits + half + (negative & (by > V{}))) >> by;
}

// floor(log2) of positive words below 2^30.
template <class V>
EMU_INLINE V top_bit(V bits) {
    using Floats = Lanes<float, sizeof(V) / 4>;
    V below = bits & ~(bits >> 1);  // can't be rounded up to the next power of two
    Floats f = __builtin_convertvector(below, Floats);
    V pattern;
    std::memcpy(&pattern, &f, sizeof f);
    return (pattern >> 23) - 127;
}

template <class V>
EMU_INLINE V shifted_right(V bits, V by) {  // ties away from 0; by >= 0
    by = smallest(by, V{} + 30);
    return (bits + (((V{} + 1) << by) >> 1)) >> by;
}

// The f32 (or the narrow word widened to f32's place) nearest to sign * bits * 2^exponent,
// where bits has its unit at bit 23.
template <class V>
EMU_INLINE V normalized(const Sums& sums, V exponent, V total) {
    V negative = total < V{};
    V bits = select(negative, -total, total);
    V right = top_bit(bits) - 23;
    if (sums.arch == Arch::Wormhole) {  // -1 is renormalized as if it had 27 bits
        right = select(negative & (bits == V{} + 1), V{} + 4, right);
    }
    exponent += right;
    const int dropped = sums.wide ? 0 : sums.short_exponent ? 13 : 16;
    right += dropped;
    V to_right = right > V{};
    V rounded = shifted_right(bits, select(to_right, right, V{}));
    bits = select(to_right, rounded, bits << select(to_right, V{}, -right)) << dropped;
    exponent -= (bits & (V{} + 0x1000000)) != V{};  // a mask is -1
    V sign = negative & (V{} + int32_t(0x80000000));
    V word = sign | exponent << 23 | (bits & (V{} + 0x7fffff));
    bool saturates = !sums.wide && sums.short_exponent;
    V overflow = exponent >= V{} + (saturates ? 32 : 255);
    V greatest = V{} + (saturates ? 31 << 23 | 0x3ff << 13 : 0x7f800000);
    word = select(overflow, sign | greatest, word);
    return select((exponent <= V{}) | (total == V{}), V{}, word);
}

// dst + a + b; dst has f32's fields.
template <class V>
EMU_INLINE V accumulated(const Sums& sums, V dst, const Partial<V>& a, const Partial<V>& b) {
    V dst_exponent = dst >> 23 & (V{} + 255);
    V some = dst_exponent != V{};
    V dst_bits = (dst & (V{} + 0x7fffff) | (V{} + 0x800000)) & some;
    V top = largest(largest(a.exponent, b.exponent), dst_exponent);
    auto part = [&](const Partial<V>& p) {
        V negative = p.sum < V{};
        V bits = select(negative, -p.sum, p.sum) << 13;
        bits = aligned(bits, top - p.exponent, negative);
        if (!sums.wide) bits = bits + 0x1000 + negative & ~(V{} + 0x1fff);
        return select(negative, -bits, bits);
    };
    dst_bits = aligned(dst_bits, top - dst_exponent, V{});
    if (!sums.wide) dst_bits = dst_bits + 0x1000 & ~(V{} + 0x1fff);
    V total = select(dst < V{}, -dst_bits, dst_bits) + part(a) + part(b);
    return select(top > V{}, normalized(sums, top, total), V{});
}

// Narrow words are widened to f32's fields and back.
template <class V>
EMU_INLINE V widened(const Sums& sums, V word) {
    if (sums.wide) return word;
    if (!sums.short_exponent) return word << 16;
    return (word & (V{} + 0x8000)) << 16 | (word & (V{} + 0x7fff)) << 13;
}

template <class V>
EMU_INLINE V narrowed(const Sums& sums, V word) {
    if (sums.wide) return word;
    if (!sums.short_exponent) return word >> 16 & (V{} + 0xffff);
    return (word >> 16 & (V{} + 0x8000)) | (word >> 13 & (V{} + 0x7fff));
}

// ---- a tile ----

// One row of the result, in stripes of as many columns as a vector has lanes.
template <class V>
EMU_INLINE void add_row(const Sums& sums, uint32_t passes, const Factor& left,
                        const Factor& right, uint32_t row, uint32_t column, uint32_t* dst) {
    using Lane = std::remove_reference_t<decltype(V{}[0])>;
    constexpr int kLanes = sizeof(V) / sizeof(Lane);
    using Narrow = Lanes<int16_t, kLanes>;
    using Wide = Lanes<int32_t, 8>;
    alignas(64) int32_t words[4][kLanes];
    for (uint32_t pass = 0; pass < passes; pass++) {
        int offset = exponent_offset(sums, pass);
        const int16_t* left_part = left.part[pass >> 1 & 1] + row * 32;
        const int16_t* right_part = right.part[pass & 1] + column;
        for (uint32_t half = 0; half < 32; half += 16) {
            for (int group = 0; group < 2; group++) {
                uint32_t k0 = half + group * 8;
                V exponents[8], parts[8];
                for (int k = 0; k < 8; k++) {
                    auto narrow = [&](const int16_t* from) {
                        return __builtin_convertvector(
                            load_lanes<Narrow>(from + (k0 + k) * 32), V);
                    };
                    exponents[k] = narrow(right.exponent + column);
                    parts[k] = narrow(right_part);
                }
                Partial<V> p = eight_products<V>(offset, left.exponent + row * 32 + k0,
                                                 left_part + k0, exponents, parts);
                using Words = Lanes<int32_t, kLanes>;
                store_lanes(words[group * 2], __builtin_convertvector(p.exponent, Words));
                store_lanes(words[group * 2 + 1], __builtin_convertvector(p.sum, Words));
            }
            for (int lane = 0; lane < kLanes; lane += 8) {
                Partial<Wide> a{load_lanes<Wide>(words[0] + lane),
                                load_lanes<Wide>(words[1] + lane)};
                Partial<Wide> b{load_lanes<Wide>(words[2] + lane),
                                load_lanes<Wide>(words[3] + lane)};
                uint32_t* at = dst + place(row, column + lane);
                Wide word = accumulated(sums, widened(sums, load_lanes<Wide>(at)), a, b);
                store_lanes(at, narrowed(sums, word));
            }
        }
    }
}

template <class V>
EMU_INLINE void add_tile(const Sums& sums, uint32_t passes, const Factor& left,
                         const Factor& right, uint32_t* dst) {
    constexpr uint32_t kLanes = sizeof(V) / sizeof(V{}[0]);
    for (uint32_t row = 0; row < 32; row++) {
        for (uint32_t column = 0; column < 32; column += kLanes) {
            add_row<V>(sums, passes, left, right, row, column, dst);
        }
    }
}

using Product = void (*)(const Sums&, uint32_t, const Factor&, const Factor&, uint32_t*);

void add_tile_anywhere(const Sums& sums, uint32_t passes, const Factor& left,
                       const Factor& right, uint32_t* dst) {
    add_tile<Lanes<int32_t, 8>>(sums, passes, left, right, dst);
}

#if defined(__x86_64__)
[[gnu::target("avx2,fma")]]
void add_tile_avx2(const Sums& sums, uint32_t passes, const Factor& left, const Factor& right,
                   uint32_t* dst) {
    add_tile<Lanes<int32_t, 8>>(sums, passes, left, right, dst);
}

[[gnu::target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")]]
void add_tile_avx512(const Sums& sums, uint32_t passes, const Factor& left, const Factor& right,
                     uint32_t* dst) {
    add_tile<Lanes<int16_t, 32>>(sums, passes, left, right, dst);
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
            Field f(words[transpose ? place(column, row) : place(row, column)]);
            put(factor, row * 32 + column, f, f.significand >> 6, f.significand >> 1 & 31);
        }
    }
}

void split_left(const uint32_t* words, Factor* factor) {
    for (uint32_t row = 0; row < 32; row++) {
        for (uint32_t column = 0; column < 32; column++) {
            Field f(words[place(row, column)]);
            put(factor, row * 32 + column, f, f.significand >> 4, (f.significand & 15) << 3);
        }
    }
}

void add_product(const Sums& sums, uint32_t passes, const Factor& left, const Factor& right,
                 uint32_t* dst) {
    static const Product product = fastest();
    product(sums, passes, left, right, dst);
}

namespace {

using Words = Lanes<int32_t, 8>;

// a + b of source registers, as the sum that `accumulated` takes with a DST of 0.
Partial<Words> added(const Sums& sums, const uint32_t* a, const uint32_t* b, uint32_t flip) {
    alignas(64) int32_t exponents[8], values[8];
    for (int i = 0; i < 8; i++) {
        Field x(a[i]), y(b[i] ^ flip);
        auto magnitude = [](const uint32_t w) { return (w & 0x7fffffff) >> 13; };
        if (magnitude(a[i]) < magnitude(b[i])) std::swap(x, y);
        int32_t xs = x.exponent != 0 ? int32_t(x.significand) : 0;
        int32_t ys = y.exponent != 0 ? int32_t(y.significand) : 0;
        int32_t by = std::min<int32_t>(int32_t(x.exponent) - int32_t(y.exponent), 12);
        ys = by < 12 ? ys + (1 << by >> 1) >> by : 0;
        values[i] = (x.sign ? -xs : xs) + (y.sign ? -ys : ys);
        exponents[i] = int32_t(x.exponent);
        if (sums.wide && sums.short_exponent) {
            exponents[i] = x.exponent != 0 ? exponents[i] + 112 : 97;
        }
    }
    return {load_lanes<Words>(exponents), load_lanes<Words>(values)};
}

// a * b in one pass.
Partial<Words> multiplied(const Sums& sums, uint32_t pass, const uint32_t* a, const uint32_t* b) {
    alignas(64) int32_t exponents[8], values[8];
    int offset = exponent_offset(sums, pass);
    for (int i = 0; i < 8; i++) {
        Field x(a[i]), y(b[i]);
        int32_t xs = pass & 1 ? x.significand >> 1 & 31 : x.significand >> 6;
        int32_t ys = pass & 2 ? (y.significand & 15) << 3 : y.significand >> 4;
        int32_t exponent = int32_t(x.exponent + y.exponent) + offset;
        bool zero = x.exponent == 0 || y.exponent == 0 || exponent <= 0;
        values[i] = zero ? 0 : x.sign != y.sign ? -(xs * ys) : xs * ys;
        exponents[i] = zero ? std::max(offset, 0) : exponent;
    }
    return {load_lanes<Words>(exponents), load_lanes<Words>(values)};
}

}  // namespace

void elementwise(const Sums& sums, Elementwise op, uint32_t passes, const uint32_t* a,
                 const uint32_t* b, uint32_t* dst) {
    const Partial<Words> nothing{};
    uint32_t flip = op == Elementwise::Subtract ? 0x80000000 : 0;
    for (uint32_t i = 0; i < kElements; i += 8) {
        Words word{};
        if (op == Elementwise::Multiply) {
            word = widened(sums, load_lanes<Words>(dst + i));
            for (uint32_t pass = 0; pass < passes; pass++) {
                word = accumulated(sums, word, multiplied(sums, pass, a + i, b + i), nothing);
            }
        } else {
            word = accumulated(sums, word, added(sums, a + i, b + i, flip), nothing);
        }
        store_lanes(dst + i, narrowed(sums, word));
    }
}

}  // namespace emu
