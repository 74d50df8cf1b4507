// The network that the vendor's top-k sorts 64 values of a column by.
//
// Values move with their indices. Equal values are not kept in order, but they end up where
// the network puts them, so its comparisons are those of the vendor, in its order.
#pragma once

#include <cstdint>

#include "emu/compute.h"

namespace emu {

constexpr uint32_t kColumn = 64;

// 64 values and indices, and how they are compared.
class Column {
public:
    uint32_t values[kColumn], indices[kColumn];  // as the vector unit loads them

    // Sorts runs; see topk_local_sort.
    void sort(bool ascending, const Phases& phases);
    // The larger of each two values (the smaller with `least`) of neighboring runs of `k` that
    // are 2^iteration apart goes to the first.
    void merge(bool least, uint32_t iteration, uint32_t k);
    // Sorts the runs that a merge left; with `first_only` those of the first tile.
    void rebuild(bool ascending, uint32_t iteration, uint32_t k, bool first_only);

private:
    // Instructions of the unit, of which one is for many columns: the larger value goes to
    // `c` with `larger_to_c`, and to `d` without it; `reversed` turns both round.
    void exchange(uint32_t c, uint32_t d, bool larger_to_c = true, bool reversed = false);
    void swap(uint32_t a, uint32_t b);
    void flush();

    // The last two steps of a phase, of four values.
    void sort_four(const uint32_t* four, bool larger_to_first, bool reversed = false);
    void sort_fours(uint32_t first, uint32_t second, uint32_t third, uint32_t fourth);
    void sort_eights(uint32_t first, uint32_t second);
    void sort_pairs(uint32_t first);
    void sort_sixteen(uint32_t first, bool ascending);
    // Steps of phases of more than 16 values.
    void step(uint32_t distance, uint32_t run, bool ascending);
    void sort_sixteens(uint32_t run, bool ascending);

    uint64_t touched_ = 0;
};

}  // namespace emu
