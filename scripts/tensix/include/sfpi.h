// Stands in for the vendor compiler's sfpi.h, which no package registry has.
//
// The real one has types and operators for code of the vector unit in C++. Emitted kernels
// have none such, only instructions by name, so the runtime's headers need no more than this of
// it. A kernel that used it would not compile.
#pragma once

#include <cstdint>

#define sfpi_inline __attribute__((always_inline)) inline

namespace sfpi {

// Modes of instructions, by their encoding.
constexpr uint32_t SFPLOADI_MOD0_FLOATB = 0;

} // namespace sfpi
