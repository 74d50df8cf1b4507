// What reduce_tile does with a tile once it is in the source registers.
#pragma once

#include <cstdint>

#include "format.h"
#include "matrix.h"
#include "state.h"

namespace emu {

// A tile and the scaler's, as the unpackers leave them, and where results go.
struct Pooled {
    Sums sums;
    uint32_t passes;
    bool tf32;  // what comes back from DST to a source keeps 10 bits of fraction, not 7
    uint32_t data[kElements];
    uint32_t scaler[kElements];
    DstTile& dst;
    bool first;  // nothing is in DST yet
};

// Both give how many sums of the matrix unit were wrong (see `add_product`).
uint32_t pool_sums(Along along, Pooled& pooled);
void pool_largest(Along along, Pooled& pooled);

// What a source register gets of a word of DST: bits of the fraction are cut.
uint32_t back_to_source(const Pooled& pooled, uint32_t word);

}  // namespace emu
