// What the unpackers make of a tile in L1, and the packer of a tile in DST.
#pragma once

#include <cstddef>
#include <cstdint>

#include "emu/program.h"

namespace emu {

constexpr uint32_t kElements = 1024;  // of a tile
constexpr uint32_t kFace = 256;       // of one of its four faces

// Where element `row`, `column` of a tile lies: four faces of 16x16, row by row.
constexpr uint32_t place(uint32_t row, uint32_t column) {
    return (row / 16 * 2 + column / 16) * kFace + row % 16 * 16 + column % 16;
}

// Formats whose exponents have 5 bits in the source registers, so that they don't mix with
// those of 8 bits.
bool has_short_exponent(Format format);
// Formats that arrive in DST as integers, through the integer mode of the math unit.
bool is_byte(Format format);
// Formats whose 32-bit words bypass the source registers.
bool is_integer_word(Format format);

// Unpacks a tile into a source register, face by face: sign, 8 bits of exponent and 10 of
// fraction (tf32), as the upper 19 bits of a word. With `wide` off an f32 keeps 7 bits of
// fraction. Exponents of formats with short exponents keep their own bias.
void unpack_source(Format format, Arch arch, bool wide, const std::byte* tile, uint32_t* words);

// What 16-bit DST holds: a narrow word has no room to tell.
enum class Narrow : uint8_t { Bfloat16, Half };

// Whether the packer makes this format of a DST of this width.
bool can_pack(Format format, Arch arch, bool wide);

// Packs a tile of DST, face by face, to where the tile of a ring lies. `narrow` counts with
// 16-bit DST only. Floats round to nearest, ties away from 0; NaN becomes infinity and a
// subnormal +0, except where a 32-bit word is stored as it is. Bytes saturate.
void pack(Format format, bool wide, Narrow narrow, const uint32_t* words, std::byte* tile);

// Whether the packer can add to this format in L1.
bool can_accumulate(Format format);
// Adds a packed tile of f32 to the one in L1, to nearest, ties to even; subnormals are 0.
void accumulate(const std::byte* packed, std::byte* tile);

}  // namespace emu
