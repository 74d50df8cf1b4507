// The vector unit, one instruction at a time.
//
// Facts: Tenstorrent's ISA documentation and its open simulator. Modes that neither has
// tried are faults, as is what the hardware leaves undefined.
#include "emu/instructions.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <initializer_list>

#include "fma.h"
#include "state.h"

namespace emu {

VectorUnit::VectorUnit() {
    auto set = [&](uint32_t reg, uint32_t bits) {
        std::fill_n(registers[reg], kLanes, bits);
        known |= 1u << reg;
    };
    std::memset(registers, 0, sizeof registers);
    set(8, 0x3f56594b);
    set(9, 0);
    set(10, 0x3f800000);
    for (uint32_t i = 0; i < kLanes; ++i) registers[15][i] = 2 * i;
    known |= 1u << 15;
}

namespace {

constexpr uint32_t kZero = 9, kOne = 10;
constexpr uint32_t kSignBit = 0x80000000;

VectorUnit& unit() { return compute().unit; }
Arch arch() { return compute().program.arch; }
bool wormhole() { return arch() == Arch::Wormhole; }

// What an instruction is called and where it stands.
struct Instruction {
    const char* name;
    const Where& at;

    [[noreturn]] void wrong(const std::string& why) const {
        fault(Fault::Instruction, std::string(name) + ": " + why, at);
    }
    void mode(Field mode, std::initializer_list<Field> known) const {
        if (std::find(known.begin(), known.end(), mode) == known.end()) {
            wrong(text("mode %u is not supported on %s", mode, wormhole() ? "Wormhole" : "Blackhole"));
        }
    }
    void none(Field immediate) const {
        if (immediate != 0) wrong(text("immediate %u must be 0 in this mode", immediate));
    }
    void blackhole() const {
        if (wormhole()) wrong("Wormhole has no such instruction");
    }
};

// An operand; a fault if nothing was put there, or if it comes too late.
const uint32_t* source(const Instruction& in, Field reg) {
    VectorUnit& u = unit();
    if (reg >= kRegisters) in.wrong(text("there is no register %u", reg));
    if (!(u.known >> reg & 1)) {
        in.wrong(reg < 8 ? text("register %u was never set", reg)
                         : text("constant register %u was not set by SFPCONFIG", reg));
    }
    if (u.late >> reg & 1) {
        in.wrong(text("register %u is used in the instruction after the one that computes it, and "
                      "Wormhole needs SFPNOP between", reg));
    }
    return u.registers[reg];
}

void check_target(const Instruction& in, Field reg) {
    if (reg >= 8) in.wrong(text("register %u can't be written", reg));
}

// Ends an instruction: `late` are the registers that the next one may not read on Wormhole.
void finish(uint32_t late = 0) { unit().late = wormhole() ? late : 0; }

// Writes the lanes that take part.
void write(Field reg, const uint32_t* values, bool all_lanes = false) {
    VectorUnit& u = unit();
    uint32_t active = all_lanes ? ~0u : u.condition.active();
    uint32_t* to = u.registers[reg];
    for (uint32_t i = 0; i < kLanes; ++i) to[i] = active >> i & 1 ? values[i] : to[i];
    u.known |= 1u << reg;
}

// d = f(lane) on the lanes that take part.
template <class F>
void each_lane(Field d, F f) {
    uint32_t values[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) values[i] = f(i);
    write(d, values);
    finish();
}

// Among the lanes that take part, those go on for which f(lane) holds.
template <class F>
void narrow_to(F f) {
    Condition& c = unit().condition;
    uint32_t active = c.active(), lanes = c.lanes;
    for (uint32_t i = 0; i < kLanes; ++i) {
        if (active >> i & 1) lanes = lanes & ~(1u << i) | uint32_t(bool(f(i))) << i;
    }
    c.lanes = lanes;
}

uint32_t sign_extended(Field immediate) { return uint32_t(int32_t(immediate << 20) >> 20); }

uint32_t without_subnormal(uint32_t bits) {
    return (bits & 0x7fffffff) < 0x800000 ? bits & kSignBit : bits;
}

// Orders f32 as sign and magnitude: -NaN .. -0, +0 .. +NaN.
int32_t order(uint32_t bits) { return int32_t(bits & kSignBit ? bits ^ 0x7fffffff : bits); }

}  // namespace

// ---- DST ----

namespace {

// A quarter of a face, of which an instruction reaches the even or the odd columns.
struct Reach {
    DstTile& tile;
    uint32_t first;  // word of the first lane
    uint32_t bit;    // in `written`
    uint32_t word(uint32_t lane) const { return first + lane / 8 * 16 + lane % 8 * 2; }
};

void check_address_mode(const Instruction& in, Field mode) {
    VectorUnit& u = unit();
    if (mode >= (wormhole() ? 4u : 8u)) in.wrong(text("there is no address mode %u", mode));
    uint32_t actual = mode + (u.upper_modes ? 4 : 0);
    if (!(u.still_modes >> actual & 1)) {
        in.wrong(text("address mode %u is not known to leave the row of DST where it is", actual));
    }
}

Reach reach(const Instruction& in, Field address_mode, Field address) {
    Compute& core = compute();
    check_address_mode(in, address_mode);
    if (address % 2 != 0) in.wrong(text("row %u is odd", address));
    uint32_t row = core.unit.offset + core.unit.row + address;
    uint32_t section = core.dst.math * kSectionRows;
    uint32_t in_section = row - section;  // beyond all tiles if it is below
    DstTile& tile = core.dst.math_tile(in_section / kTileRows, in.name, in.at);
    uint32_t in_tile = in_section % kTileRows;
    uint32_t odd = in_tile >> 1 & 1;
    return {tile, in_tile / 4 * 64 + odd, 1u << (in_tile / 4 * 2 + odd)};
}

// Mode 0 is what DST holds.
Field actual_mode(const Instruction& in, Field mode, const DstTile& tile) {
    bool wide = compute().dst.wide;
    if (mode == 0) mode = wide ? 3 : tile.narrow == Narrow::Half ? 1 : 2;
    bool narrow_mode = mode == 1 || mode == 2 || mode == 6;
    if (narrow_mode == wide) {
        in.wrong(text("mode %u does not fit DST of %s values", mode, wide ? "32-bit" : "16-bit"));
    }
    return mode;
}

uint32_t half_to_f32(uint32_t half) {
    uint32_t exponent = half >> 10 & 31;
    return (half & 0x8000) << 16 | (exponent ? exponent + 112 : 0) << 23 | (half & 0x3ff) << 13;
}

uint32_t f32_to_half(uint32_t bits) {
    int exponent = int(bits >> 23 & 255) - 112;
    uint32_t sign = bits >> 31 << 15;
    if (exponent <= 0) return sign;
    if (exponent > 31) return sign | 0x7fff;
    return sign | uint32_t(exponent) << 10 | (bits & 0x7fffff) >> 13;
}

// How 16-bit DST holds a bf16: sign, fraction, exponent.
uint32_t swap_fields(uint32_t bf16) {
    return bf16 & 0x8000 | (bf16 & 0x7f) << 8 | (bf16 >> 7 & 255);
}
uint32_t unswap_fields(uint32_t raw) {
    return raw & 0x8000 | (raw & 0xff) << 7 | (raw >> 8 & 0x7f);
}

uint32_t twos_complement(uint32_t word) {
    return word & kSignBit ? 0u - (word & 0x7fffffff) : word;
}

uint32_t loaded(Field mode, uint32_t word) {
    switch (mode) {
        case 1: return half_to_f32(word);
        case 2: return word << 16;
        case 6: return swap_fields(word);
        case 12: return wormhole() ? twos_complement(word) : word;
        default: return word;
    }
}

uint32_t stored(Field mode, uint32_t word) {
    switch (mode) {
        case 1: return f32_to_half(word);
        case 2: return without_subnormal(word) >> 16;
        case 3: return without_subnormal(word);
        case 6: return unswap_fields(word & 0xffff);
        case 12: return wormhole() && word & kSignBit ? kSignBit | (0u - word) : word;
        default: return word;
    }
}

}  // namespace

void sfpload(Field lreg, Field mode, Field address_mode, Field row, Where at) {
    Instruction in{"SFPLOAD", at};
    check_target(in, lreg);
    in.mode(mode, {0, 2, 3, 4, 6, 12});
    Reach r = reach(in, address_mode, row);
    if (!(r.tile.written & r.bit)) {
        fault(Fault::DstUnwritten,
              text("SFPLOAD: rows %u to %u of a tile of DST were not written since "
                   "tile_regs_acquire", row % kTileRows & ~3u, row % kTileRows | 3), at);
    }
    mode = actual_mode(in, mode, r.tile);
    each_lane(lreg, [&](uint32_t i) { return loaded(mode, r.tile.words[r.word(i)]); });
}

void sfpstore(Field lreg, Field mode, Field address_mode, Field row, Where at) {
    Instruction in{"SFPSTORE", at};
    in.mode(mode, {0, 2, 3, 4, 6, 12});
    if (lreg >= 12) in.wrong(text("register %u can't be stored", lreg));
    const uint32_t* from = source(in, lreg);
    Reach r = reach(in, address_mode, row);
    mode = actual_mode(in, mode, r.tile);
    uint32_t active = unit().condition.active();
    for (uint32_t i = 0; i < kLanes; ++i) {
        if (active >> i & 1) r.tile.words[r.word(i)] = stored(mode, from[i]);
    }
    r.tile.written |= r.bit;
    finish();
}

// ---- registers ----

void sfploadi(Field lreg, Field mode, Field immediate, Where at) {
    Instruction in{"SFPLOADI", at};
    check_target(in, lreg);
    in.mode(mode, {0, 1, 2, 4, 8, 10});
    if (immediate > 0xffff) in.wrong(text("immediate %u has more than 16 bits", immediate));
    const uint32_t* old = unit().registers[lreg];
    uint32_t half = (immediate & 0x8000) << 16 | ((immediate & 0x7fff) + (112 << 10)) << 13;
    each_lane(lreg, [&](uint32_t i) {
        switch (mode) {
            case 0: return immediate << 16;
            case 1: return half;
            case 4: return uint32_t(int32_t(immediate << 16) >> 16);
            case 8: return old[i] & 0xffff | immediate << 16;
            case 10: return old[i] & 0xffff0000 | immediate;
            default: return immediate;
        }
    });
}

void sfpmov(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPMOV", at};
    check_target(in, d);
    in.mode(mode, {0, 1, 2});
    in.none(immediate);
    const uint32_t* from = source(in, c);
    uint32_t values[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) values[i] = mode == 1 ? from[i] ^ kSignBit : from[i];
    write(d, values, mode == 2);
    finish();
}

void sfpconfig(Field immediate, Field d, Field mode, Where at) {
    Instruction in{"SFPCONFIG", at};
    VectorUnit& u = unit();
    in.mode(mode, {0, 1});
    in.none(immediate);
    if (u.condition.active() != ~0u) in.wrong("some lanes don't take part");
    if (d == 15) {
        uint32_t special = mode == 1 ? immediate : source(in, 0)[0];
        if (special != 0) in.wrong("special modes of lanes are not supported");
        return finish();
    }
    if (d < 11 || d > 14 || (mode == 1 && d != 11)) {
        in.wrong(text("target %u with mode %u is not supported", d, mode));
    }
    for (uint32_t i = 0; i < kLanes; ++i) {
        u.registers[d][i] = mode == 1 ? 0xbf800000 : source(in, 0)[0];
    }
    u.known |= 1u << d;
    finish();
}

// ---- floats ----

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
        if (mode == 1 && exponent != 255) exponent = exponent + immediate & 255;
        return from[i] & 0x807fffff | exponent << 23;
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
    each_lane(d, [&](uint32_t i) { return from[i] & 0x7fffff | (mode ? 0 : 0x800000); });
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
        return from[i] & 0x807fffff | exponent << 23;
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
        return from[i] & 0xff800000 | fraction;
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
        return from[i] & 0x7fffffff | (mode == 1 ? immediate << 31 : old[i] & kSignBit);
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
    uint32_t result = sign | ((157 - zeros) << 23) + (bits >> 8);
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

// ---- integers and bits ----

void sfpiadd(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPIADD", at};
    check_target(in, d);
    in.mode(mode, {0, 1, 2, 4, 5, 6, 8, 9, 10});
    if (immediate > 0xfff) in.wrong(text("immediate %u has more than 12 bits", immediate));
    const uint32_t* from = source(in, c);
    const uint32_t* old = mode & 1 ? from : source(in, d);
    uint32_t values[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) {
        values[i] = from[i] + (mode & 1 ? sign_extended(immediate) : mode & 2 ? 0u - old[i] : old[i]);
    }
    write(d, values);
    if (!(mode & 4)) {
        narrow_to([&](uint32_t i) { return (int32_t(values[i]) < 0) != bool(mode & 8); });
    }
    finish();
}

namespace {

// Shifts left by `by`, or right where it is negative.
uint32_t shifted_by(uint32_t x, int32_t by, bool arithmetic) {
    if (by >= 0) return x << (by & 31);
    uint32_t right = 0u - uint32_t(by) & 31;
    return arithmetic ? uint32_t(int32_t(x) >> right) : x >> right;
}

}  // namespace

void sfpshft(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPSHFT", at};
    check_target(in, d);
    if (wormhole()) {
        in.mode(mode, {0, 1});
    } else {
        in.mode(mode, {0, 1, 2, 3, 5, 7});
    }
    if (!(mode & 1)) in.none(immediate);
    if (immediate > 0xfff) in.wrong(text("immediate %u has more than 12 bits", immediate));
    const uint32_t* by = mode & 1 ? nullptr : source(in, c);
    const uint32_t* from = source(in, mode & 4 ? c : d);
    each_lane(d, [&](uint32_t i) {
        int32_t places = int32_t(by ? by[i] : sign_extended(immediate));
        return shifted_by(from[i], places, mode & 2);
    });
}

namespace {

template <class F>
void bitwise(const Instruction& in, Field immediate, Field c, Field d, Field mode, F f) {
    check_target(in, d);
    Field b = d;
    if (mode == 1 && !wormhole()) {
        b = immediate;
    } else {
        in.mode(mode, {0});
        in.none(immediate);
    }
    const uint32_t *x = source(in, b), *y = source(in, c);
    each_lane(d, [&](uint32_t i) { return f(x[i], y[i]); });
}

}  // namespace

void sfpand(Field immediate, Field c, Field d, Field mode, Where at) {
    bitwise({"SFPAND", at}, immediate, c, d, mode, [](uint32_t x, uint32_t y) { return x & y; });
}

void sfpor(Field immediate, Field c, Field d, Field mode, Where at) {
    bitwise({"SFPOR", at}, immediate, c, d, mode, [](uint32_t x, uint32_t y) { return x | y; });
}

void sfpxor(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPXOR", at};
    in.mode(mode, {0});
    bitwise(in, immediate, c, d, mode, [](uint32_t x, uint32_t y) { return x ^ y; });
}

void sfpnot(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPNOT", at};
    check_target(in, d);
    in.mode(mode, {0});
    in.none(immediate);
    const uint32_t* from = source(in, c);
    each_lane(d, [&](uint32_t i) { return ~from[i]; });
}

void sfplz(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPLZ", at};
    check_target(in, d);
    in.mode(mode, {0, 2, 4});
    in.none(immediate);
    const uint32_t* from = source(in, c);
    uint32_t operands[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) operands[i] = mode & 4 ? from[i] & 0x7fffffff : from[i];
    each_lane(d, [&](uint32_t i) { return uint32_t(std::countl_zero(operands[i])); });
    if (mode & 2) narrow_to([&](uint32_t i) { return operands[i] != 0; });
}

void sfparecip(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPARECIP", at};
    in.blackhole();
    check_target(in, d);
    in.mode(mode, {0});
    in.none(immediate);
    source(in, c);
    in.wrong("the approximate reciprocal is not modelled; start Newton's steps from integers");
}

// ---- lanes ----

void sfpsetcc(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPSETCC", at};
    in.mode(mode, {0, 2, 4, 6});
    in.none(immediate);
    in.none(d);
    if (!unit().condition.masked) in.wrong("lanes are not masked: SFPENCC has turned it off");
    const uint32_t* from = source(in, c);
    narrow_to([&](uint32_t i) {
        switch (mode) {
            case 0: return int32_t(from[i]) < 0;
            case 2: return from[i] != 0;
            case 4: return int32_t(from[i]) >= 0;
            default: return from[i] == 0;
        }
    });
    finish();
}

void sfpencc(Field immediate, Field, Field d, Field mode, Where at) {
    Instruction in{"SFPENCC", at};
    in.mode(mode, {0, 10});
    in.none(d);
    Condition& c = unit().condition;
    if (mode == 0) {
        in.none(immediate);
        c.lanes = ~0u;
    } else {
        c.lanes = immediate & 2 ? ~0u : 0;
        c.masked = immediate & 1;
    }
    finish();
}

void sfpcompc(Field, Field, Field d, Field, Where at) {
    Instruction in{"SFPCOMPC", at};
    in.none(d);
    VectorUnit& u = unit();
    if (!u.condition.masked) in.wrong("lanes are not masked: SFPENCC has turned it off");
    uint32_t outer = u.depth ? u.stack[u.depth - 1].lanes : ~0u;
    u.condition.lanes = outer & ~u.condition.lanes;
    finish();
}

void sfppushc(Field immediate, Field, Field d, Field mode, Where at) {
    Instruction in{"SFPPUSHC", at};
    in.mode(mode, {0});
    in.none(immediate);
    in.none(d);
    VectorUnit& u = unit();
    if (u.depth == kConditions) in.wrong("8 conditions are on the stack, which is full");
    u.stack[u.depth++] = u.condition;
    finish();
}

void sfppopc(Field immediate, Field, Field d, Field mode, Where at) {
    Instruction in{"SFPPOPC", at};
    in.mode(mode, {0});
    in.none(immediate);
    in.none(d);
    VectorUnit& u = unit();
    if (u.depth == 0) in.wrong("no condition is on the stack");
    u.condition = u.stack[--u.depth];
    finish();
}

namespace {

// d against c in the order of sign and magnitude: narrows lanes (mode 1) or writes all
// ones or zeros (mode 8).
template <class F>
void compare(const Instruction& in, Field immediate, Field c, Field d, Field mode, F holds) {
    in.blackhole();
    in.mode(mode, {1, 8});
    in.none(immediate);
    check_target(in, d);
    const uint32_t *x = source(in, d), *y = source(in, c);
    auto test = [&](uint32_t i) { return holds(order(x[i]), order(y[i])); };
    if (mode == 1) {
        narrow_to(test);
        return finish();
    }
    each_lane(d, [&](uint32_t i) { return test(i) ? ~0u : 0u; });
}

}  // namespace

void sfple(Field immediate, Field c, Field d, Field mode, Where at) {
    compare({"SFPLE", at}, immediate, c, d, mode, [](int32_t x, int32_t y) { return x <= y; });
}

void sfpgt(Field immediate, Field c, Field d, Field mode, Where at) {
    compare({"SFPGT", at}, immediate, c, d, mode, [](int32_t x, int32_t y) { return x > y; });
}

void sfpswap(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPSWAP", at};
    in.mode(mode, {0, 1, 2, 3, 9});
    in.none(immediate);
    check_target(in, c);
    check_target(in, d);
    // Lanes whose smaller value goes to d; the others get the larger one.
    uint32_t smaller = mode == 9 ? 0 : mode == 2 ? 0x0000ffff : mode == 3 ? 0x00ff00ff : ~0u;
    const uint32_t *x = source(in, c), *y = source(in, d);
    uint32_t to_c[kLanes], to_d[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) {
        bool less = order(x[i]) < order(y[i]);
        bool swap = mode == 0 || (smaller >> i & 1 ? less : !less);
        to_c[i] = swap ? y[i] : x[i];
        to_d[i] = swap ? x[i] : y[i];
    }
    write(c, to_c);
    write(d, to_d);
    finish(1u << c | 1u << d);
}

void sfptransp(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPTRANSP", at};
    in.none(immediate | c | d | mode);
    VectorUnit& u = unit();
    for (uint32_t reg = 0; reg < 8; ++reg) {
        if (u.known >> reg & 1) source(in, reg);
    }
    uint32_t old[8][kLanes];
    std::memcpy(old, u.registers, sizeof old);
    uint32_t known = u.known;
    for (uint32_t reg = 0; reg < 8; ++reg) {
        uint32_t first = reg & ~3u, values[kLanes];
        for (uint32_t i = 0; i < kLanes; ++i) values[i] = old[first + i / 8][reg % 4 * 8 + i % 8];
        write(reg, values);
        if ((known >> first & 15) != 15) u.known &= ~(1u << reg);
    }
    finish();
}

void sfpshft2(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPSHFT2", at};
    check_target(in, d);
    if (wormhole()) {
        in.mode(mode, {3, 5});
    } else {
        in.mode(mode, {3, 4, 5});
    }
    const uint32_t* from = source(in, c);
    if (mode == 5) {
        const uint32_t* x = source(in, immediate);
        return each_lane(d, [&](uint32_t i) { return shifted_by(x[i], int32_t(from[i]), false); });
    }
    in.none(immediate);
    uint32_t values[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) {
        values[i] = i % 8 ? from[i - 1] : mode == 3 ? from[i + 7] : 0;
    }
    write(d, values);
    finish(1u << d);
}

void sfpnop() { finish(); }

// ---- around them ----

void incrwc(Field mode, Field d, Field b, Field a, Where at) {
    Instruction in{"INCRWC", at};
    in.none(mode);
    if ((a | b) != 0) in.wrong("rows of SrcA and SrcB can't be moved here");
    if (d > 15) in.wrong(text("%u rows are more than 4 bits can say", d));
    unit().row += d;
    finish();
}

void setrwc(Field clear, Field mode, Field d, Field, Field, Field which, Where at) {
    Instruction in{"SETRWC", at};
    in.none(clear | mode);
    constexpr Field kRowOfDst = 4;
    if (which & kRowOfDst) unit().row = d;
    finish();
}

void setc16(Field reg, Field value, Where at) {
    VectorUnit& u = unit();
    if (reg == kDestOffset) {
        u.offset = value;
    } else if (reg == kAddressModeBase) {
        u.upper_modes = value != 0;
    } else if (reg >= kAddressModeDst && reg < kAddressModeDst + 8) {
        uint32_t bit = 1u << (reg - kAddressModeDst);
        u.still_modes = value == 0 ? u.still_modes | bit : u.still_modes & ~bit;
    } else if (reg < kAddressModeA || reg >= kAddressModeBias + 8) {
        Instruction{"SETC16", at}.wrong("this configuration register is not supported");
    }
    finish();
}

void stallwait(Field, Field) { finish(); }

Field math_section_row() { return compute().dst.math * kSectionRows; }

}  // namespace emu
