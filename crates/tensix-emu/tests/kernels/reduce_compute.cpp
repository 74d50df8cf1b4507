// The largest elements of columns, the sums of rows, and then the tile itself.
#include "api/compute/common.h"
#include "api/compute/reduce.h"
#include "api/compute/tile_move_copy.h"

inline void pack_one(uint32_t tile, uint32_t out) {
    tile_regs_commit();
    cb_reserve_back(out, 1);
    tile_regs_wait();
    pack_tile(tile, out);
    tile_regs_release();
    cb_push_back(out, 1);
}

void kernel_main() {
    constexpr uint32_t a = 0, ones = 1, out = 16;
    compute_kernel_hw_startup(a, ones, out);
    cb_wait_front(a, 1);
    cb_wait_front(ones, 1);

    reduce_init<PoolType::MAX, ReduceDim::REDUCE_COL>(a, ones, out);
    tile_regs_acquire();
    reduce_tile<PoolType::MAX, ReduceDim::REDUCE_COL>(a, ones, 0, 0, 1);
    pack_one(1, out);
    reduce_uninit();

    reconfig_data_format(ones, a);
    reduce_init<PoolType::SUM, ReduceDim::REDUCE_ROW>(a, ones, out);
    tile_regs_acquire();
    reduce_tile<PoolType::SUM, ReduceDim::REDUCE_ROW>(a, ones, 0, 0, 0);
    pack_one(0, out);
    reduce_uninit(a);

    reconfig_data_format(a, a);
    copy_init(a);
    tile_regs_acquire();
    copy_tile(a, 0, 0);
    pack_one(0, out);
    cb_pop_front(a, 1);
    cb_pop_front(ones, 1);
}
