// Top-k on DST: values in tiles 0 and 1, their indices in tiles 2 and 3, and a column of both
// for each sort.
#include <bit>

#include "bitonic.h"
#include "state.h"

namespace emu {
namespace {

constexpr uint32_t kTiles = 4;

// The tiles, and how the vector unit loads and stores them.
struct Tiles {
    DstTile* of[kTiles];
    bool wide;

    // The words of the element `at` of column `column`.
    uint32_t& value(uint32_t column, uint32_t at) const {
        return of[at / 32]->words[place(at % 32, column)];
    }
    uint32_t& index(uint32_t column, uint32_t at) const {
        return of[2 + at / 32]->words[place(at % 32, column)];
    }
};

// An integer of 16 bits lies in 16-bit DST with its fields the other way round.
uint32_t integer_of(uint32_t word) {
    return (word & 0x8000) | (word & 0x7f) << 8 | (word >> 7 & 255);
}
uint32_t word_of(uint32_t integer) {
    return (integer & 0x8000) | (integer & 0xff) << 7 | (integer >> 8 & 0x7f);
}

Tiles tiles_of(uint32_t idst, const char* call, const Where& at) {
    Compute& core = compute();
    if (!core.tracks_indices) fault(Fault::Init, text("%s: its init, topk_tile_init, is missing", call), at);
    if (idst != 0) {
        fault(Fault::Operands,
              text("%s: idst is %u, and must be 0: three of the four parts of a tile are always those "
                   "of tiles 0 to 3", call, idst), at);
    }
    Tiles tiles{{}, core.wide()};
    for (uint32_t i = 0; i < kTiles; ++i) {
        tiles.of[i] = &core.dst.math_tile(i, call, at);
        if (tiles.of[i]->written == kAllWritten) continue;
        fault(Fault::DstUnwritten,
              text("%s: tile %u of DST (%s) was not written as a whole", call, i,
                   i < 2 ? "values" : "indices"), at);
    }
    if (!core.wide() && tiles.of[0]->narrow == Narrow::Half) {
        fault(Fault::Operands, text("%s: values of 16-bit DST must be bf16 here", call), at);
    }
    return tiles;
}

template <class F>
void each_column(const Tiles& tiles, F work) {
    for (uint32_t column = 0; column < 32; ++column) {
        Column one;
        for (uint32_t i = 0; i < kColumn; ++i) {
            uint32_t value = tiles.value(column, i), index = tiles.index(column, i);
            one.values[i] = tiles.wide ? value : value << 16;
            one.indices[i] = tiles.wide ? index : integer_of(index);
        }
        work(one);
        for (uint32_t i = 0; i < kColumn; ++i) {
            tiles.value(column, i) = tiles.wide ? one.values[i] : one.values[i] >> 16;
            tiles.index(column, i) = tiles.wide ? one.indices[i] : word_of(one.indices[i]);
        }
    }
}

void check_k(int k, const char* call, const Where& at) {
    if (k >= 4 && k <= 64 && std::has_single_bit(uint32_t(k))) return;
    fault(Fault::Operands, text("%s: k is %d, and must be 4, 8, 16, 32 or 64", call, k), at);
}

void check_iteration(int iteration, const char* call, const Where& at) {
    if (iteration >= 0 && iteration < 10) return;
    fault(Fault::Operands, text("%s: m_iter is %d, and must be 0 to 9", call, iteration), at);
}

}  // namespace

void init_topk(const Where& at) {
    check_started("topk_tile_init", at);
    compute().tracks_indices = true;
    compute().replay = {};
}

void topk_sort(uint32_t idst, bool ascending, const Phases& phases, const Where& at) {
    const char* call = "topk_local_sort";
    Tiles tiles = tiles_of(idst, call, at);
    if (phases.first > phases.last || phases.last > 5) {
        fault(Fault::Operands,
              text("%s: phases %u to %u, and there are 0 to 5", call, phases.first, phases.last), at);
    }
    Replay& replay = compute().replay;
    if (phases.first > 0 && !replay.sort) {
        fault(Fault::Init,
              text("%s: it begins with phase %u, which runs instructions again that no sort from phase "
                   "0 has recorded since topk_tile_init or topk_rebuild", call, phases.first), at);
    }
    replay = {true};
    each_column(tiles, [&](Column& column) { column.sort(ascending, phases); });
}

void topk_merge(uint32_t idst, bool least, int iteration, int k, const Where& at) {
    const char* call = "topk_merge";
    Tiles tiles = tiles_of(idst, call, at);
    check_k(k, call, at);
    check_iteration(iteration, call, at);
    each_column(tiles, [&](Column& column) {
        column.merge(least, uint32_t(iteration), uint32_t(k));
    });
}

void topk_rebuild(uint32_t idst, bool ascending, int iteration, int k, int log_k, bool first_only,
                  const Where& at) {
    const char* call = "topk_rebuild";
    Tiles tiles = tiles_of(idst, call, at);
    check_k(k, call, at);
    check_iteration(iteration, call, at);
    if (1 << log_k != k) {
        fault(Fault::Operands, text("%s: logk is %d, and k is %d", call, log_k, k), at);
    }
    Replay& replay = compute().replay;
    if (replay.iteration == iteration && replay.k != k) {
        fault(Fault::Init,
              text("%s: m_iter %d with k %d would run the instructions of the one before again, whose k "
                   "was %d; topk_tile_init comes first", call, iteration, k, replay.k), at);
    }
    replay = {false, iteration, k};
    each_column(tiles, [&](Column& column) {
        column.rebuild(ascending, uint32_t(iteration), uint32_t(k), first_only);
    });
}

}  // namespace emu
