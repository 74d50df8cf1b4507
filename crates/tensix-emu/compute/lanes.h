// Words side by side, for the vector types of GCC and Clang: what the host's widest
// instructions take at once. Everything is inlined into functions that say for which
// instruction set they are compiled.
#pragma once

#include <cstdint>
#include <cstring>


#pragma GCC diagnostic ignored "-Wpsabi"

namespace emu {

#define EMU_INLINE [[gnu::always_inline]] inline

template <class T, int n>
using Lanes [[gnu::vector_size(sizeof(T) * n)]] = T;

template <class V, class T>
EMU_INLINE V load_lanes(const T* from) {
    V v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

template <class V, class T>
EMU_INLINE void store_lanes(T* to, V v) {
    std::memcpy(to, &v, sizeof v);
}

// mask is all ones or all zeros per lane.
template <class V>
EMU_INLINE V select(V mask, V then, V otherwise) {
    return (then & mask) | (otherwise & ~mask);
}

template <class V>
EMU_INLINE V largest(V a, V b) {
    return a > b ? a : b;
}

template <class V>
EMU_INLINE V smallest(V a, V b) {
    return a < b ? a : b;
}

template <class V>
EMU_INLINE uint32_t sum_of(V v) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < sizeof(V) / sizeof(v[0]); i++) sum += uint32_t(v[i]);
    return sum;
}

}  // namespace emu


