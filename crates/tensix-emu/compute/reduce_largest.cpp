// The largest values of a tile, as GMPOOL of the instruction set's documentation finds them.
//
// Words are compared by sign, exponent and fraction, so that NaN counts as a number beyond
// infinity; a subnormal is +0. What DST has not been given counts as less than anything. The
// factors must be 1: the unit takes powers of two of them, which the vendor's simulator refuses.
#include <cstring>

#include "reduce.h"

namespace emu {
namespace {

int32_t order(uint32_t word) {
    int32_t magnitude = int32_t(word & 0x7fffffff);
    return word >> 31 ? -magnitude : magnitude;
}

uint32_t without_subnormal(uint32_t word) { return (word & 0x7f800000) == 0 ? 0 : word; }

// For each of 16 columns, the largest of a face and of what is in 16 words of DST. Element
// `at(row, column)` of a source is meant.
template <class At>
void pool_face(const Pooled& p, At at, bool first, uint32_t* words) {
    for (uint32_t column = 0; column < 16; ++column) {
        uint32_t largest = without_subnormal(at(0, column));
        auto take = [&](uint32_t word) {
            if (order(word) > order(largest)) largest = word;
        };
        for (uint32_t row = 1; row < 16; ++row) take(without_subnormal(at(row, column)));
        if (!first) take(p.sums.wide ? words[column] : words[column] << 16);
        words[column] = p.sums.wide ? largest : largest >> 16;
    }
}

// The largest of each column of a face.
void pool_columns(const Pooled& p, uint32_t face, bool first, uint32_t* words) {
    auto at = [&](uint32_t row, uint32_t column) { return p.data[face * kFace + row * 16 + column]; };
    pool_face(p, at, first, words);
}

// The largest of each row; they are found as columns of the transposed face. They stay in the
// first row, for the next tile, and become the first column by way of a source and the adder.
void pool_rows(Pooled& p, uint32_t upper) {
    uint32_t* words = p.dst.words + upper * kFace;
    for (uint32_t face : {upper, upper + 1}) {
        auto at = [&](uint32_t row, uint32_t column) {
            return p.data[face * kFace + column * 16 + row];
        };
        pool_face(p, at, p.first && face == upper, words);
    }
    uint32_t zeros[kElements] = {}, moved[kElements] = {}, added[kElements] = {};
    for (uint32_t i = 0; i < 16; ++i) {
        moved[i] = back_to_source(p, words[i]);
        moved[i * 16] = moved[i];
    }
    elementwise(p.sums, Elementwise::Add, 1, zeros, moved, added);
    std::memcpy(words, added, kFace * sizeof *words);
}

}  // namespace

void pool_largest(Along along, Pooled& p) {
    if (along == Along::Row) {
        pool_rows(p, 0);
        return pool_rows(p, 2);
    }
    if (along == Along::Column) {
        for (uint32_t face = 0; face < 4; ++face) {
            pool_columns(p, face, p.first && face < 2, p.dst.words + face % 2 * kFace);
        }
        return;
    }
    uint32_t columns[16];
    for (uint32_t face = 0; face < 4; ++face) pool_columns(p, face, face == 0, columns);
    // The 16 become the first column of a source, and those beside it don't count.
    auto at = [&](uint32_t row, uint32_t) { return back_to_source(p, columns[row]); };
    uint32_t largest[16];
    std::memcpy(largest, p.dst.words, sizeof largest);
    pool_face(p, at, p.first, largest);
    p.dst.words[0] = largest[0];
}

}  // namespace emu
