// What instructions of the vector unit have in common: operands, targets and lanes.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>

#include "emu/instructions.h"
#include "state.h"

namespace emu {

constexpr uint32_t kZero = 9, kOne = 10;
constexpr uint32_t kSignBit = 0x80000000;

inline VectorUnit& unit() { return compute().unit; }
inline Arch arch() { return compute().program.arch; }
inline bool wormhole() { return arch() == Arch::Wormhole; }

// What an instruction is called and where it stands.
struct Instruction {
    const char* name;
    const Where& at;

    [[noreturn]] void wrong(const std::string& why) const {
        fault(Fault::Instruction, std::string(name) + ": " + why, at);
    }
    // A fault unless the mode is one of these.
    void mode(Field mode, std::initializer_list<Field> known) const {
        if (std::find(known.begin(), known.end(), mode) == known.end()) {
            wrong(text("mode %u is not supported on %s", mode, wormhole() ? "Wormhole" : "Blackhole"));
        }
    }
    // A fault unless the field is unused.
    void none(Field immediate) const {
        if (immediate != 0) wrong(text("immediate %u must be 0 in this mode", immediate));
    }
    // A fault on Wormhole.
    void blackhole() const {
        if (wormhole()) wrong("Wormhole has no such instruction");
    }
};

// An operand; a fault if nothing was put there, or if it comes too late.
inline const uint32_t* source(const Instruction& in, Field reg) {
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

inline void check_target(const Instruction& in, Field reg) {
    if (reg >= 8) in.wrong(text("register %u can't be written", reg));
}

// Ends an instruction: `late` are the registers that the next one may not read on Wormhole.
inline void finish(uint32_t late = 0) { unit().late = wormhole() ? late : 0; }

// Writes the lanes that take part.
inline void write(Field reg, const uint32_t* values, bool all_lanes = false) {
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
        if (active >> i & 1) lanes = (lanes & ~(1u << i)) | uint32_t(bool(f(i))) << i;
    }
    c.lanes = lanes;
}

inline uint32_t sign_extended(Field immediate) { return uint32_t(int32_t(immediate << 20) >> 20); }

inline uint32_t without_subnormal(uint32_t bits) {
    return (bits & 0x7fffffff) < 0x800000 ? bits & kSignBit : bits;
}

// Orders f32 as sign and magnitude: -NaN .. -0, +0 .. +NaN.
inline int32_t order(uint32_t bits) { return int32_t(bits & kSignBit ? bits ^ 0x7fffffff : bits); }

// Shifts left by `by`, or right where it is negative.
inline uint32_t shifted_by(uint32_t x, int32_t by, bool arithmetic) {
    if (by >= 0) return x << (by & 31);
    uint32_t right = (0u - uint32_t(by)) & 31;
    return arithmetic ? uint32_t(int32_t(x) >> right) : x >> right;
}

}  // namespace emu
