// Repeats a row, a column or an element over a tile, bit by bit.
#pragma once

namespace tilec {

// Row 0 to all rows.
template <uint32_t tile>
inline void broadcast_row() {
    vector_unit([] {
        each_column_group([] {
            load<R0, tile, BITS>();
            split_rows();
            store_rows<R0, tile>();
        });
    });
}

// a | b
struct BitOr {
    static void apply() { TTI_SFPOR(0, R1, R0, 0); }
};

// R6 = all ones in the first lane of each row, else 0.
inline void first_lanes() {
    TTI_SFPLOADI(R6, 2, 14); // twice the lane in its row
    TTI_SFPAND(0, LANE, R6, 0);
    TTI_SFPMOV(0, R6, R5, 0);
    TTI_SFPMOV(0, ZERO, R6, 0);
    where_zero<R5>();
    TTI_SFPNOT(0, ZERO, R6, 0);
    everywhere();
}

// The first lane of each row of R0 to the others: they are cleared and get its bits.
inline void spread_first_lane() {
    TTI_SFPAND(0, R6, R0, 0);
    across_lanes<BitOr>();
}

// Column 0 to all columns.
template <uint32_t tile>
inline void broadcast_column() {
    vector_unit([] {
        first_lanes();
        each_row_group([] {
            load<R0, tile, BITS>();
            spread_first_lane();
            store_columns<R0, tile>();
        });
    });
}

// Element 0, 0 to all.
template <uint32_t tile>
inline void broadcast_element() {
    vector_unit([] {
        first_lanes();
        load<R0, tile, BITS>();
        spread_first_lane();
        split_rows();
        each_vector([] { store<R0, tile, BITS>(); });
    });
}

} // namespace tilec
