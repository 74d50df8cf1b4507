#include "bitonic.h"

#include <algorithm>
#include <utility>

#include "instruction.h"

namespace emu {

void Column::swap(uint32_t a, uint32_t b) {
    std::swap(values[a], values[b]);
    std::swap(indices[a], indices[b]);
    touched_ |= uint64_t{1} << a | uint64_t{1} << b;
}

void Column::exchange(uint32_t c, uint32_t d, bool larger_to_c, bool reversed) {
    bool less = order(values[c]) < order(values[d]);
    touched_ |= uint64_t{1} << c | uint64_t{1} << d;
    if ((larger_to_c ? less : !less) != reversed) swap(c, d);
}

// What is stored to DST loses subnormals.
void Column::flush() {
    for (uint32_t i = 0; i < kColumn; ++i) {
        if (touched_ >> i & 1) values[i] = without_subnormal(values[i]);
    }
    touched_ = 0;
}

void Column::sort_four(const uint32_t* four, bool larger_to_first, bool reversed) {
    exchange(four[0], four[2], larger_to_first, reversed);
    exchange(four[1], four[3], larger_to_first, reversed);
    exchange(four[0], four[1], larger_to_first, reversed);
    exchange(four[2], four[3], larger_to_first, reversed);
}

// Runs of two, which alternate.
void Column::sort_pairs(uint32_t first) {
    for (uint32_t four = first; four < first + 16; four += 4) {
        exchange(four, four + 1);
        exchange(four + 3, four + 2);
    }
}

// Runs of four, which alternate.
void Column::sort_fours(uint32_t first, uint32_t second, uint32_t third, uint32_t fourth) {
    bool larger_to_first = true;
    for (uint32_t run : {first, second, third, fourth}) {
        uint32_t four[] = {run, run + 1, run + 2, run + 3};
        sort_four(four, larger_to_first);
        larger_to_first = !larger_to_first;
    }
}

// Two runs of eight, of which the second ascends.
void Column::sort_eights(uint32_t first, uint32_t second) {
    for (uint32_t i = 0; i < 4; ++i) {
        exchange(first + i, first + 4 + i);
        exchange(second + i, second + 4 + i);
        swap(second + i, second + 4 + i);
    }
    for (uint32_t run : {first, first + 4, second, second + 4}) {
        uint32_t four[] = {run, run + 1, run + 2, run + 3};
        sort_four(four, run == first || run == first + 4);
    }
}

void Column::sort_sixteen(uint32_t first, bool ascending) {
    for (uint32_t i = first; i < first + 4; ++i) {
        uint32_t apart[] = {i, i + 4, i + 8, i + 12};
        sort_four(apart, true, ascending);
    }
    for (uint32_t run = first; run < first + 16; run += 4) {
        uint32_t four[] = {run, run + 1, run + 2, run + 3};
        sort_four(four, true, ascending);
    }
}

void Column::step(uint32_t distance, uint32_t run, bool ascending) {
    for (uint32_t first = 0; first < kColumn; first += 2 * distance) {
        bool rises = ascending != (first >= run);
        for (uint32_t i = first; i < first + distance; ++i) {
            rises ? exchange(i + distance, i) : exchange(i, i + distance);
        }
    }
    flush();
}

void Column::sort_sixteens(uint32_t run, bool ascending) {
    for (uint32_t first = 0; first < kColumn; first += 16) {
        sort_sixteen(first, ascending != (first >= run));
    }
    flush();
}

void Column::sort(bool ascending, const Phases& phases) {
    bool several = phases.first != phases.last;
    for (uint32_t phase = phases.first; phase <= phases.last; ++phase) {
        for (uint32_t first = 0; first < kColumn && phase < 4; first += 16) {
            switch (phase) {
                case 0: sort_pairs(first); break;
                case 1: sort_fours(first, first + 4, first + 8, first + 12); break;
                case 2: sort_eights(first, first + 8); break;
                default: sort_sixteen(first, ascending != bool(first / 16 % 2));
            }
        }
        flush();
        if (phase < 4) continue;
        uint32_t run = 2u << phase, from = several ? phase + 1 : phases.first_step;
        uint32_t to = several ? 4 : phases.last_step;
        for (uint32_t each = from; each > to; --each) step(each == 5 ? 16 : 32, run, ascending);
        sort_sixteens(run, ascending);
    }
}

void Column::merge(bool least, uint32_t iteration, uint32_t k) {
    k = std::min(k, 32u);
    uint32_t count = std::max(2 * k, kColumn >> iteration), distance = std::min(32u, k << iteration);
    for (uint32_t first = 0, done = 0; done < count; first += 2 * distance, done += 2 * k) {
        for (uint32_t i = first; i < first + k; ++i) {
            least ? exchange(i + distance, i) : exchange(i, i + distance);
        }
    }
    flush();
}

void Column::rebuild(bool ascending, uint32_t iteration, uint32_t k, bool first_only) {
    if (k >= 32) {
        if (k == 64) step(32, 64, ascending);
        step(16, k, ascending);
        return sort_sixteens(k, ascending);
    }
    uint32_t count = std::max(2 * k, kColumn >> (iteration + 1)) >> first_only;
    uint32_t distance = std::min(32u, k << (iteration + 1));
    for (uint32_t first = 0, done = 0; done < count; first += 32, done += 16) {
        if (k == 16) {
            sort_sixteen(first, ascending != bool(first / 32));
        } else if (k == 8) {
            sort_eights(first, first + distance);
        } else if (iteration < 2) {
            sort_fours(first, first + distance, first + 2 * distance, first + 3 * distance);
        } else {
            uint32_t runs[][4] = {{0, 1, 2, 3}, {32, 33, 34, 35}};
            sort_four(runs[0], true);
            sort_four(runs[1], false);
        }
    }
    flush();
}

}  // namespace emu
