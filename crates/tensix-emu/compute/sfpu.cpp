// The vector unit, one instruction at a time: its state, and how it reaches DST.
//
// Facts: Tenstorrent's ISA documentation and its open simulator. Modes that neither has
// tried are faults, as is what the hardware leaves undefined.
#include <cstring>

#include "fma.h"
#include "instruction.h"

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
    return (bf16 & 0x8000) | (bf16 & 0x7f) << 8 | (bf16 >> 7 & 255);
}
uint32_t unswap_fields(uint32_t raw) {
    return (raw & 0x8000) | (raw & 0xff) << 7 | (raw >> 8 & 0x7f);
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
    if (compute().tracks_indices) {
        in.wrong("topk_tile_init has loads set registers 4 to 7 too, which is not supported; "
                 "SFPCONFIG(0, 15, 1) ends it");
    }
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
            case 8: return (old[i] & 0xffff) | immediate << 16;
            case 10: return (old[i] & 0xffff0000) | immediate;
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
        compute().tracks_indices = false;
        return finish();
    }
    if (d < 11 || d > 14 || (mode == 1 && d != 11)) {
        in.wrong(text("target %u with mode %u is not supported", d, mode));
    }
    const uint32_t* from = mode == 1 ? nullptr : source(in, 0);
    if (from && std::any_of(from, from + kLanes, [&](uint32_t word) { return word != from[0]; })) {
        in.wrong("the lanes of register 0 differ, and a constant has one value");
    }
    std::fill_n(u.registers[d], kLanes, from ? from[0] : 0xbf800000);
    u.known |= 1u << d;
    finish();
}

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
