// Tiles to rows of elements, by the packer. Narrow, dense and diagonal forms are not emulated.
#pragma once

#include "api/compute/common.h"

namespace ckernel {

template <uint32_t block_ct_dim = 8, uint32_t full_ct_dim = block_ct_dim, bool narrow_row = false,
          uint32_t row_num_datums = 32, bool dense = false, bool configure_remap = true,
          bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void pack_untilize_dest_init(uint32_t ocb, Where at = Where::current()) {
    static_assert(!narrow_row && row_num_datums == 32 && !dense, "only whole rows are emulated");
    emu::configure_packer(ocb, "pack_untilize_dest_init", at);
    emu::init_untilize(block_ct_dim, full_ct_dim, ocb, "pack_untilize_dest_init", at);
}

template <uint32_t block_ct_dim = 8, uint32_t full_ct_dim = block_ct_dim,
          bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void pack_untilize_init(uint32_t icb, uint32_t ocb, Where at = Where::current()) {
    emu::init_copy(icb, false, "pack_untilize_init", at);
    emu::configure_packer(ocb, "pack_untilize_init", at);
    emu::init_untilize(block_ct_dim, full_ct_dim, ocb, "pack_untilize_init", at);
}

template <uint32_t block_ct_dim = 8, uint32_t full_ct_dim = block_ct_dim, bool diagonal = false,
          bool narrow_row = false, uint32_t row_num_datums = 32, uint32_t tile_dst_ct_offset = 0,
          bool dense = false>
ALWI void pack_untilize_dest(uint32_t ocb, uint32_t block_rt_dim = 1, uint32_t block_c_index = 0,
                             uint32_t tile_dst_rt_offset = 0, Where at = Where::current()) {
    static_assert(!diagonal && !narrow_row && row_num_datums == 32 && !dense,
                  "only whole rows are emulated");
    emu::untilize(block_ct_dim, full_ct_dim, ocb, block_rt_dim, block_c_index,
                  tile_dst_ct_offset + tile_dst_rt_offset, "pack_untilize_dest", at);
}

// Every row of tiles is read and written where the first one is, so that there must be one.
template <uint32_t block_ct_dim = 8, uint32_t full_ct_dim = block_ct_dim,
          bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void pack_untilize_block(uint32_t icb, uint32_t block_rt_dim, uint32_t ocb,
                              uint32_t block_c_index = 0, Where at = Where::current()) {
    const char* call = "pack_untilize_block";
    if (block_rt_dim != 1) {
        emu::fault(emu::Fault::Operands, at,
                   "%s: block_rt_dim is %u, and all rows of tiles would be read and written "
                   "where the first one is; it must be 1", call, block_rt_dim);
    }
    emu::acquire_dst(at);
    for (uint32_t i = 0; i < block_ct_dim; ++i) emu::copy(icb, i, i, false, call, at);
    emu::commit_dst(at);
    emu::wait_dst(at);
    emu::untilize(block_ct_dim, full_ct_dim, ocb, 1, block_c_index, 0, call, at);
    emu::release_dst(at);
}

template <bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void pack_untilize_uninit(uint32_t ocb, Where at = Where::current()) {
    emu::end_untilize(ocb, at);
}

}  // namespace ckernel
