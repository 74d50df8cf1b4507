// From DST to circular buffers.
#pragma once

#include "api/compute/common_globals.h"

namespace ckernel {

template <bool out_of_order_output = false, bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void pack_tile(uint32_t ifrom_dst, uint32_t icb, uint32_t output_tile_index = 0,
                    Where at = Where::current()) {
    if constexpr (out_of_order_output) {
        emu::pack_to(ifrom_dst, icb, output_tile_index, "pack_tile", at);
    } else {
        emu::pack_next(ifrom_dst, icb, "pack_tile", at);
    }
}

template <bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void pack_block(uint32_t ifrom_dst, uint32_t icb, uint32_t ntiles, Where at = Where::current()) {
    for (uint32_t i = 0; i < ntiles; ++i) emu::pack_next(ifrom_dst + i, icb, "pack_block", at);
}

ALWI void pack_reconfig_l1_acc(uint32_t l1_acc_en, Where at = Where::current()) {
    emu::configure_accumulation(l1_acc_en != 0, at);
}

}  // namespace ckernel
