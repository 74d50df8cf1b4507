// Copies of tiles to DST.
#include <cstring>

#include "state.h"

namespace emu {
namespace {

// What of a source register is kept on the way to 32-bit DST: an addition of 0 makes NaN
// infinity, and -0 and subnormals 0.
uint32_t plus_zero(uint32_t word, bool short_exponent) {
    uint32_t exponent = word >> 23 & 255, sign = word & 0x80000000;
    if (exponent == 0) return 0;
    if (short_exponent) return sign | (exponent + 112) << 23 | (word & 0x7fe000);
    return exponent == 255 ? sign | 0x7f800000 : word;
}

// 16-bit DST gets the bits as they are, but for subnormal FP8.
uint32_t narrow_word(uint32_t word, Format format) {
    if (!has_short_exponent(format)) return word >> 16;
    uint32_t half = (word >> 16 & 0x8000) | (word >> 13 & 0x7fff);
    bool flushed = format != Format::Float16 && (half & 0x7c00) == 0;
    return flushed ? 0 : half;
}

// How 16-bit DST names the fields of a 16-bit integer.
uint32_t narrow_integer(uint32_t word) {
    return (word & 0x8000) | (word & 0xff) << 7 | (word >> 8 & 0x7f);
}

uint32_t dst_word(const RingInfo& ring, bool wide, uint32_t word) {
    if (needs(ring).to_dst || ring.format == Format::UInt8) return word;
    if (ring.format == Format::UInt16) return wide ? word : narrow_integer(word);
    return wide ? plus_zero(word, has_short_exponent(ring.format)) : narrow_word(word, ring.format);
}

// A copy through SrcA adds SrcB, which is 0 but must be of the same kind.
void check_other_source(const RingInfo& ring, const char* call, const Where& at) {
    if (needs(ring).to_dst || ring.format == Format::UInt16) return;
    Format other = compute().source[1].format;
    bool fits = is_byte(ring.format) == is_byte(other) &&
                has_short_exponent(ring.format) == has_short_exponent(other);
    if (fits) return;
    fault(Fault::Configuration,
          text("%s: ring %s (%s) goes through SrcA to DST by way of the adder, whose SrcB is "
               "configured for %s; reconfig_data_format(ring, ring) sets both", call,
               ring.name.c_str(), format_name(ring.format), format_name(other)), at);
}

}  // namespace

void init_copy(uint32_t ring, bool transpose, const char* call, const Where& at) {
    check_started(call, at);
    emu::ring(ring, at);
    Compute& core = compute();
    core.init = {transpose ? Op::Transpose : Op::Copy, call, ring, ring, {}, {}, {}, at.line()};
    core.unit.still_modes = (core.unit.still_modes & ~0x7u) | 0x8u;
}

void check_copied(const RingInfo& ring, const char* call, const Where& at) {
    check_source(Source::A, ring, call, at);
    check_other_source(ring, call, at);
}

void copy_to_dst(const RingInfo& ring, const std::byte* bytes, DstTile& to) {
    Compute& core = compute();
    // A 16-bit integer is copied to the lower half of a word, and leaves the upper one.
    bool keeps = ring.format == Format::UInt16 && core.wide();
    uint32_t before[kElements];
    std::memcpy(before, to.words, sizeof before);
    if (needs(ring).to_dst) {
        std::memcpy(to.words, bytes, sizeof to.words);
    } else {
        unpack_source(ring.format, core.program.arch, core.wide(), bytes, to.words);
        for (uint32_t& word : to.words) word = dst_word(ring, core.wide(), word);
    }
    if (keeps) {
        for (uint32_t i = 0; i < kElements; ++i) to.words[i] |= before[i] & 0xffff0000;
    }
    to.written = kAllWritten;
    to.reduced = false;
    to.narrow = has_short_exponent(ring.format) ? Narrow::Half : Narrow::Bfloat16;
}

void copy(uint32_t index, uint32_t tile, uint32_t dst, bool transpose, const char* call,
          const Where& at) {
    check_init(transpose ? Op::Transpose : Op::Copy, index, index, call, at);
    const RingInfo& ring = emu::ring(index, at);
    check_copied(ring, call, at);
    DstTile& to = compute().dst.math_tile(dst, call, at);
    copy_to_dst(ring, page_waited(index, tile, call, at).bytes, to);
    if (!transpose) return;
    uint32_t from[kElements];
    std::memcpy(from, to.words, sizeof from);
    for (uint32_t row = 0; row < 32; ++row) {
        for (uint32_t column = 0; column < 32; ++column) {
            to.words[place(row, column)] = from[place(column, row)];
        }
    }
}

uint32_t read_word(uint32_t index, uint32_t tile, uint32_t word, const Where& at) {
    const uint32_t words = emu::ring(index, at).page_bytes / 4;
    const Page page = page_waited(index, tile + word / words, "read_tile_value", at);
    uint32_t value;
    std::memcpy(&value, page.bytes + word % words * 4, sizeof value);
    return value;
}

}  // namespace emu
