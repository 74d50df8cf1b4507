// The first call of a compute kernel.
#pragma once

#include "api/compute/common_globals.h"
#include "api/compute/src_order.h"

namespace ckernel {

template <SrcOrder src_order = SrcOrder::Regular>
ALWI void compute_kernel_hw_startup(uint32_t icb0, uint32_t icb1, uint32_t ocb,
                                    Where at = Where::current()) {
    constexpr bool reverse = src_order == SrcOrder::Reverse;
    emu::start_compute(reverse ? icb1 : icb0, reverse ? icb0 : icb1, ocb, at);
}

ALWI void compute_kernel_hw_startup(uint32_t icb0, uint32_t ocb, Where at = Where::current()) {
    emu::start_compute(icb0, icb0, ocb, at);
}

}  // namespace ckernel
