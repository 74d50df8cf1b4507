// The largest or smallest values of columns of 64, and their indices: a bitonic network on
// values in tiles 0 and 1 of DST and indices in tiles 2 and 3. Only its plain form is emulated,
// which leaves equal values where the network puts them: the vendor's simulator refuses the
// stable one, and the others sort keys that hold indices.
#pragma once

#include "api/compute/common.h"

namespace ckernel {

enum class TopkTieOrder : uint8_t { Unset, Ascending, Descending };

constexpr TopkTieOrder topk_tie_order_from_global_direction(bool descending) {
    return descending ? TopkTieOrder::Descending : TopkTieOrder::Ascending;
}

#define EMU_PLAIN(stable, fused, rank_stamped) \
    static_assert(!(stable) && !(fused) && !(rank_stamped), "only the plain form is emulated")

template <bool fused = false, bool rank_stamped = false, uint32_t tag_bits = 16>
ALWI void topk_tile_init(Where at = Where::current()) {
    EMU_PLAIN(false, fused, rank_stamped);
    emu::init_topk(at);
}

template <bool stable_sort = false, bool is_fp32_dest_acc_en = DST_ACCUM_MODE, bool fused = false,
          bool rank_stamped = false, TopkTieOrder tie_order = TopkTieOrder::Unset>
ALWI void topk_local_sort(uint32_t idst, int idir, int i_end_phase, int i_start_phase = 0,
                          int i_end_step = 0, int i_start_step = 0, Where at = Where::current()) {
    EMU_PLAIN(stable_sort, fused, rank_stamped);
    emu::Phases phases{uint32_t(i_start_phase), uint32_t(i_end_phase), uint32_t(i_start_step),
                       uint32_t(i_end_step)};
    emu::topk_sort(idst, idir != 0, phases, at);
}

template <bool idir = false, bool stable_sort = false, bool is_fp32_dest_acc_en = DST_ACCUM_MODE,
          bool fused = false, bool rank_stamped = false,
          TopkTieOrder tie_order = TopkTieOrder::Unset, uint32_t tag_bits = 16>
ALWI void topk_merge(uint32_t idst, int m_iter, int k, Where at = Where::current()) {
    EMU_PLAIN(stable_sort, fused, rank_stamped);
    emu::topk_merge(idst, idir, m_iter, k, at);
}

template <bool stable_sort = false, bool is_fp32_dest_acc_en = DST_ACCUM_MODE, bool fused = false,
          bool rank_stamped = false, TopkTieOrder tie_order = TopkTieOrder::Unset>
ALWI void topk_rebuild(uint32_t idst, bool idir, int m_iter, int k, int logk, int skip_second,
                       Where at = Where::current()) {
    EMU_PLAIN(stable_sort, fused, rank_stamped);
    emu::topk_rebuild(idst, idir, m_iter, k, logk, skip_second & 1, at);
}

}  // namespace ckernel

#undef EMU_PLAIN
