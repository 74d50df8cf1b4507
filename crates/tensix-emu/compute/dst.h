// DST, the registers that math writes and the packer reads: one or two sections of tiles.
#pragma once

#include <cstdint>

#include "emu/engine.h"
#include "format.h"

namespace emu {

constexpr uint32_t kDstTiles = 16;         // of 16-bit words, in both sections
constexpr uint32_t kTileRows = 64;         // of 16 words each
constexpr uint32_t kSectionRows = 512;     // where the second section starts, in rows
constexpr uint32_t kAllWritten = ~0u;

// A tile of DST. Words of 32-bit DST are f32 or integers; those of 16-bit DST are bf16
// or f16 in the lower half.
struct DstTile {
    alignas(64) uint32_t words[kElements];
    // Which quarters of faces were written since the section was acquired: bit 2 * (row / 4)
    // for even columns, the next one for odd columns.
    uint32_t written = 0;
    bool reduced = false;  // by reduce_tile, so that most of it says nothing
    Narrow narrow = Narrow::Bfloat16;
};

// Sections and who has them.
struct Dst {
    bool wide = false;
    uint32_t sections = 2;
    uint32_t tiles = 0;  // of a section
    DstTile all[kDstTiles];

    bool acquired = false;    // math has section `math`
    uint32_t committed = 0;   // sections that math has handed over
    bool waited = false;      // the packer has section `packer`
    uint32_t math = 0;
    uint32_t packer = 0;
    Where acquired_at, committed_at, waited_at;

    void begin(const MathInfo& info);
    void acquire(const Where& at);
    void commit(const Where& at);
    void wait(const Where& at);
    void release(const Where& at);

    // Tile `index` of the section of math, or of the packer; `call` names who asks. All
    // `needed` quarters must have been written for the packer.
    DstTile& math_tile(uint32_t index, const char* call, const Where& at);
    DstTile& packer_tile(uint32_t index, uint32_t needed, const char* call, const Where& at);
    void check_tile(uint32_t index, const char* call, const Where& at) const;

private:
    DstTile& tile_of(uint32_t section, uint32_t index) { return all[section * tiles + index]; }
};

}  // namespace emu
