// Sums, products, minima and maxima of the columns of each row (every column gets the result), or
// of the rows of each column (every row gets it).
//
// The order is fixed and does not depend on values. Columns: even + odd of the left face, + even,
// + odd of the right face, then a tree over the 8 lanes. Rows: groups of 4 rows from the top, then
// the 4 rows in order. All elements of a row (column) end with the same bits. Each step is
// rounded as the op of two tiles is; Op::apply() may use R2 besides R0 and R1, and R6 as its constant.
#pragma once

namespace tilec {

template <class Op, uint32_t tile, uint32_t row>
inline void combine_with() {
    load<R1, tile, F32, row>();
    Op::apply();
}

template <class Op, uint32_t tile>
inline void reduce_columns() {
    vector_unit([] {
        Op::prepare();
        each_row_group([] {
            load<R0, tile>();
            combine_with<Op, tile, 2>();
            combine_with<Op, tile, 16>();
            combine_with<Op, tile, 18>();
            across_lanes<Op>();
            store_columns<R0, tile>();
        });
    });
}

// Combines the 4 rows of R0.
template <class Op>
inline void across_rows() {
    split_rows();
    TTI_SFPMOV(0, R2, R4, 0);
    TTI_SFPMOV(0, R3, R5, 0);
    Op::prepare();
    Op::apply();
    TTI_SFPMOV(0, R4, R1, 0);
    Op::apply();
    TTI_SFPMOV(0, R5, R1, 0);
    Op::apply();
}

template <class Op, uint32_t tile>
inline void reduce_rows() {
    vector_unit([] {
        Op::prepare();
        each_column_group([] {
            load<R0, tile>();
            combine_with<Op, tile, 4>();
            combine_with<Op, tile, 8>();
            combine_with<Op, tile, 12>();
            combine_with<Op, tile, 32>();
            combine_with<Op, tile, 36>();
            combine_with<Op, tile, 40>();
            combine_with<Op, tile, 44>();
            across_rows<Op>();
            store_rows<R0, tile>();
        });
    });
}

template <uint32_t tile> inline void reduce_columns_add() { reduce_columns<Add, tile>(); }

template <uint32_t tile> inline void reduce_columns_multiply() { reduce_columns<Multiply, tile>(); }

template <uint32_t tile> inline void reduce_columns_minimum() { reduce_columns<Minimum, tile>(); }

template <uint32_t tile> inline void reduce_columns_maximum() { reduce_columns<Maximum, tile>(); }

template <uint32_t tile> inline void reduce_rows_add() { reduce_rows<Add, tile>(); }

template <uint32_t tile> inline void reduce_rows_multiply() { reduce_rows<Multiply, tile>(); }

template <uint32_t tile> inline void reduce_rows_minimum() { reduce_rows<Minimum, tile>(); }

template <uint32_t tile> inline void reduce_rows_maximum() { reduce_rows<Maximum, tile>(); }

} // namespace tilec
