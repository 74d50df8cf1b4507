// Circular buffers, as the compute kernel sees them.
#pragma once

#include "api/compute/common_globals.h"

namespace ckernel {

ALWI void cb_wait_front(uint32_t cbid, uint32_t ntiles, Where at = Where::current()) {
    emu::ring_wait(cbid, ntiles, at);
}
ALWI void cb_pop_front(uint32_t cbid, uint32_t ntiles, Where at = Where::current()) {
    emu::ring_pop(cbid, ntiles, at);
}
ALWI void cb_reserve_back(uint32_t cbid, uint32_t ntiles, Where at = Where::current()) {
    emu::ring_reserve(cbid, ntiles, at);
}
ALWI void cb_push_back(uint32_t cbid, uint32_t ntiles, Where at = Where::current()) {
    emu::push_packed(cbid, ntiles, at);
}

}  // namespace ckernel
