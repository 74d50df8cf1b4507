#include "api/dataflow/dataflow_api.h"

// Two tiles of a and of b, and one of codes.
void kernel_main() {
    constexpr uint32_t a = 0, b = 1, codes = 2;
    constexpr auto a_args = TensorAccessorArgs<0>();
    constexpr auto b_args = TensorAccessorArgs<a_args.next_compile_time_args_offset()>();
    constexpr auto codes_args = TensorAccessorArgs<b_args.next_compile_time_args_offset()>();
    const auto from_a = TensorAccessor(a_args, get_arg_val<uint32_t>(0), get_tile_size(a));
    const auto from_b = TensorAccessor(b_args, get_arg_val<uint32_t>(1), get_tile_size(b));
    const auto from_codes = TensorAccessor(codes_args, get_arg_val<uint32_t>(2), get_tile_size(codes));
    for (uint32_t k = 0; k < 2; ++k) {
        cb_reserve_back(a, 1);
        cb_reserve_back(b, 1);
        noc_async_read_page(k, from_a, get_write_ptr(a));
        noc_async_read_page(k, from_b, get_write_ptr(b));
        noc_async_read_barrier();
        cb_push_back(a, 1);
        cb_push_back(b, 1);
    }
    cb_reserve_back(codes, 1);
    noc_async_read_page(0, from_codes, get_write_ptr(codes));
    noc_async_read_barrier();
    cb_push_back(codes, 1);
}
