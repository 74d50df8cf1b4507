// The compile-time arguments of a tensor interleaved over DRAM banks: two words, of which
// the first also tells the emulator which buffer it is.
#pragma once

#include "emu/kernel.h"

template <size_t First, size_t FirstCommon = ~size_t{0}>
struct TensorAccessorArgs {
    static constexpr uint32_t config = get_compile_time_arg_val(First);
    static constexpr uint32_t AlignedPageSize = get_compile_time_arg_val(First + 1);
    static constexpr bool is_sharded = false;
    static constexpr bool is_dram = true;

    static constexpr uint32_t num_compile_time_args() { return 2; }
    static constexpr uint32_t next_compile_time_args_offset() { return First + 2; }
};
