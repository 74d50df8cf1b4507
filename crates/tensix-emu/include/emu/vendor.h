// Names of the vendor's low-level headers that device code of ours uses: instructions,
// their constants, and what starts a function of the vector unit.
#pragma once

#include "emu/instructions.h"

// ---- instructions ----
// TTI_ takes constants, TT_ also what is known only at run time.

#define TTI_SFPLOAD(...) ::emu::sfpload(__VA_ARGS__)
#define TTI_SFPSTORE(...) ::emu::sfpstore(__VA_ARGS__)
#define TTI_SFPLOADI(...) ::emu::sfploadi(__VA_ARGS__)
#define TTI_SFPMOV(...) ::emu::sfpmov(__VA_ARGS__)
#define TTI_SFPCONFIG(...) ::emu::sfpconfig(__VA_ARGS__)
#define TTI_SFPMAD(...) ::emu::sfpmad(__VA_ARGS__)
#define TTI_SFPADD(...) ::emu::sfpadd(__VA_ARGS__)
#define TTI_SFPMUL(...) ::emu::sfpmul(__VA_ARGS__)
#define TTI_SFPADDI(...) ::emu::sfpaddi(__VA_ARGS__)
#define TTI_SFPMULI(...) ::emu::sfpmuli(__VA_ARGS__)
#define TTI_SFPDIVP2(...) ::emu::sfpdivp2(__VA_ARGS__)
#define TTI_SFPEXEXP(...) ::emu::sfpexexp(__VA_ARGS__)
#define TTI_SFPEXMAN(...) ::emu::sfpexman(__VA_ARGS__)
#define TTI_SFPSETEXP(...) ::emu::sfpsetexp(__VA_ARGS__)
#define TTI_SFPSETMAN(...) ::emu::sfpsetman(__VA_ARGS__)
#define TTI_SFPSETSGN(...) ::emu::sfpsetsgn(__VA_ARGS__)
#define TTI_SFPABS(...) ::emu::sfpabs(__VA_ARGS__)
#define TTI_SFPCAST(...) ::emu::sfpcast(__VA_ARGS__)
#define TTI_SFP_STOCH_RND(...) ::emu::sfpstochrnd(__VA_ARGS__)
#define TTI_SFPIADD(...) ::emu::sfpiadd(__VA_ARGS__)
#define TTI_SFPSHFT(...) ::emu::sfpshft(__VA_ARGS__)
#define TTI_SFPAND(...) ::emu::sfpand(__VA_ARGS__)
#define TTI_SFPOR(...) ::emu::sfpor(__VA_ARGS__)
#define TTI_SFPXOR(...) ::emu::sfpxor(__VA_ARGS__)
#define TTI_SFPNOT(...) ::emu::sfpnot(__VA_ARGS__)
#define TTI_SFPLZ(...) ::emu::sfplz(__VA_ARGS__)
#define TTI_SFPSETCC(...) ::emu::sfpsetcc(__VA_ARGS__)
#define TTI_SFPENCC(...) ::emu::sfpencc(__VA_ARGS__)
#define TTI_SFPCOMPC(...) ::emu::sfpcompc(__VA_ARGS__)
#define TTI_SFPPUSHC(...) ::emu::sfppushc(__VA_ARGS__)
#define TTI_SFPPOPC(...) ::emu::sfppopc(__VA_ARGS__)
#define TTI_SFPLE(...) ::emu::sfple(__VA_ARGS__)
#define TTI_SFPGT(...) ::emu::sfpgt(__VA_ARGS__)
#define TTI_SFPSWAP(...) ::emu::sfpswap(__VA_ARGS__)
#define TTI_SFPTRANSP(...) ::emu::sfptransp(__VA_ARGS__)
#define TTI_SFPSHFT2(...) ::emu::sfpshft2(__VA_ARGS__)
#define TTI_SFPNOP ::emu::sfpnop()
#define TTI_NOP ::emu::sfpnop()
#define TTI_INCRWC(...) ::emu::incrwc(__VA_ARGS__)
#define TTI_SETRWC(...) ::emu::setrwc(__VA_ARGS__)
#define TTI_SETC16(...) ::emu::setc16(__VA_ARGS__)
#define TTI_STALLWAIT(...) ::emu::stallwait(__VA_ARGS__)

