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
// A word of the pages waited for, which all threads of the kernel learn.
ALWI uint32_t read_tile_value(uint32_t cb_id, uint32_t tile_index, uint32_t element_offset,
                              Where at = Where::current()) {
    return emu::read_word(cb_id, tile_index, element_offset, at);
}

}  // namespace ckernel
