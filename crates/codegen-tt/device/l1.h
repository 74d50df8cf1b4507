// Words of L1 that a data-movement kernel reads and writes itself.
#pragma once

#include <cstdint>

#include "api/dataflow/dataflow_api.h"

namespace tilec {

// A host that runs kernels defines these itself, to check what they touch. Cores of Blackhole
// have a cache, which does not see what arrives from the NoC.
#ifdef TILEC_L1_LOAD
#define TILEC_L1_REFRESH()
#else
#define TILEC_L1_LOAD(address) (*reinterpret_cast<volatile tt_l1_ptr uint32_t*>(address))
#define TILEC_L1_STORE(address, value) (TILEC_L1_LOAD(address) = (value))
#define TILEC_L1_REFRESH() invalidate_l1_cache()
#endif

// The address of an element of a tile of words: four faces of 16 x 16, row by row.
inline uint32_t element(uint32_t tile_address, uint32_t row, uint32_t column) {
    const uint32_t face = row / 16 * 2 + column / 16;
    return tile_address + 4 * (face * 256 + row % 16 * 16 + column % 16);
}

// Copies a column of a 32x32 tile of words into column 0 of another; its other columns stay.
inline void copy_column(uint32_t from_tile_address, uint32_t column, uint32_t to_tile_address) {
    TILEC_L1_REFRESH();
    for (uint32_t row = 0; row < 32; ++row) {
        TILEC_L1_STORE(element(to_tile_address, row, 0),
                       TILEC_L1_LOAD(element(from_tile_address, row, column)));
    }
}

// Fills a tile of so many bytes, a multiple of 4, with zeros.
inline void zero_tile(uint32_t address, uint32_t bytes) {
    for (uint32_t at = 0; at < bytes; at += 4) {
        TILEC_L1_STORE(address + at, 0u);
    }
}

} // namespace tilec
