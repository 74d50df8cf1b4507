// What every header of the compute API starts from: all three threads of the compute
// kernel run as one, in the order of the text.
#pragma once

#include "emu/compute.h"
#include "emu/kernel.h"
#include "emu/vendor.h"

#define UNPACK(...) __VA_ARGS__
#define MATH(...) __VA_ARGS__
#define PACK(...) __VA_ARGS__
#define TRISC_UNPACK
#define TRISC_MATH
#define TRISC_PACK

namespace ckernel {

using emu::Where;

// The default of a template parameter that the emulator takes from the program instead.
constexpr bool DST_ACCUM_MODE = true;

}  // namespace ckernel
