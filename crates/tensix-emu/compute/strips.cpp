// Rows of elements to tiles, by the unpacker, and back, by the packer.
#include <cstring>

#include "format.h"
#include "state.h"

namespace emu {
namespace {

// Bytes of an element, or 0 where elements share something.
uint32_t element_bytes(Format format) {
    switch (format) {
        case Format::Float32:
        case Format::UInt32:
        case Format::Int32: return 4;
        case Format::Float16_b:
        case Format::UInt16: return 2;
        case Format::Float16:
        case Format::Bfp8_b:
        case Format::Fp8_e4m3:
        case Format::Lf8:
        case Format::UInt8:
        case Format::Invalid: return 0;
    }
    return 0;
}

uint32_t check_elements(const RingInfo& ring, const char* call, const Where& at) {
    uint32_t bytes = element_bytes(ring.format);
    if (bytes != 0) return bytes;
    fault(Fault::Operands,
          text("%s: ring %s holds %s, whose rows of elements are not emulated", call,
               ring.name.c_str(), format_name(ring.format)), at);
}

}  // namespace

// ---- to tiles ----

void init_tilize(uint32_t ring, uint32_t tiles, uint32_t out, const Where& at) {
    const char* call = "tilize_init";
    check_started(call, at);
    check_elements(emu::ring(ring, at), call, at);
    emu::ring(out, at);
    if (tiles == 0) fault(Fault::Init, text("%s: a strip of 0 tiles", call), at);
    Compute& core = compute();
    core.init = {Op::Tilize, call, ring, out, {false, tiles}, {}, {}, at.line()};
    core.tilizes = at.line();
    core.unit.still_modes &= ~0x7u;
}

void end_tilize(uint32_t ring, uint32_t out, const Where& at) {
    check_started("tilize_uninit", at);
    emu::ring(ring, at);
    emu::ring(out, at);
    compute().tilizes.reset();
    compute().init = {};
}

void tilize(uint32_t index, uint32_t tiles, uint32_t out, uint32_t page, uint32_t to,
            const Where& at) {
    const char* call = "tilize_block";
    check_init(Op::Tilize, index, out, call, at);
    Compute& core = compute();
    if (core.init.block.columns != tiles) {
        fault(Fault::Init, text("%s: strips of %u tiles; %s in line %u was for %u", call, tiles,
                                core.init.call, core.init.line, core.init.block.columns), at);
    }
    if (page % tiles != 0) {
        fault(Fault::Operands, text("%s: page %u is within a strip of %u", call, page, tiles), at);
    }
    const RingInfo& ring = emu::ring(index, at);
    check_copied(ring, call, at);
    uint32_t bytes = check_elements(ring, call, at), row_bytes = tiles * 32 * bytes;
    const std::byte* strip = page_waited(index, page, call, at).bytes;
    for (uint32_t i = 1; i < tiles; ++i) page_waited(index, page + i, call, at);
    for (uint32_t tile = 0; tile < tiles; ++tile) {
        std::byte faces[kElements * 4];
        for (uint32_t row = 0; row < 32; ++row) {
            for (uint32_t half : {0, 16}) {
                std::memcpy(faces + place(row, half) * bytes,
                            strip + row * row_bytes + (tile * 32 + half) * bytes, 16 * bytes);
            }
        }
        acquire_dst(at);
        copy_to_dst(ring, faces, core.dst.math_tile(0, call, at));
        commit_dst(at);
        wait_dst(at);
        pack_to(0, out, to + tile, call, at);
        release_dst(at);
    }
}

// ---- to rows ----

void init_untilize(uint32_t tiles, uint32_t width, uint32_t out, const char* call,
                   const Where& at) {
    check_started(call, at);
    check_elements(ring(out, at), call, at);
    if (tiles == 0 || width % tiles != 0) {
        fault(Fault::Init, text("%s: full_ct_dim is %u, and must be a multiple of block_ct_dim, %u",
                                call, width, tiles), at);
    }
    compute().strips = {tiles, width, out, at.line()};
}

void end_untilize(uint32_t out, const Where& at) {
    check_started("pack_untilize_uninit", at);
    configure_packer(out, "pack_untilize_uninit", at);
    compute().strips.reset();
}

namespace {

// Packs a tile of DST to column `column` (of tiles) of the strip that begins with page `page`.
void pack_strip(uint32_t dst, uint32_t index, uint32_t page, uint32_t column, uint32_t width,
                const char* call, const Where& at) {
    Compute& core = compute();
    const RingInfo& ring = emu::ring(index, at);
    const DstTile& tile = core.dst.packer_tile(dst, kAllWritten, call, at);
    std::byte faces[kElements * 4];
    pack(ring.format, core.wide(), tile.narrow, tile.words, faces);
    uint32_t bytes = element_bytes(ring.format);
    for (uint32_t row = 0; row < 32; ++row) {
        uint32_t offset = page * ring.page_bytes + (row * width + column) * 32 * bytes;
        std::byte* to = part_reserved(index, offset, 32 * bytes, call, at);
        for (uint32_t half : {0, 16}) {
            std::memcpy(to + half * bytes, faces + place(row, half) * bytes, 16 * bytes);
        }
    }
}

}  // namespace

void untilize(uint32_t tiles, uint32_t width, uint32_t out, uint32_t rows, uint32_t block,
              uint32_t dst, const char* call, const Where& at) {
    check_started(call, at);
    Compute& core = compute();
    if (!core.strips) fault(Fault::Init, text("%s: its init is missing", call), at);
    const Strips& was = *core.strips;
    if (was.tiles != tiles || was.width != width || was.out != out) {
        fault(Fault::Init,
              text("%s: %u of %u tiles to ring %s; the init in line %u was for %u of %u, to ring %s",
                   call, tiles, width, ring(out, at).name.c_str(), was.line, was.tiles, was.width,
                   ring(was.out, at).name.c_str()), at);
    }
    if (block >= width / tiles) {
        fault(Fault::Operands, text("%s: block_c_index is %u, and a strip has %u blocks", call, block,
                                    width / tiles), at);
    }
    check_packer(ring(out, at), call, at);
    if (core.accumulates) {
        fault(Fault::Configuration, text("%s: pack_reconfig_l1_acc is on", call), at);
    }
    for (uint32_t row = 0; row < rows; ++row) {
        for (uint32_t i = 0; i < tiles; ++i) {
            pack_strip(dst + row * tiles + i, out, row * width, block * tiles + i, width, call, at);
        }
    }
}

}  // namespace emu
