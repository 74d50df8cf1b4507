// Formats of sources and packer, for rings that differ from those of the start-up.
//
// The forms with old rings trust them: nothing happens where old and new formats are the
// same, whatever is configured.
#pragma once

#include "api/compute/common_globals.h"
#include "api/compute/src_order.h"

namespace ckernel {

ALWI void reconfig_data_format_srca(uint32_t srca_new_operand, Where at = Where::current()) {
    emu::configure_source(emu::Source::A, srca_new_operand, "reconfig_data_format_srca", at);
}
ALWI void reconfig_data_format_srca(uint32_t srca_old_operand, uint32_t srca_new_operand,
                                    Where at = Where::current()) {
    emu::configure_source_from(emu::Source::A, srca_old_operand, srca_new_operand,
                               "reconfig_data_format_srca", at);
}
ALWI void reconfig_data_format_srcb(uint32_t srcb_new_operand, Where at = Where::current()) {
    emu::configure_source(emu::Source::B, srcb_new_operand, "reconfig_data_format_srcb", at);
}
ALWI void reconfig_data_format_srcb(uint32_t srcb_old_operand, uint32_t srcb_new_operand,
                                    Where at = Where::current()) {
    emu::configure_source_from(emu::Source::B, srcb_old_operand, srcb_new_operand,
                               "reconfig_data_format_srcb", at);
}

template <SrcOrder src_order = SrcOrder::Regular>
ALWI void reconfig_data_format(uint32_t icb0_new_operand, uint32_t icb1_new_operand,
                               Where at = Where::current()) {
    constexpr bool reverse = src_order == SrcOrder::Reverse;
    const char* call = "reconfig_data_format";
    emu::configure_source(emu::Source::A, reverse ? icb1_new_operand : icb0_new_operand, call, at);
    emu::configure_source(emu::Source::B, reverse ? icb0_new_operand : icb1_new_operand, call, at);
}

template <SrcOrder src_order = SrcOrder::Regular>
ALWI void reconfig_data_format(uint32_t icb0_old_operand, uint32_t icb0_new_operand,
                               uint32_t icb1_old_operand, uint32_t icb1_new_operand,
                               Where at = Where::current()) {
    constexpr bool reverse = src_order == SrcOrder::Reverse;
    constexpr emu::Source first = reverse ? emu::Source::B : emu::Source::A;
    constexpr emu::Source second = reverse ? emu::Source::A : emu::Source::B;
    const char* call = "reconfig_data_format";
    emu::configure_source_from(first, icb0_old_operand, icb0_new_operand, call, at);
    emu::configure_source_from(second, icb1_old_operand, icb1_new_operand, call, at);
}

template <bool is_tile_dim_reconfig_en = false>
ALWI void pack_reconfig_data_format(uint32_t new_cb_id, Where at = Where::current()) {
    emu::configure_packer(new_cb_id, "pack_reconfig_data_format", at);
}
template <bool is_tile_dim_reconfig_en = false>
ALWI void pack_reconfig_data_format(uint32_t old_cb_id, uint32_t new_cb_id,
                                    Where at = Where::current()) {
    emu::configure_packer_from(old_cb_id, new_cb_id, "pack_reconfig_data_format", at);
}

}  // namespace ckernel
