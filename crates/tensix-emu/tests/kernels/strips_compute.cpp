// Two tiles as rows of 64 elements, and these as tiles again.
#include "api/compute/common.h"
#include "api/compute/pack_untilize.h"
#include "api/compute/tile_move_copy.h"
#include "api/compute/tilize.h"

void kernel_main() {
    constexpr uint32_t a = 0, rows = 2, out = 16;
    compute_kernel_hw_startup(a, rows);
    cb_wait_front(a, 2);

    pack_untilize_init<1, 2>(a, rows);
    cb_reserve_back(rows, 2);
    pack_untilize_block<1, 2>(a, 1, rows, 0);
    pack_untilize_block<1, 2>(a, 1, rows, 1);
    cb_push_back(rows, 2);
    pack_untilize_uninit(rows);

    reconfig_data_format(rows, rows);
    pack_reconfig_data_format(out);
    cb_wait_front(rows, 2);
    tilize_init(rows, 2, out);
    cb_reserve_back(out, 2);
    tilize_block(rows, 2, out);
    cb_push_back(out, 2);
    tilize_uninit(rows, out);
    cb_pop_front(rows, 2);

    copy_init(a);
    tile_regs_acquire();
    copy_tile(a, 1, 0);
    tile_regs_commit();
    cb_reserve_back(out, 1);
    tile_regs_wait();
    pack_tile(0, out);
    tile_regs_release();
    cb_push_back(out, 1);
    cb_pop_front(a, 2);
}
