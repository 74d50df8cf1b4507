#include "api/dataflow/dataflow_api.h"

// Every core gets all blocks; each is read by one core, which takes turns, and multicast.
void kernel_main() {
    const uint32_t x_address = get_arg_val<uint32_t>(0);
    const uint32_t column = get_arg_val<uint32_t>(1);
    const uint32_t row_y = get_arg_val<uint32_t>(2);
    const uint32_t first_x = get_arg_val<uint32_t>(3);
    const uint32_t last_x = get_arg_val<uint32_t>(4);
    const uint32_t sender_x[3] = {get_arg_val<uint32_t>(5), get_arg_val<uint32_t>(6),
                                  get_arg_val<uint32_t>(7)};
    constexpr uint32_t shared = 0;
    constexpr uint32_t columns = 3;
    constexpr uint32_t others = columns - 1;
    constexpr uint32_t block = 2;
    constexpr uint32_t blocks = 5;
    constexpr uint32_t tile_bytes = get_tile_size(shared);
    constexpr auto x_args = TensorAccessorArgs<0>();
    const auto x = TensorAccessor(x_args, x_address, tile_bytes);
    const uint32_t ready = get_semaphore(0);
    const uint32_t valid = get_semaphore(1);
    auto* ready_word = reinterpret_cast<volatile tt_l1_ptr uint32_t*>(ready);
    auto* valid_word = reinterpret_cast<volatile tt_l1_ptr uint32_t*>(valid);

    for (uint32_t kb = 0; kb < blocks; ++kb) {
        cb_reserve_back(shared, block);
        const uint32_t pages = get_write_ptr(shared);
        const uint32_t sender = kb % columns;
        if (column == sender) {
            for (uint32_t page = 0; page < block; ++page) {
                noc_async_read_page(kb * block + page, x, pages + page * tile_bytes);
            }
            noc_async_read_barrier();
            noc_semaphore_wait(ready_word, others);
            noc_semaphore_set(ready_word, 0);
            const uint64_t there = get_noc_multicast_addr(first_x, row_y, last_x, row_y, pages);
            noc_async_write_multicast(pages, there, block * tile_bytes, others);
            noc_semaphore_set(valid_word, 1);
            const uint64_t signal = get_noc_multicast_addr(first_x, row_y, last_x, row_y, valid);
            noc_semaphore_set_multicast(valid, signal, others);
            noc_async_writes_flushed();
        } else {
            noc_semaphore_set(valid_word, 0);
            noc_semaphore_inc(get_noc_addr(sender_x[sender], row_y, ready), 1);
            noc_semaphore_wait(valid_word, 1);
        }
        cb_push_back(shared, block);
    }
    noc_async_atomic_barrier();
}
