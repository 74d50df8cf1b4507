#include "api/dataflow/dataflow_api.h"

void kernel_main() {
    constexpr uint32_t out = 4;
    constexpr auto args = TensorAccessorArgs<0>();
    const auto to = TensorAccessor(args, get_arg_val<uint32_t>(0), get_tile_size(out));
    cb_wait_front(out, 1);
    noc_async_write_page(0, to, get_read_ptr(out));
    noc_async_write_barrier();
    cb_pop_front(out, 1);
}
