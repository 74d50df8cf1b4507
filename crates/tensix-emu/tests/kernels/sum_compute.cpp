#include "api/compute/cb_api.h"
#include "api/compute/common.h"
#include "api/compute/matmul.h"
#include "api/compute/tile_move_copy.h"

constexpr uint32_t a = 0, b = 1, codes = 2, partial = 3, out = 4;

// Tile 0 of DST += tile 1, whose integers become f32.
inline void add_integers() {
    TT_SETC16(DEST_TARGET_REG_CFG_MATH_Offset_ADDR32, get_dest_buffer_base());
    TTI_SFPENCC(3, 0, 0, 10);
    for (uint32_t vector = 0; vector < 32; ++vector) {
        TTI_SFPLOAD(p_sfpu::LREG0, InstrModLoadStore::FP32, ADDR_MOD_3, 0);
        TTI_SFPLOAD(p_sfpu::LREG1, InstrModLoadStore::INT32, ADDR_MOD_3, 64);
        TTI_SFPCAST(p_sfpu::LREG1, p_sfpu::LREG1, 0);
        TTI_SFPADD(p_sfpu::LREG0, p_sfpu::LCONST_1, p_sfpu::LREG1, p_sfpu::LREG0, 0);
        TTI_SFPNOP;  // the sum is late
        TTI_SFPSTORE(p_sfpu::LREG0, InstrModLoadStore::FP32, ADDR_MOD_3, 0);
        TTI_INCRWC(0, 2, 0, 0);
    }
    TTI_SETRWC(p_setrwc::CLR_NONE, 0, 0, 0, 0, p_setrwc::SET_D);
}

// out = a[0] * b[0] + a[1] * b[1] + codes, summed in L1.
void kernel_main() {
    compute_kernel_hw_startup<SrcOrder::Reverse>(a, b, partial);
    matmul_init(a, b);
    cb_reserve_back(partial, 1);
    for (uint32_t k = 0; k < 2; ++k) {
        cb_wait_front(a, 1);
        cb_wait_front(b, 1);
        tile_regs_acquire();
        matmul_tiles(a, b, 0, 0, 0);
        tile_regs_commit();
        cb_pop_front(a, 1);
        cb_pop_front(b, 1);
        tile_regs_wait();
        pack_reconfig_l1_acc(k > 0);
        pack_tile<true>(0, partial, 0);
        tile_regs_release();
    }
    pack_reconfig_l1_acc(0);
    cb_push_back(partial, 1);

    cb_wait_front(partial, 1);
    cb_wait_front(codes, 1);
    tile_regs_acquire();  // the sum
    reconfig_data_format(partial, partial);
    copy_init(partial);
    copy_tile(partial, 0, 0);
    reconfig_data_format(codes, codes);
    copy_init(codes);
    copy_tile(codes, 0, 1);
    add_integers();
    tile_regs_commit();  // the sum
    cb_pop_front(partial, 1);
    cb_pop_front(codes, 1);
    cb_reserve_back(out, 1);
    tile_regs_wait();  // the sum
    pack_reconfig_data_format(out);
    pack_tile(0, out);
    tile_regs_release();  // the sum
    cb_push_back(out, 1);
}