#define TT_SFPLOAD(...) TTI_SFPLOAD(__VA_ARGS__)
#define TT_SFPSTORE(...) TTI_SFPSTORE(__VA_ARGS__)
#define TT_SFPLOADI(...) TTI_SFPLOADI(__VA_ARGS__)
#define TT_SFPIADD(...) TTI_SFPIADD(__VA_ARGS__)
#define TT_SFPADDI(...) TTI_SFPADDI(__VA_ARGS__)
#define TT_SFPMULI(...) TTI_SFPMULI(__VA_ARGS__)
#define TT_SFPSHFT(...) TTI_SFPSHFT(__VA_ARGS__)
#define TT_SFPSETEXP(...) TTI_SFPSETEXP(__VA_ARGS__)
#define TT_SETC16(...) TTI_SETC16(__VA_ARGS__)

// ---- configuration registers, by the names of their addresses ----

#define EMU_ADDRESS_MODE(section)                                                  \
    constexpr uint32_t ADDR_MOD_AB_SEC##section##_SrcAIncr_ADDR32 =                \
        emu::kAddressModeA + section;                                              \
    constexpr uint32_t ADDR_MOD_DST_SEC##section##_DestIncr_ADDR32 =               \
        emu::kAddressModeDst + section;                                            \
    constexpr uint32_t ADDR_MOD_BIAS_SEC##section##_BiasIncr_ADDR32 =              \
        emu::kAddressModeBias + section;
EMU_ADDRESS_MODE(0)
EMU_ADDRESS_MODE(1)
EMU_ADDRESS_MODE(2)
EMU_ADDRESS_MODE(3)
EMU_ADDRESS_MODE(4)
EMU_ADDRESS_MODE(5)
EMU_ADDRESS_MODE(6)
EMU_ADDRESS_MODE(7)
#undef EMU_ADDRESS_MODE

constexpr uint32_t DEST_TARGET_REG_CFG_MATH_Offset_ADDR32 = emu::kDestOffset;
constexpr uint32_t ADDR_MOD_SET_Base_ADDR32 = emu::kAddressModeBase;

namespace ckernel {

constexpr uint32_t ADDR_MOD_0 = 0, ADDR_MOD_1 = 1, ADDR_MOD_2 = 2, ADDR_MOD_3 = 3;
constexpr uint32_t ADDR_MOD_4 = 4, ADDR_MOD_5 = 5, ADDR_MOD_6 = 6, ADDR_MOD_7 = 7;

// What STALLWAIT waits for has always happened here.
struct p_stall {
    static constexpr uint32_t NONE = 0, MATH = 0, WAIT_SFPU = 0, SFPU1 = 0, PACK = 0, UNPACK = 0;
    static constexpr uint32_t TRISC_CFG = 0, THCON = 0;
    static constexpr uint32_t STALL_SFPU = 0, STALL_MATH = 0, STALL_CFG = 0, STALL_PACK = 0;
    static constexpr uint32_t STALL_UNPACK = 0, STALL_TDMA = 0;
};

struct p_setrwc {
    static constexpr uint32_t CLR_NONE = 0;
    static constexpr uint32_t SET_A = 1, SET_B = 2, SET_AB = 3, SET_D = 4, SET_AD = 5, SET_BD = 6;
    static constexpr uint32_t SET_ABD = 7, SET_F = 8, SET_ABD_F = 15;
};

struct p_sfpu {
    static constexpr uint32_t LREG0 = 0, LREG1 = 1, LREG2 = 2, LREG3 = 3, LREG4 = 4, LREG5 = 5;
    static constexpr uint32_t LREG6 = 6, LREG7 = 7;
    static constexpr uint32_t LCONST_0_8373 = 8, LCONST_0 = 9, LCONST_1 = 10, LCONST_neg1 = 11;
    static constexpr uint32_t LREG11 = 11, LREG12 = 12, LREG13 = 13, LREG14 = 14, LTILEID = 15;
};

struct InstrModLoadStore {
    static constexpr uint32_t DEFAULT = 0, FP16A = 1, FP16B = 2, FP32 = 3, INT32 = 4, INT8 = 5;
    static constexpr uint32_t LO16 = 6, HI16 = 7, INT32_2S_COMP = 12;
};

// The row of DST where the section of math begins.
inline uint32_t get_dest_buffer_base() { return emu::math_section_row(); }

}  // namespace ckernel

using namespace ckernel;
