// Work that tables tell when a step runs, dealt out by data-movement kernels.
//
// A table has a word for every tile of rows: the group whose matrix they meet, or how many rows
// there are, 0 behind the last tile. Every core makes the list of its part: runs of tiles that
// have a group and a block of columns in common, so that what belongs to both is read once.
#pragma once

#include <cstdint>

#include "api/dataflow/dataflow_api.h"
#include "l1.h"

namespace tilec {

// Starts to read a vector of words from its tiles, of which each has 32 in its first row, to
// consecutive words.
template <class Buffer>
inline void fetch_table(const Buffer& table, uint32_t pages, uint32_t address) {
    for (uint32_t page = 0; page < pages; ++page) {
        noc_async_read(table.get_noc_addr(page), address + 128 * page, 64);
        noc_async_read(table.get_noc_addr(page, 1024), address + 128 * page + 64, 64);
    }
}

// A word of a list, which another processor may have stored.
inline uint32_t work_word(uint32_t list, uint32_t word) {
    TILEC_L1_REFRESH();
    return TILEC_L1_LOAD(list + 4 * word);
}

// A run of tiles, or what stands before the first one: how many runs there are.
struct Run {
    uint32_t group, first, length, column;
};

inline void put_run(uint32_t list, uint32_t at, Run run) {
    TILEC_L1_STORE(list + 16 * at, run.group);
    TILEC_L1_STORE(list + 16 * at + 4, run.first);
    TILEC_L1_STORE(list + 16 * at + 8, run.length);
    TILEC_L1_STORE(list + 16 * at + 12, run.column);
}

// How many of the tiles have rows: those before the first one that has none.
inline uint32_t tiles_with_rows(uint32_t filled, uint32_t tiles) {
    uint32_t count = 0;
    while (count < tiles && static_cast<int32_t>(TILEC_L1_LOAD(filled + 4 * count)) > 0) {
        ++count;
    }
    return count;
}

// Makes the list of a core: the number of its runs, and from the fourth word on their groups,
// first tiles, lengths and blocks of columns. Items are the tiles of one block of columns after
// the other; all cores have as many of them, or one more. A `filled` of 0 is none: all tiles
// have rows. The list is stored as often as there are readers of it.
template <uint32_t copies>
inline void deal_work(uint32_t groups, uint32_t filled, uint32_t most_tiles, uint32_t most_groups,
                      uint32_t columns, uint32_t core, uint32_t cores,
                      const uint32_t (&lists)[copies]) {
    TILEC_L1_REFRESH();
    const uint32_t tiles = filled == 0 ? most_tiles : tiles_with_rows(filled, most_tiles);
    const uint32_t each = tiles * columns / cores, more = tiles * columns % cores;
    uint32_t left = each + (core < more ? 1 : 0);
    uint32_t runs = 0;
    const uint32_t item = each * core + (core < more ? core : more);
    uint32_t tile = tiles == 0 ? 0 : item % tiles, column = tiles == 0 ? 0 : item / tiles;
    while (left > 0) {
        const uint32_t group = TILEC_L1_LOAD(groups + 4 * tile);
        const uint32_t first = tile;
        do {
            ++tile;
            --left;
        } while (left > 0 && tile < tiles && TILEC_L1_LOAD(groups + 4 * tile) == group);
        ++runs;
        for (const uint32_t list : lists) {
            put_run(list, runs,
                    {group < most_groups ? group : most_groups - 1, first, tile - first, column});
        }
        if (tile == tiles) {
            tile = 0;
            ++column;
        }
    }
    for (const uint32_t list : lists) {
        put_run(list, 0, {runs, 0, 0, 0});
    }
}

} // namespace tilec
