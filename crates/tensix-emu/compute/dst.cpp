#include "dst.h"

#include <cstring>

#include "emu/sentence.h"

namespace emu {

void Dst::begin(const MathInfo& info) {
    wide = info.fp32_dest_acc;
    sections = info.full_sync ? 1 : 2;
    tiles = (wide ? 8 : 16) / sections;
    for (DstTile& tile : all) std::memset(tile.words, 0, sizeof tile.words);
}

void Dst::acquire(const Where& at) {
    if (acquired) {
        fault(Fault::DstState,
              text("tile_regs_acquire: DST is still acquired from line %u; tile_regs_commit comes "
                   "first", acquired_at.line()), at);
    }
    if (committed == sections) {
        fault(Fault::DstState,
              text("tile_regs_acquire: no section of DST is free: %u of %u are committed and not "
                   "released; tile_regs_wait and tile_regs_release come first",
                   committed, sections), at);
    }
    acquired = true;
    acquired_at = at;
    for (uint32_t i = 0; i < tiles; ++i) {
        DstTile& tile = tile_of(math, i);
        if (tile.written != 0) std::memset(tile.words, 0, sizeof tile.words);
        tile.written = 0;
        tile.reduced = false;
        tile.narrow = Narrow::Bfloat16;
    }
}

void Dst::commit(const Where& at) {
    if (!acquired) {
        fault(Fault::DstState, "tile_regs_commit: DST is not acquired; tile_regs_acquire comes first",
              at);
    }
    acquired = false;
    committed_at = at;
    ++committed;
    math = (math + 1) % sections;
}

void Dst::wait(const Where& at) {
    if (waited) {
        fault(Fault::DstState,
              text("tile_regs_wait: the packer has waited in line %u and not released",
                   waited_at.line()), at);
    }
    if (committed == 0) {
        fault(Fault::DstState,
              "tile_regs_wait: nothing is committed, so that the packer waits for ever; "
              "tile_regs_commit comes first", at);
    }
    waited = true;
    waited_at = at;
}

void Dst::release(const Where& at) {
    if (!waited) {
        fault(Fault::DstState, "tile_regs_release: the packer has not waited; tile_regs_wait comes first",
              at);
    }
    waited = false;
    --committed;
    packer = (packer + 1) % sections;
}

void Dst::check_tile(uint32_t index, const char* call, const Where& at) const {
    if (index < tiles) return;
    fault(Fault::DstCapacity,
          text("%s: tile %u of DST is used, which has %u tiles (%s values, %s)", call, index, tiles,
               wide ? "32-bit" : "16-bit", sections == 1 ? "full sync" : "half sync"), at);
}

DstTile& Dst::math_tile(uint32_t index, const char* call, const Where& at) {
    if (!acquired) {
        fault(Fault::DstState,
              text("%s: math needs DST, between tile_regs_acquire and tile_regs_commit", call), at);
    }
    check_tile(index, call, at);
    return tile_of(math, index);
}

DstTile& Dst::packer_tile(uint32_t index, uint32_t needed, const char* call, const Where& at) {
    if (!waited) {
        fault(Fault::DstState,
              text("%s: the packer needs DST, between tile_regs_wait and tile_regs_release", call), at);
    }
    check_tile(index, call, at);
    DstTile& tile = tile_of(packer, index);
    if ((tile.written & needed) != needed) {
        fault(Fault::DstUnwritten,
              text("%s: tile %u of DST was %s since tile_regs_acquire", call, index,
                   tile.written == 0 ? "not written" : "written in part only"), at);
    }
    return tile;
}

}  // namespace emu
