// The state of the vector unit (SFPU): registers of 32 lanes and which of them take part.
#pragma once

#include <cstdint>

#include "emu/engine.h"

namespace emu {

constexpr uint32_t kLanes = 32;
constexpr uint32_t kRegisters = 16;      // 0 to 7 are written by instructions
constexpr uint32_t kConditions = 8;      // deep is the stack of conditions

struct Condition {
    bool masked = true;        // whether `lanes` counts
    uint32_t lanes = ~0u;      // a bit for each
    uint32_t active() const { return masked ? lanes : ~0u; }
};

struct VectorUnit {
    alignas(64) uint32_t registers[kRegisters][kLanes];
    uint32_t known = 0;        // registers that hold something
    uint32_t late = 0;         // Wormhole: registers whose result the next instruction can't see
    Condition condition;
    Condition stack[kConditions];
    uint32_t depth = 0;

    uint32_t offset = 0;       // row of DST that row 0 means
    uint32_t row = 0;          // counted up by INCRWC
    bool upper_modes = false;  // Wormhole: address modes 0 .. 3 mean 4 .. 7
    uint32_t still_modes = 0;  // address modes that are known to move nothing

    VectorUnit();
};

}  // namespace emu
