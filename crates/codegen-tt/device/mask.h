// Positions in a tile: counts of rows and columns, and tiles of which only a part stays.
#pragma once

namespace tilec {

// R1 = the even column of each lane in the left face; its row within a group of 4 rows.
inline void columns_of_lanes() {
    TTI_SFPLOADI(R1, 2, 14);
    TTI_SFPAND(0, LANE, R1, 0);
}
inline void rows_of_lanes() {
    TTI_SFPMOV(0, LANE, R1, 0);
    TTI_SFPSHFT((-4) & 0xfff, 0, R1, 1);
}

// R1 += a run-time integer from -2^15 to 2^24.
inline void add_number(int32_t number) {
    TT_SFPLOADI(R2, 10, number & 0xffff);
    TT_SFPLOADI(R2, 8, (number >> 16) & 0xffff);
    TTI_SFPIADD(0, R2, R1, SUM | ALL);
}

// R0 to the column group at row address `row`, whose first column is `column`, where R1 + column
// is not negative.
template <uint32_t tile, uint32_t column, uint32_t row>
inline void fill_columns() {
    TTI_SFPIADD(column, R1, R2, IMMEDIATE | IF_NOT_NEGATIVE);
    store_rows<R0, tile, row>();
    everywhere();
}

// Columns from `count` on become `fill` (the bits of an f32).
template <uint32_t tile, uint32_t fill>
inline void keep_columns(uint32_t count) {
    if (count >= 32) {
        return;
    }
    vector_unit([count] {
        constant<R0, fill>();
        columns_of_lanes();
        add_number(-static_cast<int32_t>(count));
        fill_columns<tile, 0, 0>();
        fill_columns<tile, 1, 2>();
        fill_columns<tile, 16, 16>();
        fill_columns<tile, 17, 18>();
    });
}

// Rows from `count` on become `fill` (the bits of an f32).
template <uint32_t tile, uint32_t fill>
inline void keep_rows(uint32_t count) {
    if (count >= 32) {
        return;
    }
    vector_unit([count] {
        constant<R0, fill>();
        rows_of_lanes();
        add_number(-static_cast<int32_t>(count));
        each_row_group([] {
            TTI_SFPIADD(0, R1, R2, IMMEDIATE | IF_NOT_NEGATIVE);
            store_columns<R0, tile>();
            everywhere();
            TTI_SFPIADD(4, R1, R1, IMMEDIATE | ALL);
        });
    });
}

// The number of the column to all rows of the group; see fill_columns().
template <uint32_t tile, uint32_t column, uint32_t row>
inline void number_columns() {
    TTI_SFPIADD(column, R1, R0, IMMEDIATE | ALL);
    TTI_SFPCAST(R0, R0, 0);
    store_rows<R0, tile, row>();
}

// Element r, c becomes base + c, which is exact below 2^24.
template <uint32_t tile>
inline void column_index(uint32_t base) {
    vector_unit([base] {
        columns_of_lanes();
        add_number(base);
        number_columns<tile, 0, 0>();
        number_columns<tile, 1, 2>();
        number_columns<tile, 16, 16>();
        number_columns<tile, 17, 18>();
    });
}

// Element r, c becomes base + r, which is exact below 2^24.
template <uint32_t tile>
inline void row_index(uint32_t base) {
    vector_unit([base] {
        rows_of_lanes();
        add_number(base);
        each_row_group([] {
            TTI_SFPCAST(R1, R0, 0);
            store_columns<R0, tile>();
            TTI_SFPIADD(4, R1, R1, IMMEDIATE | ALL);
        });
    });
}

} // namespace tilec
