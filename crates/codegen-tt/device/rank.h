// The first elements of a row, in order, by a data-movement kernel.
//
// An element is a pair: a code, which orders as keys do, and its index in the row, which tells
// equal keys apart. No two are equal, so the order in which they are offered doesn't matter. Keys
// are read as integers: NaN, -0 and subnormal numbers arrive as they lie in memory.
//
// A list is `places` pairs of 8 bytes. While elements are offered it is a heap: its last element
// stands first, so that most elements are turned away by one comparison. Ordering it undoes that.
#pragma once

#include <cstdint>

#include "api/dataflow/dataflow_api.h"
#include "l1.h"

namespace tilec {

// Bytes from a list to the next one.
inline uint32_t list_bytes(uint32_t places) {
    return (places * 8 + 63) / 64 * 64;
}

struct Pair {
    uint32_t code, index;
};

inline bool is_before(Pair a, Pair b) {
    return a.code < b.code || (a.code == b.code && a.index < b.index);
}

inline Pair pair_at(uint32_t list, uint32_t place) {
    return {TILEC_L1_LOAD(list + 8 * place), TILEC_L1_LOAD(list + 8 * place + 4)};
}

inline void put_pair(uint32_t list, uint32_t place, Pair pair) {
    TILEC_L1_STORE(list + 8 * place, pair.code);
    TILEC_L1_STORE(list + 8 * place + 4, pair.index);
}

// The code of a float of `bits` bits. Sign and magnitude are an integer, of which -0 is 0. A
// magnitude past `greatest` is a NaN; no number has the code that it gets.
template <uint32_t bits, uint32_t greatest, bool largest_first>
inline uint32_t float_code(uint32_t key) {
    constexpr uint32_t sign = 1u << (bits - 1);
    const uint32_t magnitude = key & (sign - 1);
    if (magnitude > greatest) {
        return 0xffffffffu;
    }
    const uint32_t value = (key & sign) != 0 ? 0u - magnitude : magnitude;
    return largest_first ? 0x7fffffffu - value : 0x80000000u + value;
}

// The code of an integer of `bits` bits.
template <uint32_t bits, bool has_sign, bool largest_first>
inline uint32_t integer_code(uint32_t key) {
    constexpr uint32_t sign = has_sign ? 1u << (bits - 1) : 0;
    const uint32_t value = (key ^ sign) - sign;
    return largest_first ? 0x7fffffffu - value : 0x80000000u + value;
}

// Fills a list with pairs that stand after every element.
inline void clear_list(uint32_t list, uint32_t places) {
    for (uint32_t place = 0; place < places; ++place) {
        put_pair(list, place, {0xffffffffu, 0xffffffffu});
    }
}

// Puts a pair into a heap in the place of its last one.
inline void replace_last(uint32_t list, uint32_t places, Pair pair) {
    uint32_t place = 0;
    for (uint32_t child = 1; child < places; child = 2 * place + 1) {
        Pair later = pair_at(list, child);
        if (child + 1 < places) {
            const Pair other = pair_at(list, child + 1);
            if (is_before(later, other)) {
                later = other;
                ++child;
            }
        }
        if (!is_before(pair, later)) {
            break;
        }
        put_pair(list, place, later);
        place = child;
    }
    put_pair(list, place, pair);
}

// Offers 16 elements of `bits` bits, or fewer, that lie side by side.
template <uint32_t bits, uint32_t (*code)(uint32_t)>
inline void offer_elements(uint32_t list, uint32_t places, uint32_t address, uint32_t count,
                           uint32_t first_index) {
    constexpr uint32_t in_word = 32 / bits;
    Pair last = pair_at(list, 0);
    uint32_t word = 0;
    for (uint32_t at = 0; at < count; ++at) {
        word = at % in_word == 0 ? TILEC_L1_LOAD(address + at * bits / 8) : word >> bits % 32;
        const uint32_t key = bits == 32 ? word : word & ((1u << bits % 32) - 1);
        const Pair pair = {code(key), first_index + at};
        if (is_before(pair, last)) {
            replace_last(list, places, pair);
            last = pair_at(list, 0);
        }
    }
}

// Offers the first columns of a row of a tile.
template <uint32_t bits, uint32_t (*code)(uint32_t)>
inline void offer_row(uint32_t list, uint32_t places, uint32_t tile, uint32_t row,
                      uint32_t columns, uint32_t first_index) {
    TILEC_L1_REFRESH();
    const uint32_t left = tile + (row / 16 * 512 + row % 16 * 16) * (bits / 8);
    const uint32_t in_left = columns < 16 ? columns : 16;
    offer_elements<bits, code>(list, places, left, in_left, first_index);
    offer_elements<bits, code>(list, places, left + 256 * (bits / 8), columns - in_left,
                               first_index + 16);
}

// Offers a list in order to a heap.
inline void merge_list(uint32_t from, uint32_t into, uint32_t places) {
    TILEC_L1_REFRESH();
    for (uint32_t place = 0; place < places; ++place) {
        const Pair pair = pair_at(from, place);
        if (!is_before(pair, pair_at(into, 0))) {
            return;
        }
        replace_last(into, places, pair);
    }
}

// Puts a heap in order: its last pair goes to the end, again and again.
inline void sort_list(uint32_t list, uint32_t places) {
    for (uint32_t left = places - 1; left > 0; --left) {
        const Pair last = pair_at(list, 0);
        const Pair moved = pair_at(list, left);
        put_pair(list, left, last);
        replace_last(list, left, moved);
    }
}

// Stores the indices of some places as a row of a tile; its other columns become 0.
inline void put_indices(uint32_t list, uint32_t first_place, uint32_t count, uint32_t tile,
                        uint32_t row) {
    for (uint32_t column = 0; column < 32; ++column) {
        const uint32_t index = column < count ? pair_at(list, first_place + column).index : 0;
        TILEC_L1_STORE(element(tile, row, column), index);
    }
}

// The byte of an element in its tile.
template <uint32_t bytes>
inline uint32_t byte_in_tile(uint32_t row, uint32_t column) {
    return element(0, row, column) / 4 * bytes;
}

// Starts to read, for some places, the 64 bytes around the element of that index in a row of tiles.
template <uint32_t bytes, class Pages>
inline void fetch_elements(uint32_t list, uint32_t first_place, uint32_t count,
                           const Pages& pages, uint32_t first_page, uint32_t row,
                           uint32_t address) {
    for (uint32_t at = 0; at < count; ++at) {
        const uint32_t index = pair_at(list, first_place + at).index;
        const uint32_t byte = byte_in_tile<bytes>(row, index % 32) / 64 * 64;
        noc_async_read(pages.get_noc_addr(first_page + index / 32, byte), address + 64 * at, 64);
    }
}

// Stores what was fetched as a row of a tile; its other columns become 0.
template <uint32_t bytes>
inline void put_elements(uint32_t list, uint32_t first_place, uint32_t count, uint32_t fetched,
                         uint32_t tile, uint32_t row) {
    TILEC_L1_REFRESH();
    uint32_t word = 0;
    for (uint32_t column = 0; column < 32; ++column) {
        uint32_t value = 0;
        if (column < count) {
            const uint32_t index = pair_at(list, first_place + column).index;
            const uint32_t byte = byte_in_tile<bytes>(row, index % 32) % 64;
            value = TILEC_L1_LOAD(fetched + 64 * column + byte / 4 * 4) >> byte % 4 * 8;
        }
        constexpr uint32_t in_word = 4 / bytes;
        const uint32_t lane = column % in_word;
        const uint32_t mask = bytes == 4 ? 0xffffffffu : (1u << bytes * 8 % 32) - 1;
        word = (lane == 0 ? 0 : word) | (value & mask) << lane * bytes * 8;
        if (lane == in_word - 1) {
            TILEC_L1_STORE(tile + byte_in_tile<bytes>(row, column - lane), word);
        }
    }
}

// Starts to read rows of a page, all of one face, into the same place of a tile.
template <uint32_t bytes, class Pages>
inline void read_rows(const Pages& pages, uint32_t page, uint32_t first_row, uint32_t rows,
                      uint32_t tile) {
    for (uint32_t column = 0; column < 32; column += 16) {
        const uint32_t byte = byte_in_tile<bytes>(first_row, column);
        noc_async_read(pages.get_noc_addr(page, byte), tile + byte, rows * 16 * bytes);
    }
}

// Starts to write rows of a tile into the same place of a page.
template <uint32_t bytes, class Pages>
inline void write_rows(const Pages& pages, uint32_t page, uint32_t first_row, uint32_t rows,
                       uint32_t tile) {
    for (uint32_t row = first_row; row < first_row + rows; ++row) {
        for (uint32_t column = 0; column < 32; column += 16) {
            const uint32_t byte = byte_in_tile<bytes>(row, column);
            noc_async_write(tile + byte, pages.get_noc_addr(page, byte), 16 * bytes);
        }
    }
}

} // namespace tilec
