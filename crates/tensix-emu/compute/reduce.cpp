// reduce_tile: its checks, and sums.
//
// Sums are products of the matrix unit, of a row of factors and a face of the tile, so they
// are rounded like products. Of all elements, first the sums of the 16 columns of all faces
// are made in DST; they go back to a source register, which cuts them to its fraction, and are
// added up by another product. So the factors count twice there.
#include "reduce.h"

#include <cstring>

namespace emu {

uint32_t quarters_of(Along along) {
    switch (along) {
        case Along::Row: return 0x00ff00ff;     // faces 0 and 2
        case Along::Column: return 0x00000303;  // the first rows of faces 0 and 1
        case Along::All: return 0x00000003;     // the first rows of face 0
    }
    return 0;
}

bool is_result(Along along, uint32_t word) {
    switch (along) {
        case Along::Row: return word % 16 == 0 && word / kFace % 2 == 0;
        case Along::Column: return word / kFace < 2 && word % kFace < 16;
        case Along::All: return word == 0;
    }
    return false;
}

uint32_t back_to_source(const Pooled& pooled, uint32_t word) {
    if (!pooled.sums.wide) return word << 16;
    return word & (pooled.tf32 ? 0xffffe000 : 0xffff0000);
}

namespace {

// The first row of each of the scaler's faces as a row of the left factor, from the depth of
// the face's rows in a tile: row 0 for the faces on the left, 1 for those on the right.
void split_first_rows(const uint32_t* scaler, Factor* factor) {
    uint32_t words[kElements] = {};
    for (uint32_t face = 0; face < 4; ++face) {
        for (uint32_t k = 0; k < 16; ++k) {
            words[place(face % 2, face / 2 * 16 + k)] = scaler[face * kFace + k];
        }
    }
    split_left(words, factor);
}

uint32_t sum_rows(Pooled& p) {
    // The scaler's upper faces, each transposed, one above the other.
    uint32_t words[kElements] = {};
    for (uint32_t k = 0; k < 32; ++k) {
        for (uint32_t column = 0; column < 16; ++column) {
            words[place(k, column)] = p.scaler[place(column, k)];
        }
    }
    Factor left, right;
    split_left(p.data, &left);
    split_right(words, false, &right);
    uint32_t wrong = 0;
    for (uint32_t row = 0; row < 32; ++row) {
        for (uint32_t pass = 0; pass < p.passes; ++pass) {
            for (uint32_t depth : {0, 16}) {
                wrong += add_strip(p.sums, pass, left, row, right, depth, 0, p.dst.words + place(row, 0));
            }
        }
    }
    return wrong;
}

// Adds to 16 words the sums of the columns of a face.
uint32_t sum_face(const Pooled& p, const Factor& left, const Factor& right, uint32_t face,
                  uint32_t* words) {
    uint32_t wrong = 0;
    for (uint32_t pass = 0; pass < p.passes; ++pass) {
        wrong += add_strip(p.sums, pass, left, face % 2, right, face / 2 * 16, face % 2 * 16, words);
    }
    return wrong;
}

uint32_t sum_columns(Pooled& p) {
    Factor left, right;
    split_first_rows(p.scaler, &left);
    split_right(p.data, false, &right);
    uint32_t wrong = 0;
    for (uint32_t face = 0; face < 4; ++face) {
        wrong += sum_face(p, left, right, face, p.dst.words + face % 2 * kFace);
    }
    return wrong;
}

uint32_t sum_all(Pooled& p) {
    Factor left, right;
    split_first_rows(p.scaler, &left);
    split_right(p.data, false, &right);
    uint32_t columns[16] = {}, words[kElements] = {}, wrong = 0;
    for (uint32_t face = 0; face < 4; ++face) wrong += sum_face(p, left, right, face, columns);
    for (uint32_t k = 0; k < 16; ++k) words[place(16 + k, 16)] = back_to_source(p, columns[k]);
    split_right(words, false, &right);
    return wrong + sum_face(p, left, right, 3, p.dst.words);
}

}  // namespace

uint32_t pool_sums(Along along, Pooled& pooled) {
    switch (along) {
        case Along::Row: return sum_rows(pooled);
        case Along::Column: return sum_columns(pooled);
        case Along::All: return sum_all(pooled);
    }
    return 0;
}

// ---- calls ----

namespace {

// Sums of rows are products with the tile on the left, which goes to SrcB.
bool swaps(Pool pool, Along along) { return pool == Pool::Sum && along == Along::Row; }

void check_format(const RingInfo& ring, const char* call, const Where& at) {
    bool known = ring.format == Format::Float16_b || ring.format == Format::Bfp8_b ||
                 (ring.format == Format::Float32 && !ring.unpack_to_dst);
    if (known) return;
    fault(Fault::Operands,
          text("%s: ring %s holds %s%s, and only Float16_b, Bfp8_b and Float32 that goes through "
               "the source registers are reduced here", call, ring.name.c_str(),
               format_name(ring.format), ring.unpack_to_dst ? " unpacked straight to DST" : ""), at);
}

// The unit would scale by the power of two of each factor, and leave out where it is 0.
void check_ones(const Pooled& p, const RingInfo& factors, const char* call, const Where& at) {
    for (uint32_t face = 0; face < 4; ++face) {
        for (uint32_t k = 0; k < 16; ++k) {
            if (p.scaler[face * kFace + k] == 0x3f800000) continue;
            fault(Fault::Operands,
                  text("%s: the first rows of the faces of ring %s must be 1 where largest values are "
                       "sought, and element %u of face %u is not", call, factors.name.c_str(), k, face),
                  at);
        }
    }
}

// Whether words that go from DST to a source register and back keep 10 bits of fraction. They
// go to SrcB, which takes its format from that of SrcA on Wormhole and from that of what was
// last there on Blackhole; the adder of maxima of rows takes that of SrcB on both.
bool returns_tf32(Pool pool, Along along) {
    const Compute& core = compute();
    bool a = core.source[0].format == Format::Float32, b = core.source[1].format == Format::Float32;
    bool adds = pool == Pool::Largest && along == Along::Row;
    bool follows_a = core.program.arch == Arch::Wormhole;
    return core.wide() && (follows_a ? a && (b || !adds) : b);
}

DstTile& target(Along along, uint32_t index, const char* call, const Where& at) {
    DstTile& tile = compute().dst.math_tile(index, call, at);
    uint32_t needed = quarters_of(along);
    if (tile.written != 0 && (tile.written & needed) != needed) {
        fault(Fault::DstUnwritten,
              text("%s: tile %u of DST, which it adds to, was written in part only", call, index), at);
    }
    return tile;
}

}  // namespace

void init_reduce(Pool pool, Along along, uint32_t ring, uint32_t scaler, const char* call,
                 const Where& at) {
    check_started(call, at);
    check_format(emu::ring(ring, at), call, at);
    check_format(emu::ring(scaler, at), call, at);
    Compute& core = compute();
    core.init = {Op::Reduce, call, ring, scaler, {}, {}, {}, at.line(), pool, along};
    core.kept_of = along;
    core.kept_since = at.line();
    core.unit.still_modes &= ~0xfu;
}

void end_reduce(const Where& at) {
    check_started("reduce_uninit", at);
    compute().kept_of.reset();
}

void reduce(Pool pool, Along along, uint32_t index, uint32_t scaler, uint32_t tile,
            uint32_t scaler_tile, uint32_t dst, const char* call, const Where& at) {
    check_init(Op::Reduce, index, scaler, call, at);
    Compute& core = compute();
    if (core.init.pool != pool || core.init.along != along) {
        fault(Fault::Init,
              text("%s: %s in line %u was for another kind of value or another dimension", call,
                   core.init.call, core.init.line), at);
    }
    const RingInfo &data = ring(index, at), &factors = ring(scaler, at);
    check_source(swaps(pool, along) ? Source::B : Source::A, data, call, at);
    check_source(swaps(pool, along) ? Source::A : Source::B, factors, call, at);
    DstTile& to = target(along, dst, call, at);
    Arch arch = core.program.arch;
    Pooled pooled{{arch, core.wide(), false}, core.program.math.passes, returns_tf32(pool, along),
                  {}, {}, to, to.written == 0};
    unpack_source(data.format, arch, core.wide(), page_waited(index, tile, call, at).bytes, pooled.data);
    unpack_source(factors.format, arch, core.wide(), page_waited(scaler, scaler_tile, call, at).bytes,
                  pooled.scaler);
    if (pool == Pool::Largest) {
        check_ones(pooled, factors, call, at);
        pool_largest(along, pooled);
    } else {
        counters().wrong_sums += pool_sums(along, pooled);
    }
    to.written |= quarters_of(along);
    to.reduced = true;
    to.narrow = Narrow::Bfloat16;
}

}  // namespace emu
