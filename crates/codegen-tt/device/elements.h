// Elements that a data-movement kernel reads, computes and stores one by one.
#pragma once

#include <cstdint>

#include "api/dataflow/dataflow_api.h"
#include "l1.h"
#include "rank.h"

namespace tilec {

// A tensor of which some pages are in L1: each in the place that its number has by the number of
// places. Behind them stand the numbers of the pages that are there, plus 1.
template <class Pages>
struct Table {
    const Pages& pages;
    uint32_t address, places, page_bytes, row_tiles, column_tiles;
};

// A table of which nothing is in L1 yet.
template <class Pages>
inline Table<Pages> open_table(const Pages& pages, uint32_t address, uint32_t places,
                               uint32_t page_bytes, uint32_t row_tiles, uint32_t column_tiles) {
    for (uint32_t place = 0; place < places; ++place) {
        TILEC_L1_STORE(address + places * page_bytes + 4 * place, 0u);
    }
    return {pages, address, places, page_bytes, row_tiles, column_tiles};
}

// The bits of an element, of which all above its own are anything.
template <uint32_t bytes, class Pages>
inline uint32_t table_bits(const Table<Pages>& table, uint32_t matrix, uint32_t row,
                           uint32_t column) {
    const uint32_t tile_row = matrix * table.row_tiles + row / 32;
    const uint32_t page = tile_row * table.column_tiles + column / 32;
    const uint32_t place = page % table.places;
    const uint32_t tile = table.address + place * table.page_bytes;
    const uint32_t number = table.address + table.places * table.page_bytes + 4 * place;
    if (TILEC_L1_LOAD(number) != page + 1) {
        noc_async_read_page(page, table.pages, tile);
        noc_async_read_barrier();
        TILEC_L1_REFRESH();
        TILEC_L1_STORE(number, page + 1);
    }
    const uint32_t byte = byte_in_tile<bytes>(row % 32, column % 32);
    return TILEC_L1_LOAD(tile + byte / 4 * 4) >> byte % 4 * 8;
}

// An element of 8, 16 or 32 bits without those above it.
template <uint32_t bytes, class Pages>
inline uint32_t table_element(const Table<Pages>& table, uint32_t matrix, uint32_t row,
                              uint32_t column) {
    constexpr uint32_t mask = bytes == 4 ? 0xffffffffu : (1u << bytes * 8 % 32) - 1;
    return table_bits<bytes>(table, matrix, row, column) & mask;
}

// Stores an element in a tile.
template <uint32_t bytes>
inline void put_element(uint32_t tile, uint32_t row, uint32_t column, uint32_t bits) {
    constexpr uint32_t mask = bytes == 4 ? 0xffffffffu : (1u << bytes * 8 % 32) - 1;
    const uint32_t byte = byte_in_tile<bytes>(row % 32, column % 32);
    const uint32_t word = tile + byte / 4 * 4, lane = byte % 4 * 8;
    const uint32_t others = bytes == 4 ? 0 : TILEC_L1_LOAD(word) & ~(mask << lane);
    TILEC_L1_STORE(word, others | (bits & mask) << lane);
}

// Adds to an integer of 32 bits in a tile.
inline void add_to_element(uint32_t tile, uint32_t row, uint32_t column, int32_t value) {
    const uint32_t word = element(tile, row % 32, column % 32);
    TILEC_L1_STORE(word, TILEC_L1_LOAD(word) + static_cast<uint32_t>(value));
}

// Integers of 32 bits that wrap.
inline int32_t wrapped(uint32_t bits) {
    return static_cast<int32_t>(bits);
}

inline int32_t whole_sum(int32_t a, int32_t b) {
    return wrapped(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

inline int32_t whole_difference(int32_t a, int32_t b) {
    return wrapped(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}

inline int32_t whole_product(int32_t a, int32_t b) {
    return wrapped(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
}

// a / b rounded down; b is not 0.
inline int32_t whole_quotient(int32_t a, int32_t b) {
    if (b == -1) {
        return whole_difference(0, a);
    }
    const int32_t quotient = a / b;
    return a % b != 0 && (a % b < 0) != (b < 0) ? quotient - 1 : quotient;
}

// What remains of a by b, with the sign of b, which is not 0.
inline int32_t whole_rest(int32_t a, int32_t b) {
    return whole_difference(a, whole_product(whole_quotient(a, b), b));
}

inline int32_t whole_least(int32_t a, int32_t b) {
    return a < b ? a : b;
}

inline int32_t whole_most(int32_t a, int32_t b) {
    return a < b ? b : a;
}

inline int32_t whole_magnitude(int32_t a) {
    return a < 0 ? whole_difference(0, a) : a;
}

// A float of 32 bits as an integer that orders as it does; both zeros are 0.
inline int32_t real_order(uint32_t bits) {
    const int32_t size = wrapped(bits & 0x7fffffffu);
    return bits >> 31 != 0 ? -size : size;
}

// Whether neither is a NaN.
inline bool real_pair(uint32_t a, uint32_t b) {
    return (a & 0x7fffffffu) <= 0x7f800000u && (b & 0x7fffffffu) <= 0x7f800000u;
}

inline bool real_less(uint32_t a, uint32_t b) {
    return real_pair(a, b) && real_order(a) < real_order(b);
}

inline bool real_at_most(uint32_t a, uint32_t b) {
    return real_pair(a, b) && real_order(a) <= real_order(b);
}

inline bool real_equal(uint32_t a, uint32_t b) {
    return real_pair(a, b) && real_order(a) == real_order(b);
}

// The nearest integer of least .. most.
inline int32_t whole_clamped(int32_t a, int32_t least, int32_t most) {
    return whole_most(whole_least(a, most), least);
}

} // namespace tilec
