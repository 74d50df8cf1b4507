// The products of the matrix unit, bit for bit.
#pragma once

#include <cstdint>

#include "emu/program.h"

namespace emu {

// A tile in a source register, ready for products: row-major 32x32.
//
// The unit multiplies 5 bits of a significand from SrcA (the right operand) by 7 from
// SrcB (the left operand) in one pass; further passes take the lower bits.
struct Factor {
    alignas(64) int16_t exponent[1024];
    alignas(64) int16_t part[2][1024];  // with sign; upper and lower bits
};

// Splits what `unpack_source` made. `transpose` swaps rows and columns.
void split_right(const uint32_t* words, bool transpose, Factor* factor);
void split_left(const uint32_t* words, Factor* factor);

// How sums are kept.
struct Sums {
    Arch arch;
    bool wide;            // 32-bit DST
    bool short_exponent;  // operands are f16 or FP8
};

// Adds left * right to a 32x32 tile of DST (face by face; f32 bits if wide, else bf16 or
// f16) in so many passes: one per fidelity phase.
//
// Eight products of a row and a column are aligned to the largest of them, rounded
// (ties away from 0) to its last of 12 bits and summed exactly; two such sums and the word of
// DST are aligned and rounded alike.
//
// A sum of -1 unit in the last place comes out of Wormhole's unit as -2^27 units. The result
// is how many did.
uint32_t add_product(const Sums& sums, uint32_t passes, const Factor& left, const Factor& right,
                     uint32_t* dst);

// A pass over 16 products for each of 16 columns: row `row` of the left factor, from the
// element `depth`, by rows `depth ..` of columns `column ..` of the right one, is added to 16
// words of DST. The result counts as that of `add_product`.
uint32_t add_strip(const Sums& sums, uint32_t pass, const Factor& left, uint32_t row,
                   const Factor& right, uint32_t depth, uint32_t column, uint32_t* words);

// out = a + b, or a * b added to out, element by element, as the same unit does it.
enum class Elementwise : uint8_t { Add, Subtract, Multiply };
uint32_t elementwise(const Sums& sums, Elementwise op, uint32_t passes, const uint32_t* a,
                     const uint32_t* b, uint32_t* dst);

}  // namespace emu
