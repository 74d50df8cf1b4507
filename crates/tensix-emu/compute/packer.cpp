// Sections of DST, and packing them to rings.
#include "format.h"
#include "state.h"

namespace emu {

Compute* compute_begin(const ProgramInfo& program) { return new Compute(program); }

void compute_end(Compute* state, const Where& last) {
    const Dst& dst = state->dst;
    const char* what = dst.acquired        ? "tile_regs_commit is missing: DST is still acquired"
                       : dst.waited        ? "tile_regs_release is missing: the packer still has DST"
                       : dst.committed > 0 ? "tile_regs_wait is missing: DST is committed and was "
                                             "never packed"
                                           : nullptr;
    uint32_t line = dst.acquired ? dst.acquired_at.line()
                    : dst.waited ? dst.waited_at.line()
                                 : dst.committed_at.line();
    Where at = dst.acquired ? dst.acquired_at : dst.waited ? dst.waited_at : dst.committed_at;
    delete state;
    if (what != nullptr) fault(Fault::DstState, text("%s from line %u", what, line), what ? at : last);
}

void acquire_dst(const Where& at) {
    check_started("tile_regs_acquire", at);
    compute().dst.acquire(at);
}
void commit_dst(const Where& at) { compute().dst.commit(at); }
void wait_dst(const Where& at) { compute().dst.wait(at); }
void release_dst(const Where& at) { compute().dst.release(at); }

void check_packer(const RingInfo& ring, const char* call, const Where& at) {
    check_started(call, at);
    const Compute& core = compute();
    const char *name = ring.name.c_str(), *format = format_name(ring.format);
    if (core.packer.format != ring.format) {
        fault(Fault::Configuration,
              text("%s: ring %s holds %s, and the packer is configured for %s; "
                   "pack_reconfig_data_format is missing", call, name, format,
                   format_name(core.packer.format)), at);
    }
    if (!can_pack(ring.format, core.program.arch, core.wide())) {
        fault(Fault::Configuration,
              text("%s: DST of %s values can't be packed to ring %s (%s)", call,
                   core.wide() ? "32-bit" : "16-bit", name, format), at);
    }
    if (core.accumulates && !can_accumulate(ring.format)) {
        fault(Fault::Configuration,
              text("%s: pack_reconfig_l1_acc is on, and packing can't add to ring %s (%s)", call, name,
                   format), at);
    }
}

namespace {

// The quarters of faces that the packer reads.
uint32_t needed_quarters() {
    const Compute& core = compute();
    return core.kept_of ? quarters_of(*core.kept_of) : kAllWritten;
}

// A tile of which only the results of reduce_tile are kept; all else is 0.
const uint32_t* results_of(const DstTile& tile, uint32_t index, uint32_t* words, const char* call,
                           const Where& at) {
    const Compute& core = compute();
    if (!tile.reduced) {
        fault(Fault::Init,
              text("%s: tile %u of DST is not what reduce_tile made, and reduce_init in line %u has "
                   "the packer keep only such results; reduce_uninit is missing", call, index,
                   core.kept_since), at);
    }
    for (uint32_t i = 0; i < kElements; ++i) words[i] = is_result(*core.kept_of, i) ? tile.words[i] : 0;
    return words;
}

}  // namespace

void pack_to(uint32_t dst, uint32_t index, uint32_t page_index, const char* call, const Where& at) {
    const RingInfo& ring = emu::ring(index, at);
    check_packer(ring, call, at);
    Compute& core = compute();
    if (core.strips) {
        fault(Fault::Init,
              text("%s: an init in line %u has the packer make rows of elements, not tiles; "
                   "pack_untilize_uninit is missing", call, core.strips->line), at);
    }
    uint32_t kept[kElements];
    const DstTile& tile = core.dst.packer_tile(dst, needed_quarters(), call, at);
    const uint32_t* words = core.kept_of ? results_of(tile, dst, kept, call, at) : tile.words;
    if (!core.accumulates) {
        Page page = page_reserved(index, page_index, call, at);
        return pack(ring.format, core.wide(), tile.narrow, words, page.bytes);
    }
    Page page = page_accumulated(index, page_index, call, at);
    std::byte packed[kElements * 4];
    pack(ring.format, core.wide(), tile.narrow, words, packed);
    accumulate(packed, page.bytes);
}

void pack_next(uint32_t dst, uint32_t index, const char* call, const Where& at) {
    emu::ring(index, at);
    Compute& core = compute();
    pack_to(dst, index, core.packed[index], call, at);
    ++core.packed[index];
}

void push_packed(uint32_t index, uint32_t pages, const Where& at) {
    ring_push(index, pages, at);
    compute().packed[index] = 0;
}

}  // namespace emu
