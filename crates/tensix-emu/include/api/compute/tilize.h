// Rows of elements to tiles.
#pragma once

#include "api/compute/common.h"

namespace ckernel {

template <bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void tilize_init(uint32_t icb, uint32_t block, uint32_t ocb, Where at = Where::current()) {
    emu::init_tilize(icb, block, ocb, at);
}

template <bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void tilize_block(uint32_t icb, uint32_t block, uint32_t ocb, uint32_t input_tile_index = 0,
                       uint32_t output_tile_index = 0, Where at = Where::current()) {
    emu::tilize(icb, block, ocb, input_tile_index, output_tile_index, at);
}

ALWI void tilize_uninit(uint32_t icb, uint32_t ocb, Where at = Where::current()) {
    emu::end_tilize(icb, ocb, at);
}

}  // namespace ckernel
