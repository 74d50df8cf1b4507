// What every kernel sees, of data movement or compute: its arguments and the attributes
// of the device's compiler. The driver writes two lists before it: the compile-time
// arguments, and the bytes of a tile of each circular buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "emu/engine.h"

#define tt_l1_ptr
#define tt_reg_ptr
#define FORCE_INLINE inline __attribute__((always_inline))
#define ALWI inline __attribute__((always_inline))

namespace emu {

template <uint32_t... Words>
struct List {
    static constexpr uint32_t count = sizeof...(Words);
    static constexpr uint32_t words[sizeof...(Words) + 1] = {Words..., 0};
};

using CompileTimeArguments = List<KERNEL_COMPILE_TIME_ARGS>;
using TileBytes = List<TILEC_TILE_BYTES>;

}  // namespace emu

template <uint32_t Index>
constexpr uint32_t get_ct_arg() {
    static_assert(Index < emu::CompileTimeArguments::count, "Index out of range");
    return emu::CompileTimeArguments::words[Index];
}
#define get_compile_time_arg_val(index) get_ct_arg<index>()

template <typename T>
T get_arg_val(int index, emu::Where at = emu::Where::current()) {
    static_assert(sizeof(T) == 4, "arguments are words of 4 bytes");
    const uint32_t word = emu::argument(index, at);
    T value;
    std::memcpy(&value, &word, sizeof(value));
    return value;
}

// Programs of ours have no common arguments, so that every index is a fault.
template <typename T>
T get_common_arg_val(int index, emu::Where at = emu::Where::current()) {
    emu::fault(emu::Fault::Argument, at,
               "get_common_arg_val(%d): the program has no common arguments", index);
}

// Bytes of a tile of a circular buffer; 0 for one that the program doesn't have.
constexpr int32_t get_tile_size(int32_t ring) {
    return ring >= 0 && static_cast<uint32_t>(ring) < emu::TileBytes::count
               ? static_cast<int32_t>(emu::TileBytes::words[ring])
               : 0;
}
