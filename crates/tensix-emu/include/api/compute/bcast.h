// Ops on two tiles, of which the second gives a row, a column or an element.
#pragma once

#include "api/compute/common.h"

#define EMU_BROADCAST(name, op, part, from)                                                     \
    ALWI void name##_bcast_##part##_init(uint32_t icb0, uint32_t icb1,                          \
                                         Where at = Where::current()) {                         \
        emu::init_binary(op, from, icb0, icb1, #name "_bcast_" #part "_init", at);              \
    }                                                                                           \
    template <bool is_fp32_dest_acc_en = DST_ACCUM_MODE>                                        \
    ALWI void name##_tiles_bcast_##part(uint32_t icb0, uint32_t icb1, uint32_t itile0,          \
                                        uint32_t itile1, uint32_t idst,                         \
                                        Where at = Where::current()) {                          \
        emu::binary(op, from, icb0, icb1, itile0, itile1, idst, #name "_tiles_bcast_" #part, at); \
    }

#define EMU_BROADCASTS(name, op)                                    \
    EMU_BROADCAST(name, op, rows, emu::Broadcast::Rows)             \
    EMU_BROADCAST(name, op, cols, emu::Broadcast::Columns)          \
    EMU_BROADCAST(name, op, scalar, emu::Broadcast::Scalar)

namespace ckernel {

EMU_BROADCASTS(add, emu::Binary::Add)
EMU_BROADCASTS(sub, emu::Binary::Subtract)
EMU_BROADCASTS(mul, emu::Binary::Multiply)

}  // namespace ckernel

#undef EMU_BROADCASTS
#undef EMU_BROADCAST
