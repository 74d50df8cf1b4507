// Sums, differences and products of two tiles, element by element, on the matrix unit.
#pragma once

#include "api/compute/common.h"

#define EMU_BINARY(name, op)                                                                    \
    ALWI void name##_init(uint32_t icb0, uint32_t icb1, Where at = Where::current()) {          \
        emu::init_binary(op, emu::Broadcast::None, icb0, icb1, #name "_init", at);              \
    }                                                                                           \
    template <bool is_fp32_dest_acc_en = DST_ACCUM_MODE>                                        \
    ALWI void name##_tiles(uint32_t icb0, uint32_t icb1, uint32_t itile0, uint32_t itile1,      \
                           uint32_t idst, Where at = Where::current()) {                        \
        emu::binary(op, emu::Broadcast::None, icb0, icb1, itile0, itile1, idst, #name "_tiles", \
                    at);                                                                        \
    }

namespace ckernel {

EMU_BINARY(add, emu::Binary::Add)
EMU_BINARY(sub, emu::Binary::Subtract)
EMU_BINARY(mul, emu::Binary::Multiply)

}  // namespace ckernel

#undef EMU_BINARY
