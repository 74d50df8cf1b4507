#include "fma.h"

#include <algorithm>
#include <bit>

#include "vectors.h"

namespace emu {
namespace {

constexpr uint32_t kSign = 0x80000000;
constexpr uint32_t kInfinity = 0x7f800000;
constexpr uint32_t kLeading = 0x800000;

// An operand; what is subnormal is 0. The significand has its leading one at bit 23.
struct Number {
    uint32_t sign;
    int32_t exponent;
    uint32_t significand;

    explicit Number(uint32_t bits)
        : sign(bits & kSign), exponent(bits >> 23 & 255), significand(0) {
        if (exponent != 0) significand = (bits & 0x7fffff) | kLeading;
    }
    bool special() const { return exponent == 255; }
    bool nan() const { return special() && significand != kLeading; }
};

// A product or a summand on its way: the leading one is at bit 26 or 27, so that there
// are three bits below the 24 of a result.
struct Term {
    uint32_t sign;
    int32_t exponent;
    uint32_t bits;
};

Term product(const Number& x, const Number& y) {
    uint64_t full = uint64_t(x.significand) * y.significand;
    uint32_t sticky = (full & 0xfffff) != 0;
    return {x.sign ^ y.sign, x.exponent + y.exponent - 127, uint32_t(full >> 20) | sticky};
}

// Shifts right; lost bits make the last one 1, unless nothing is left.
uint32_t shifted(uint32_t bits, int32_t by) {
    if (by >= 32) return 0;
    uint32_t rest = bits >> by;
    if (rest != 0 && rest << by != bits) rest |= 1;
    return rest;
}

uint32_t rounded(int32_t exponent, uint32_t bits) {
    uint32_t result = (uint32_t(exponent) << 23) + (bits >> 3 & 0x7fffff);
    return result + ((bits & 7) + (result & 1) > 4);
}

// What infinities and NaNs make of it, where they decide it alone.
struct Special {
    bool decided;
    uint32_t result;
    bool nan;
};

Special special(Arch arch, const Number& x, const Number& y, const Number& z, const Term& p,
                uint32_t z_bits) {
    bool overflow = p.exponent >= 255;
    if (!x.special() && !y.special() && !z.special() && !overflow) return {false, 0, false};
    bool endless = x.special() || y.special() || (arch == Arch::Wormhole && overflow);
    bool bad_product = x.nan() || y.nan() || (x.special() && y.significand == 0) ||
                       (y.special() && x.significand == 0);
    bool opposite = z.special() && !z.nan() && endless && z.sign != p.sign;
    if (bad_product || z.nan() || opposite) {
        uint32_t sign = bad_product || opposite ? p.sign : z.sign;
        uint32_t result = arch == Arch::Wormhole ? (sign | kInfinity | 1) : 0x7fc00000;
        return {true, result, true};
    }
    return {true, z.special() ? z_bits : p.sign | kInfinity, false};
}

// The sum of a product and a summand, on Blackhole.
uint32_t sum_blackhole(const Term& p, const Term& z, uint32_t z_bits) {
    uint32_t zero = z.sign & p.sign;
    if (p.bits == 0 || p.exponent < 0) return z.bits != 0 ? z_bits : zero;
    int32_t exponent = std::max(p.exponent, z.exponent);
    uint32_t a = shifted(p.bits, exponent - p.exponent);
    uint32_t b = shifted(z.bits, exponent - z.exponent);
    uint32_t sign = a >= b ? p.sign : z.sign;
    uint32_t bits = p.sign == z.sign ? a + b : std::max(a, b) - std::min(a, b);
    if (bits == 0) return zero;
    int32_t right = 5 - std::countl_zero(bits);
    exponent += right;
    if (exponent >= 255) return sign | kInfinity;
    if (exponent <= 0) {
        right += 1;
        exponent = 0;
    }
    if (right <= 0) {
        bits <<= -right;
    } else {
        bool lost = bits & uint32_t(right | 1);
        bits = bits >> right | lost;
    }
    uint32_t result = rounded(exponent, bits);
    return sign | (result >> 23 != 0 ? result : 0);
}

// The same on Wormhole; `nan` is the NaN that comes out whatever the sum is, or 0.
uint32_t sum_wormhole(Term p, const Term& z, uint32_t z_bits, uint32_t nan) {
    p.exponent = std::min(p.exponent, 255);
    if (p.bits == 0 || p.exponent < 0) {
        if (nan == 0) return z.bits != 0 ? z_bits : 0;
        p.bits = 0;
        p.exponent = 0;
    }
    int32_t exponent = std::max(p.exponent, z.exponent);
    uint32_t a = shifted(p.bits, exponent - p.exponent);
    uint32_t b = shifted(z.bits, exponent - z.exponent);
    uint32_t sign = a >= b ? p.sign : z.sign;
    uint32_t bits = p.sign == z.sign ? a + b : std::max(a, b) - std::min(a, b);
    if (bits == 0) return nan;
    int32_t right = 5 - std::countl_zero(bits);
    exponent += right;
    if (exponent >= 255) return nan != 0 ? nan : sign | kInfinity;
    if (exponent < 0) return nan;
    bits = right <= 0 ? bits << -right : (bits >> right | (bits & 1));
    uint32_t result = rounded(exponent, bits);
    if (result >> 23 == 0) return nan;
    return (nan != 0 ? nan : sign) | result;
}

}  // namespace

uint32_t multiply_add(Arch arch, uint32_t x_bits, uint32_t y_bits, uint32_t z_bits) {
    Number x(x_bits), y(y_bits), z(z_bits);
    Term p = product(x, y);
    Special s = special(arch, x, y, z, p, z_bits);
    Term summand{z.sign, z.exponent, z.significand << 3};
    if (arch == Arch::Blackhole) {
        return s.decided ? s.result : sum_blackhole(p, summand, z_bits);
    }
    if (s.decided && !s.nan) return s.result;
    return sum_wormhole(p, summand, z_bits, s.nan ? s.result : 0);
}

namespace {

// Where the unit's result is IEEE's fused one: operands and result are normal, and
// either the product is exact (a factor of 1, no summand), or the summand isn't shifted
// and at most one bit cancels.
[[gnu::always_inline]] inline uint32_t is_ieee(uint32_t x, uint32_t y, uint32_t z, uint32_t r) {
    int32_t xe = int32_t(x >> 23 & 255), ye = int32_t(y >> 23 & 255);
    int32_t ze = int32_t(z >> 23 & 255), re = int32_t(r >> 23 & 255);
    int32_t pe = xe + ye - 127;
    // Without branches, so that lanes go side by side.
    uint32_t normal = (uint32_t(xe - 1) < 254u) & (uint32_t(ye - 1) < 254u);
    uint32_t inside = (uint32_t(re - 2) < 252u) & (uint32_t(pe - 1) < 253u);
    uint32_t no_summand = z == 0;
    uint32_t summand = uint32_t(ze - 1) < 254u;
    uint32_t one = ((x << 9) == 0) | ((y << 9) == 0);
    uint32_t near = (uint32_t(ze - pe) <= 26u) & (re >= ze - 1);
    return normal & inside & (no_summand | (summand & (one | near)));
}

struct Lanes {
    uint32_t result[32];
    uint32_t trusted[32];
};

EMU_VECTORIZED
void ieee_lanes(const uint32_t* x, const uint32_t* y, const uint32_t* z, Lanes* out) {
    for (int i = 0; i < 32; i++) {
        float r = __builtin_fmaf(__builtin_bit_cast(float, x[i]), __builtin_bit_cast(float, y[i]),
                                 __builtin_bit_cast(float, z[i]));
        uint32_t bits = __builtin_bit_cast(uint32_t, r);
        out->result[i] = bits;
        out->trusted[i] = is_ieee(x[i], y[i], z[i], bits);
    }
}

}  // namespace

void multiply_add_lanes(Arch arch, const uint32_t* x, const uint32_t* y, const uint32_t* z,
                        uint32_t* d) {
    Lanes lanes;
    ieee_lanes(x, y, z, &lanes);
    for (int i = 0; i < 32; i++) {
        if (!lanes.trusted[i]) lanes.result[i] = multiply_add(arch, x[i], y[i], z[i]);
    }
    std::copy_n(lanes.result, 32, d);
}

}  // namespace emu
