// How the matrix unit adds: sums of products that are aligned to their largest one, and DST.
#pragma once

#include <algorithm>
#include <cstring>

#include "lanes.h"
#include "matrix.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace emu {

// The fields of a word of a source register.
struct SourceWord {
    uint32_t sign, exponent, significand;
    explicit SourceWord(uint32_t word)
        : sign(word >> 31), exponent(word >> 23 & 255), significand((word >> 13 & 0x3ff) | 0x400) {}
};

// What is added to the sum of two biased exponents in a pass: the bias, and how far the parts
// are below the significands.
inline int exponent_offset(const Sums& sums, uint32_t pass) {
    int offset = !sums.short_exponent ? -127 : sums.wide ? 127 - 30 : -15;
    return offset - (pass & 1 ? 5 : 0) - (pass & 2 ? 7 : 0);
}

// A sum on its way to DST: the exponent of its terms, and at most 16 bits with their unit 13
// places above that of DST.
template <class V>
struct Partial {
    V exponent, sum;
};

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
// where bits has its unit at bit 23. Adds 1 to `wrong` where Wormhole makes another of it.
template <class V>
EMU_INLINE V normalized(const Sums& sums, V exponent, V total, V& wrong) {
    V negative = total < V{};
    V bits = select(negative, -total, total);
    V right = top_bit(bits) - 23;
    if (sums.arch == Arch::Wormhole) {  // -1 is renormalized as if it had 27 bits
        V taken = negative & (bits == V{} + 1);
        right = select(taken, V{} + 4, right);
        wrong -= taken;  // a mask is -1
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

// dst + a + b; dst has f32's fields. See `normalized` for `wrong`.
template <class V>
EMU_INLINE V accumulated(const Sums& sums, V dst, const Partial<V>& a, const Partial<V>& b,
                         V& wrong) {
    V dst_exponent = dst >> 23 & (V{} + 255);
    V some = dst_exponent != V{};
    V dst_bits = ((dst & (V{} + 0x7fffff)) | (V{} + 0x800000)) & some;
    V top = largest(largest(a.exponent, b.exponent), dst_exponent);
    auto part = [&](const Partial<V>& p) {
        V negative = p.sum < V{};
        V bits = select(negative, -p.sum, p.sum) << 13;
        bits = aligned(bits, top - p.exponent, negative);
        if (!sums.wide) bits = (bits + 0x1000 + negative) & ~(V{} + 0x1fff);
        return select(negative, -bits, bits);
    };
    dst_bits = aligned(dst_bits, top - dst_exponent, V{});
    if (!sums.wide) dst_bits = (dst_bits + 0x1000) & ~(V{} + 0x1fff);
    V total = select(dst < V{}, -dst_bits, dst_bits) + part(a) + part(b);
    return select(top > V{}, normalized(sums, top, total, wrong), V{});
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

}  // namespace emu
