// Products of tiles: DST += in0 * in1.
#pragma once

#include "api/compute/common.h"

namespace ckernel {

ALWI void matmul_init(uint32_t in0_cb_id, uint32_t in1_cb_id, uint32_t transpose = 0,
                      Where at = Where::current()) {
    emu::init_matmul(in0_cb_id, in1_cb_id, {transpose != 0}, "matmul_init", at);
}

// Transposes if the init did.
ALWI void matmul_tiles(uint32_t in0_cb_id, uint32_t in1_cb_id, uint32_t in0_tile_index,
                       uint32_t in1_tile_index, uint32_t idst, Where at = Where::current()) {
    emu::matmul_tile(in0_cb_id, in1_cb_id, in0_tile_index, in1_tile_index, idst, "matmul_tiles", at);
}

ALWI void matmul_block_init(uint32_t in0_cb_id, uint32_t in1_cb_id, uint32_t transpose = 0,
                            uint32_t ct_dim = 1, uint32_t rt_dim = 1, uint32_t kt_dim = 1,
                            Where at = Where::current()) {
    emu::init_matmul(in0_cb_id, in1_cb_id, {transpose != 0, ct_dim, rt_dim, kt_dim},
                     "matmul_block_init", at);
}

ALWI void matmul_block(uint32_t in0_cb_id, uint32_t in1_cb_id, uint32_t in0_tile_index,
                       uint32_t in1_tile_index, uint32_t idst, uint32_t transpose, uint32_t ct_dim,
                       uint32_t rt_dim, uint32_t kt_dim, Where at = Where::current()) {
    emu::matmul(in0_cb_id, in1_cb_id, in0_tile_index, in1_tile_index, idst,
                {transpose != 0, ct_dim, rt_dim, kt_dim}, "matmul_block", at);
}

}  // namespace ckernel
