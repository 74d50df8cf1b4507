// Ways across a tile: its vectors by rows or by columns, and rotations of their lanes.
#pragma once

namespace tilec {

// Runs the body for each group of 4 rows, from the top. Relative to row 0 of load() and store(),
// their 32 columns are the vectors at rows 0 and 2 (even and odd columns of the left face), 16
// and 18 (of the right face).
template <typename Body>
inline void each_row_group(Body body) {
    for (uint32_t face = 0; face < 2; ++face) {
#pragma GCC unroll 1
        for (uint32_t group = 0; group < 4; ++group) {
            body();
            TTI_INCRWC(0, 4, 0, 0);
        }
        TTI_INCRWC(0, 8, 0, 0);
        TTI_INCRWC(0, 8, 0, 0);
    }
    TTI_SETRWC(ckernel::p_setrwc::CLR_NONE, 0, 0, 0, 0, ckernel::p_setrwc::SET_D);
}

// Runs the body for each group of 8 columns: even and odd ones of the left, then of the right
// faces. Their 32 rows are the vectors at rows 0, 4, 8, 12 and 32, 36, 40, 44.
template <typename Body>
inline void each_column_group(Body body) {
#pragma GCC unroll 1
    for (uint32_t face = 0; face < 2; ++face) {
        body();
        TTI_INCRWC(0, 2, 0, 0);
        body();
        TTI_INCRWC(0, 14, 0, 0);
    }
    TTI_SETRWC(ckernel::p_setrwc::CLR_NONE, 0, 0, 0, 0, ckernel::p_setrwc::SET_D);
}

// Stores a register to all columns of the row group.
template <uint32_t reg, uint32_t tile>
inline void store_columns() {
    store<reg, tile, BITS, 0>();
    store<reg, tile, BITS, 2>();
    store<reg, tile, BITS, 16>();
    store<reg, tile, BITS, 18>();
}

// Stores a register to all rows of the column group that starts at row address `first`.
template <uint32_t reg, uint32_t tile, uint32_t first = 0>
inline void store_rows() {
    store<reg, tile, BITS, first>();
    store<reg, tile, BITS, first + 4>();
    store<reg, tile, BITS, first + 8>();
    store<reg, tile, BITS, first + 12>();
    store<reg, tile, BITS, first + 32>();
    store<reg, tile, BITS, first + 36>();
    store<reg, tile, BITS, first + 40>();
    store<reg, tile, BITS, first + 44>();
}

// R1 = R0 with each row of 8 lanes rotated by so many places.
template <uint32_t places>
inline void rotate() {
    TTI_SFPSHFT2(0, R0, R1, 3);
    TTI_SFPNOP;
    for (uint32_t place = 1; place < places; ++place) {
        TTI_SFPSHFT2(0, R1, R1, 3);
        TTI_SFPNOP;
    }
}

// Combines the 8 lanes of each row of R0. Rotating by 4 first, then 2, then 1, pairs the same
// lanes in each, so all lanes end with the same bits: ((x0 + x4) + (x2 + x6)) + ((x1 + x5) + ..).
template <class Op>
inline void across_lanes() {
    rotate<4>();
    Op::apply();
    rotate<2>();
    Op::apply();
    rotate<1>();
    Op::apply();
}

// R0, R1, R2, R3 = rows 0, 1, 2, 3 of R0, each repeated over the 4 rows; R4 to R7 are lost.
inline void split_rows() {
    TTI_SFPMOV(0, R0, R1, 0);
    TTI_SFPMOV(0, R0, R2, 0);
    TTI_SFPMOV(0, R0, R3, 0);
    TTI_SFPTRANSP(0, 0, 0, 0);
}

} // namespace tilec
