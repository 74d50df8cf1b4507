// Copies of tiles to DST.
#pragma once

#include "api/compute/common_globals.h"
#include "api/compute/reconfig_data_format.h"

namespace ckernel {

template <bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void copy_init(uint32_t cbid, Where at = Where::current()) {
    emu::init_copy(cbid, false, "copy_init", at);
}

template <bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void copy_tile(uint32_t in_cb_id, uint32_t in_tile_index, uint32_t dst_tile_index,
                    Where at = Where::current()) {
    emu::copy(in_cb_id, in_tile_index, dst_tile_index, false, "copy_tile", at);
}

template <bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void copy_block(uint32_t in_cb_id, uint32_t start_in_tile_index, uint32_t start_dst_tile_index,
                     uint32_t ntiles, Where at = Where::current()) {
    for (uint32_t i = 0; i < ntiles; ++i) {
        emu::copy(in_cb_id, start_in_tile_index + i, start_dst_tile_index + i, false, "copy_block", at);
    }
}

}  // namespace ckernel
