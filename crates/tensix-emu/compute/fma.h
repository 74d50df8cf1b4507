// The multiply-add of the vector unit.
#pragma once

#include <cstdint>

#include "emu/program.h"

namespace emu {

// The bits of x * y + z as the vector unit computes it.
//
// It is neither the fused operation of IEEE 754 nor two rounded ones: subnormal operands
// and results are 0, the product keeps three bits below its 24 (the last one sticky), a
// product that underflows is dropped, and what is shifted out entirely leaves no trace.
// Wormhole loses the sign of zeros and lets bits of the result into the payload of a NaN.
uint32_t multiply_add(Arch arch, uint32_t x, uint32_t y, uint32_t z);

// d[i] = x[i] * y[i] + z[i] on 32 lanes. `d` may be one of the operands.
void multiply_add_lanes(Arch arch, const uint32_t* x, const uint32_t* y, const uint32_t* z,
                        uint32_t* d);

}  // namespace emu
