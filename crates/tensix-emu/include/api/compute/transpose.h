// Copies of transposed tiles to DST.
#pragma once

#include "api/compute/common.h"

namespace ckernel {

template <bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void transpose_init(uint32_t icb, Where at = Where::current()) {
    emu::init_copy(icb, true, "transpose_init", at);
}

template <bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void transpose_tile(uint32_t icb, uint32_t itile, uint32_t idst, Where at = Where::current()) {
    emu::copy(icb, itile, idst, true, "transpose_tile", at);
}

}  // namespace ckernel
