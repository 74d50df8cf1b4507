// The indices of the eight largest of each column's 64 values, and those of the others.
#include "api/compute/common.h"
#include "api/compute/tile_move_copy.h"
#include "api/compute/topk.h"

void kernel_main() {
    constexpr uint32_t values = 0, numbers = 1, out = 16, k = 8, log_k = 3;
    compute_kernel_hw_startup(values, out);
    cb_wait_front(values, 2);
    cb_wait_front(numbers, 2);

    copy_init(values);
    tile_regs_acquire();
    copy_tile(values, 0, 0);
    copy_tile(values, 1, 1);
    reconfig_data_format(numbers, numbers);
    copy_init(numbers);
    copy_tile(numbers, 0, 2);
    copy_tile(numbers, 1, 3);
    topk_tile_init();
    topk_local_sort(0, 0, log_k - 1);
    for (int round = 0; round < 3; ++round) {
        topk_merge<false>(0, round, k);
        topk_rebuild(0, false, round, k, log_k, 0);
    }
    tile_regs_commit();

    cb_reserve_back(out, 2);
    tile_regs_wait();
    pack_tile(2, out);
    pack_tile(3, out);
    tile_regs_release();
    cb_push_back(out, 2);
    cb_pop_front(values, 2);
    cb_pop_front(numbers, 2);
}
