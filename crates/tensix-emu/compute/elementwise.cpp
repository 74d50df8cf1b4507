// Ops on two tiles, element by element, as the matrix unit does them.
#include <algorithm>

#include "format.h"
#include "sums.h"

namespace emu {
namespace {

using Words = Lanes<int32_t, 8>;

// a + b of source registers, as the sum that `accumulated` takes with a DST of 0.
Partial<Words> added(const Sums& sums, const uint32_t* a, const uint32_t* b, uint32_t flip) {
    alignas(64) int32_t exponents[8], values[8];
    for (int i = 0; i < 8; i++) {
        SourceWord x(a[i]), y(b[i] ^ flip);
        auto magnitude = [](const uint32_t w) { return (w & 0x7fffffff) >> 13; };
        if (magnitude(a[i]) < magnitude(b[i])) std::swap(x, y);
        int32_t xs = x.exponent != 0 ? int32_t(x.significand) : 0;
        int32_t ys = y.exponent != 0 ? int32_t(y.significand) : 0;
        int32_t by = std::min<int32_t>(int32_t(x.exponent) - int32_t(y.exponent), 12);
        ys = by < 12 ? (ys + (1 << by >> 1)) >> by : 0;
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
        SourceWord x(a[i]), y(b[i]);
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

uint32_t elementwise(const Sums& sums, Elementwise op, uint32_t passes, const uint32_t* a,
                     const uint32_t* b, uint32_t* dst) {
    const Partial<Words> nothing{};
    Words wrong{};
    uint32_t flip = op == Elementwise::Subtract ? 0x80000000 : 0;
    for (uint32_t i = 0; i < kElements; i += 8) {
        Words word{};
        if (op == Elementwise::Multiply) {
            word = widened(sums, load_lanes<Words>(dst + i));
            for (uint32_t pass = 0; pass < passes; pass++) {
                word = accumulated(sums, word, multiplied(sums, pass, a + i, b + i), nothing, wrong);
            }
        } else {
            word = accumulated(sums, word, added(sums, a + i, b + i, flip), nothing, wrong);
        }
        store_lanes(dst + i, narrowed(sums, word));
    }
    return sum_of(wrong);
}

}  // namespace emu
