// Products of tiles, and ops on two tiles, on the matrix unit.
#include <cstring>

#include "state.h"

namespace emu {
namespace {

Sums sums_of(const RingInfo& right) {
    const Compute& core = compute();
    return {core.program.arch, core.wide(), has_short_exponent(right.format)};
}

// Operands whose exponents have 5 and 8 bits don't meet.
void check_family(const RingInfo& a, const RingInfo& b, const char* call, const Where& at) {
    for (const RingInfo* ring : {&a, &b}) {
        if (is_byte(ring->format) || needs(*ring).to_dst || ring->format == Format::UInt16) {
            fault(Fault::Operands,
                  text("%s: ring %s holds %s, which the matrix unit doesn't take", call,
                       ring->name.c_str(), format_name(ring->format)), at);
        }
    }
    if (has_short_exponent(a.format) == has_short_exponent(b.format)) return;
    fault(Fault::Operands,
          text("%s: ring %s (%s) and ring %s (%s) have exponents of different widths", call,
               a.name.c_str(), format_name(a.format), b.name.c_str(), format_name(b.format)), at);
}

// The tile in a source register, decoded once as long as its page stays.
const Factor& factor(Source source, uint32_t ring_index, uint32_t tile, bool transpose,
                     const char* call, const Where& at) {
    Compute& core = compute();
    Page page = page_waited(ring_index, tile, call, at);
    const RingInfo& ring = emu::ring(ring_index, at);
    size_t slot = reinterpret_cast<uintptr_t>(page.bytes) / ring.page_bytes % kKept;
    Decoded& kept = core.kept[static_cast<size_t>(source)][slot];
    if (kept.page == page.bytes && kept.version == page.version && kept.transpose == transpose) {
        return kept.factor;
    }
    uint32_t words[kElements];
    unpack_source(ring.format, core.program.arch, core.wide(), page.bytes, words);
    if (source == Source::A) {
        split_right(words, transpose, &kept.factor);
    } else {
        split_left(words, &kept.factor);
    }
    kept.page = page.bytes;
    kept.version = page.version;
    kept.transpose = transpose;
    return kept.factor;
}

void set_narrow(DstTile& tile, const Sums& sums) {
    tile.written = kAllWritten;
    tile.reduced = false;
    tile.narrow = sums.short_exponent ? Narrow::Half : Narrow::Bfloat16;
}

// A product adds to what math made since the section was acquired, or to zeros.
DstTile& accumulator(uint32_t index, const Sums& sums, const char* call, const Where& at) {
    DstTile& tile = compute().dst.math_tile(index, call, at);
    if (tile.written != 0 && tile.written != kAllWritten) {
        fault(Fault::DstUnwritten,
              text("%s: tile %u of DST, which it adds to, was written in part only", call, index), at);
    }
    set_narrow(tile, sums);
    return tile;
}

}  // namespace

void init_matmul(uint32_t a, uint32_t b, const Block& block, const char* call, const Where& at) {
    check_started(call, at);
    check_family(ring(a, at), ring(b, at), call, at);
    if (block.columns == 0 || block.rows == 0 || block.depth == 0) {
        fault(Fault::Init, text("%s: a block of %u x %u tiles, %u deep, is empty", call, block.rows,
                                block.columns, block.depth), at);
    }
    Compute& core = compute();
    core.init = {Op::Matmul, call, a, b, block, {}, {}, at.line()};
    core.unit.still_modes &= ~0x3fu;  // the address modes of products move rows
}

void matmul(uint32_t a, uint32_t b, uint32_t a_tile, uint32_t b_tile, uint32_t dst,
            const Block& block, const char* call, const Where& at) {
    check_init(Op::Matmul, a, b, call, at);
    Compute& core = compute();
    if (core.init.block != block) {
        const Block& was = core.init.block;
        fault(Fault::Init,
              text("%s: a block of %u x %u tiles, %u deep%s; %s in line %u was for %u x %u, %u deep%s",
                   call, block.rows, block.columns, block.depth,
                   block.transpose ? ", transposed" : "", core.init.call, core.init.line, was.rows,
                   was.columns, was.depth, was.transpose ? ", transposed" : ""), at);
    }
    const RingInfo &left = ring(a, at), &right = ring(b, at);
    check_source(Source::A, right, call, at);
    check_source(Source::B, left, call, at);
    Sums sums = sums_of(right);
    core.dst.check_tile(dst + block.rows * block.columns - 1, call, at);
    for (uint32_t row = 0; row < block.rows; ++row) {
        const Factor& x = factor(Source::B, a, a_tile + row * block.depth, false, call, at);
        for (uint32_t column = 0; column < block.columns; ++column) {
            const Factor& y = factor(Source::A, b, b_tile + column, block.transpose, call, at);
            DstTile& tile = accumulator(dst + row * block.columns + column, sums, call, at);
            counters().wrong_sums +=
                add_product(sums, core.program.math.passes, x, y, tile.words);
        }
    }
    counters().tile_products += uint64_t{block.rows} * block.columns;
}

void matmul_tile(uint32_t a, uint32_t b, uint32_t a_tile, uint32_t b_tile, uint32_t dst,
                 const char* call, const Where& at) {
    Block block;
    block.transpose = compute().init.block.transpose;
    matmul(a, b, a_tile, b_tile, dst, block, call, at);
}

void init_binary(Binary op, Broadcast broadcast, uint32_t a, uint32_t b, const char* call,
                 const Where& at) {
    check_started(call, at);
    check_family(ring(a, at), ring(b, at), call, at);
    Compute& core = compute();
    core.init = {Op::Binary, call, a, b, {}, op, broadcast, at.line()};
    core.unit.still_modes &= ~0x7u;
}

namespace {

uint32_t spread(Broadcast broadcast, uint32_t index) {
    uint32_t face = index / kFace, row = index % kFace / 16, column = index % 16;
    uint32_t full_row = face / 2 * 16 + row, full_column = face % 2 * 16 + column;
    switch (broadcast) {
        case Broadcast::None: return index;
        case Broadcast::Rows: return place(0, full_column);
        case Broadcast::Columns: return place(full_row, 0);
        case Broadcast::Scalar: return 0;
    }
    return index;
}

}  // namespace

void binary(Binary op, Broadcast broadcast, uint32_t a, uint32_t b, uint32_t a_tile,
            uint32_t b_tile, uint32_t dst, const char* call, const Where& at) {
    check_init(Op::Binary, a, b, call, at);
    Compute& core = compute();
    if (core.init.binary != op || core.init.broadcast != broadcast) {
        fault(Fault::Init, text("%s: the last init was %s in line %u", call, core.init.call,
                                core.init.line), at);
    }
    const RingInfo &left = ring(a, at), &right = ring(b, at);
    check_source(Source::A, left, call, at);
    check_source(Source::B, right, call, at);
    uint32_t x[kElements], y[kElements], z[kElements];
    Arch arch = core.program.arch;
    unpack_source(left.format, arch, core.wide(), page_waited(a, a_tile, call, at).bytes, x);
    unpack_source(right.format, arch, core.wide(), page_waited(b, b_tile, call, at).bytes, y);
    for (uint32_t i = 0; i < kElements; ++i) z[i] = y[spread(broadcast, i)];
    Sums sums = sums_of(left);
    DstTile& tile = op == Binary::Multiply ? accumulator(dst, sums, call, at)
                                           : core.dst.math_tile(dst, call, at);
    set_narrow(tile, sums);
    Elementwise unit_op = op == Binary::Add        ? Elementwise::Add
                          : op == Binary::Subtract ? Elementwise::Subtract
                                                   : Elementwise::Multiply;
    counters().wrong_sums +=
        elementwise(sums, unit_op, core.program.math.passes, x, z, tile.words);
}

}  // namespace emu
