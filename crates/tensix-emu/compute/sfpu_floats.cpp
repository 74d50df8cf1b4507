// Instructions of the vector unit that compute with floats, or with their fields.
#include <bit>

#include "fma.h"
#include "instruction.h"

namespace emu {

namespace {

// d = a * b + c. On Wormhole the instruction after it can't use d.
void multiply_add_to(const uint32_t* a, const uint32_t* b, const uint32_t* c, Field d,
                     uint32_t flip_a, uint32_t flip_c) {
    uint32_t x[kLanes], z[kLanes], values[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) {
        x[i] = a[i] ^ flip_a;
        z[i] = c[i] ^ flip_c;
    }
    multiply_add_lanes(arch(), x, b, z, values);
    write(d, values);
    finish(1u << d);
}

void float_mode(const Instruction& in, Field mode, bool summand) {
    if (wormhole()) return in.mode(mode, {0});
    summand ? in.mode(mode, {0, 1, 2, 3}) : in.mode(mode, {0, 1});
}

uint32_t flip(Field mode, Field bit) { return mode & bit ? kSignBit : 0; }

}  // namespace

void sfpmad(Field a, Field b, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPMAD", at};
    check_target(in, d);
    float_mode(in, mode, true);
    multiply_add_to(source(in, a), source(in, b), source(in, c), d, flip(mode, 1), flip(mode, 2));
}

void sfpadd(Field a, Field b, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPADD", at};
    check_target(in, d);
    float_mode(in, mode, true);
    if (a != kOne && b != kOne) in.wrong("one factor must be register 10, which is 1");
    multiply_add_to(source(in, a), source(in, b), source(in, c), d, flip(mode, 1), flip(mode, 2));
}

void sfpmul(Field a, Field b, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPMUL", at};
    check_target(in, d);
    float_mode(in, mode, false);
    if (c != kZero) in.wrong("the summand must be register 9, which is 0");
    multiply_add_to(source(in, a), source(in, b), source(in, c), d, flip(mode, 1), 0);
}

namespace {

void with_immediate(const Instruction& in, Field immediate, Field d, Field mode, bool product) {
    check_target(in, d);
    in.mode(mode, {0});
    if (immediate > 0xffff) in.wrong(text("immediate %u has more than 16 bits", immediate));
    uint32_t values[kLanes];
    std::fill_n(values, kLanes, immediate << 16);
    const uint32_t* old = source(in, d);
    const VectorUnit& u = unit();
    multiply_add_to(values, product ? old : u.registers[kOne], product ? u.registers[kZero] : old, d,
                    0, 0);
}

}  // namespace

void sfpaddi(Field immediate, Field d, Field mode, Where at) {
    with_immediate({"SFPADDI", at}, immediate, d, mode, false);
}

void sfpmuli(Field immediate, Field d, Field mode, Where at) {
    with_immediate({"SFPMULI", at}, immediate, d, mode, true);
}

void sfpdivp2(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPDIVP2", at};
    check_target(in, d);
    in.mode(mode, {0, 1});
    const uint32_t* from = source(in, c);
    each_lane(d, [&](uint32_t i) {
        uint32_t exponent = from[i] >> 23 & 255;
        if (mode == 0) exponent = immediate & 255;
        if (mode == 1 && exponent != 255) exponent = (exponent + immediate) & 255;
        return (from[i] & 0x807fffff) | exponent << 23;
    });
}

void sfpexexp(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPEXEXP", at};
    check_target(in, d);
    in.mode(mode, {0, 1, 2, 10});
    in.none(immediate);
    uint32_t values[kLanes];
    const uint32_t* from = source(in, c);
    for (uint32_t i = 0; i < kLanes; ++i) values[i] = (from[i] >> 23 & 255) - (mode & 1 ? 0 : 127);
    write(d, values);
    if (mode & 2) {
        narrow_to([&](uint32_t i) { return (int32_t(values[i]) < 0) != (mode == 10); });
    }
    finish();
}

void sfpexman(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPEXMAN", at};
    check_target(in, d);
    in.mode(mode, {0, 1});
    in.none(immediate);
    const uint32_t* from = source(in, c);
    each_lane(d, [&](uint32_t i) { return (from[i] & 0x7fffff) | (mode ? 0 : 0x800000); });
}

void sfpsetexp(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPSETEXP", at};
    check_target(in, d);
    in.mode(mode, {0, 1, 2});
    if (mode != 1) in.none(immediate);
    if (immediate > 255) in.wrong(text("exponent %u has more than 8 bits", immediate));
    const uint32_t* from = source(in, c);
    const uint32_t* old = mode == 1 ? from : source(in, d);
    each_lane(d, [&](uint32_t i) {
        uint32_t exponent = mode == 1 ? immediate : mode == 2 ? old[i] >> 23 & 255 : old[i] & 255;
        return (from[i] & 0x807fffff) | exponent << 23;
    });
}

void sfpsetman(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPSETMAN", at};
    check_target(in, d);
    in.mode(mode, {0, 1});
    if (mode == 0) in.none(immediate);
    if (immediate > 0xfff) in.wrong(text("immediate %u has more than 12 bits", immediate));
    const uint32_t* from = source(in, c);
    const uint32_t* old = mode == 1 ? from : source(in, d);
    each_lane(d, [&](uint32_t i) {
        uint32_t fraction = mode == 1 ? immediate << 11 : old[i] & 0x7fffff;
        return (from[i] & 0xff800000) | fraction;
    });
}

void sfpsetsgn(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPSETSGN", at};
    check_target(in, d);
    in.mode(mode, {0, 1});
    if (mode == 0) in.none(immediate);
    if (immediate > 1) in.wrong(text("sign %u is no bit", immediate));
    const uint32_t* from = source(in, c);
    const uint32_t* old = mode == 1 ? from : source(in, d);
    each_lane(d, [&](uint32_t i) {
        return (from[i] & 0x7fffffff) | (mode == 1 ? immediate << 31 : old[i] & kSignBit);
    });
}

void sfpabs(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPABS", at};
    check_target(in, d);
    in.mode(mode, {0, 1});
    in.none(immediate);
    const uint32_t* from = source(in, c);
    each_lane(d, [&](uint32_t i) {
        uint32_t x = from[i];
        if (mode == 0) return x & kSignBit ? 0u - x : x;
        return x <= 0xff800000 ? x & 0x7fffffff : x;  // a negative NaN stays
    });
}

namespace {

// An integer of sign and magnitude to the nearest f32, ties to even.
uint32_t integer_to_f32(uint32_t x) {
    uint32_t sign = x & kSignBit, magnitude = x & 0x7fffffff;
    if (magnitude == 0) return sign;
    uint32_t zeros = uint32_t(std::countl_zero(magnitude));
    uint32_t bits = magnitude << zeros;
    uint32_t result = sign | (((157 - zeros) << 23) + (bits >> 8));
    return result + ((bits & 0x80) && (bits & 0x17f));
}

}  // namespace

void sfpcast(Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPCAST", at};
    check_target(in, d);
    if (wormhole()) {
        in.mode(mode, {0});
    } else {
        in.mode(mode, {0, 3});
    }
    const uint32_t* from = source(in, c);
    each_lane(d, [&](uint32_t i) {
        uint32_t x = from[i];
        if (mode == 3) return x & kSignBit ? kSignBit | (0u - x) : x;
        return integer_to_f32(x);
    });
}

namespace {

// f32 to bf16 in f32's place: to nearest, ties away from 0, NaN to infinity.
uint32_t rounded_to_bf16(uint32_t x) {
    uint32_t exponent = x >> 23 & 255;
    if (exponent == 0) return 0;
    if (exponent == 255) return x & 0xff800000;
    return (x & 0xffff0000) + (x & 0x8000 ? 0x10000 : 0);
}

// f32 to an integer of sign and magnitude: to nearest, ties away from 0, saturating.
uint32_t rounded_to_integer(uint32_t x, bool has_sign, uint32_t largest) {
    uint32_t sign = has_sign ? x & kSignBit : 0;
    int exponent = int(x >> 23 & 255) - 127;
    if (exponent < -1) return 0;
    if (exponent >= 16) return sign | largest;
    uint64_t bits = 0x800000 | (x & 0x7fffff);
    bits = exponent >= 0 ? bits << exponent : bits >> -exponent;
    uint64_t magnitude = std::min<uint64_t>((bits >> 23) + (bits >> 22 & 1), largest);
    return magnitude ? sign + uint32_t(magnitude) : 0;
}

}  // namespace

void sfpstochrnd(Field rounding, Field immediate, Field, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFP_STOCH_RND", at};
    check_target(in, d);
    in.mode(mode, {1, 2, 3, 6, 7});
    in.none(immediate);
    if (rounding != 0) in.wrong("stochastic rounding is not supported");
    constexpr uint32_t kLargest[8] = {0, 0, 255, 127, 0, 0, 65535, 32767};
    const uint32_t* from = source(in, c);
    each_lane(d, [&](uint32_t i) {
        return mode == 1 ? rounded_to_bf16(from[i])
                         : rounded_to_integer(from[i], mode & 1, kLargest[mode]);
    });
}

}  // namespace emu
