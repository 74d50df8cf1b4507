#include "api/dataflow/dataflow_api.h"

// Writes the core's own copy of all pages.
void kernel_main() {
    const uint32_t y_address = get_arg_val<uint32_t>(0);
    const uint32_t column = get_arg_val<uint32_t>(1);
    constexpr uint32_t shared = 0;
    constexpr uint32_t block = 2;
    constexpr uint32_t pages = 10;
    constexpr uint32_t tile_bytes = get_tile_size(shared);
    constexpr auto y_args = TensorAccessorArgs<0>();
    const auto y = TensorAccessor(y_args, y_address, tile_bytes);

    for (uint32_t first = 0; first < pages; first += block) {
        cb_wait_front(shared, block);
        for (uint32_t page = 0; page < block; ++page) {
            const uint32_t to = column * pages + first + page;
            noc_async_write_page(to, y, get_read_ptr(shared) + page * tile_bytes);
        }
        noc_async_write_barrier();
        cb_pop_front(shared, block);
    }
}
