// How a function of the vector unit (SFPU) starts and ends, and how it reaches tiles of DST.
//
// Each function of these headers is an op on whole 32x32 tiles of f32 in DST. Tiles are
// template arguments: `tilec::add<0, 1, 2>()` is tile 2 = tile 0 + tile 1. A compute kernel
// calls them between tile_regs_acquire() and tile_regs_commit(), with fp32_dest_acc_en; only
// the math thread does anything. Operands may be the result.
//
// A vector is 32 lanes: 4 rows by the 8 even or the 8 odd columns of a face. SFPLOAD and SFPSTORE
// at row address d reach rows d & ~3 and the odd columns if d & 2; a tile is 64 such rows,
// face after face. Truth values are 1.0 and 0.0. The unit reads and writes subnormals as zeros
// wherever it computes.
//
// Rule for Wormhole: the result of SFPMAD, SFPADD, SFPMUL, SFPADDI, SFPMULI, SFPSWAP and SFPSHFT2
// is there one instruction later than others, so something else or SFPNOP stands between.
//
// Instructions used: INCRWC, SETC16, SETRWC, STALLWAIT, and
//   SFPLOAD, SFPSTORE        modes 3 (f32) and 4 (32 bits as they are)
//   SFPLOADI                 modes 0 (bf16), 1 (f16), 2 (16 bits), 8 (upper half), 10 (lower half)
//   SFPADD, SFPMUL, SFPMAD   mode 0; SFPADDI, SFPMULI mode 0 (bf16 immediate)
//   SFPIADD                  operand 0, 1, 2 with test 0, 4, 8 (below)
//   SFPSETCC                 modes 0, 2, 4, 6; SFPENCC modes 0, and 10 with immediate 3
//   SFPSHFT                  modes 0 (by a register, negative is right), 1 (by an immediate)
//   SFPAND, SFPOR, SFPXOR, SFPNOT, SFPABS (mode 0), SFPCAST (mode 0), SFPEXEXP (modes 0, 1),
//   SFPEXMAN (modes 0, 1), SFPSETEXP (mode 1), SFPSETMAN (mode 1), SFPSETSGN (modes 0, 1), SFPMOV (modes 0, 1),
//   SFPSWAP (mode 1), SFPSHFT2 (mode 3), SFPTRANSP, SFPCONFIG (registers 11, 15), SFPNOP
#pragma once

#include <cstdint>

#include "api/compute/common_globals.h"

namespace tilec {

// Registers of 32 lanes, and those that hold constants. Lane i of LANE is 2 * i.
constexpr uint32_t R0 = 0, R1 = 1, R2 = 2, R3 = 3, R4 = 4, R5 = 5, R6 = 6, R7 = 7;
constexpr uint32_t ZERO = 9, ONE = 10, MINUS_ONE = 11, LANE = 15;

// How SFPLOAD and SFPSTORE see 32 bits of DST: as f32 (a subnormal is stored as 0), or unchanged.
constexpr uint32_t F32 = 3, BITS = 4;

// SFPIADD(immediate, c, d): d = c + d, c + immediate or c - d, and which lanes go on.
constexpr uint32_t SUM = 0, IMMEDIATE = 1, DIFFERENCE = 2;
constexpr uint32_t IF_NEGATIVE = 0, ALL = 4, IF_NOT_NEGATIVE = 8;

constexpr uint32_t ROWS_OF_TILE = 64;

// The address mode that moves nothing: the last one, which start() sets so.
#ifdef ARCH_BLACKHOLE
constexpr uint32_t STAY = 7;
#else
constexpr uint32_t STAY = 3;
#endif

template <uint32_t reg, uint32_t tile, uint32_t mode = F32, uint32_t row = 0>
inline void load() {
    TTI_SFPLOAD(reg, mode, STAY, tile * ROWS_OF_TILE + row);
}

template <uint32_t reg, uint32_t tile, uint32_t mode = F32, uint32_t row = 0>
inline void store() {
    TTI_SFPSTORE(reg, mode, STAY, tile * ROWS_OF_TILE + row);
}

// All lanes of a register = the f32 with these bits.
template <uint32_t reg, uint32_t bits>
inline void constant() {
    if constexpr ((bits & 0xffff) == 0) {
        TTI_SFPLOADI(reg, 0, bits >> 16);
    } else {
        TTI_SFPLOADI(reg, 10, bits & 0xffff);
        TTI_SFPLOADI(reg, 8, bits >> 16);
    }
}

// What follows acts only on lanes, of those that it acts on, where the register is ..
template <uint32_t reg> inline void where_negative() { TTI_SFPSETCC(0, reg, 0, 0); }
template <uint32_t reg> inline void where_not_zero() { TTI_SFPSETCC(0, reg, 0, 2); }
template <uint32_t reg> inline void where_not_negative() { TTI_SFPSETCC(0, reg, 0, 4); }
template <uint32_t reg> inline void where_zero() { TTI_SFPSETCC(0, reg, 0, 6); }
// .. NaN (or is no NaN), given a register that holds infinity; overwrites `scratch`.
template <uint32_t reg, uint32_t scratch, uint32_t infinity, uint32_t test = IF_NEGATIVE>
inline void where_nan() {
    TTI_SFPSETSGN(0, reg, scratch, 1);
    TTI_SFPIADD(0, infinity, scratch, DIFFERENCE | test);
}
// What follows acts on all lanes again.
inline void everywhere() { TTI_SFPENCC(0, 0, 0, 0); }

inline void start() {
    TTI_STALLWAIT(ckernel::p_stall::STALL_SFPU | ckernel::p_stall::STALL_CFG,
                  ckernel::p_stall::MATH | ckernel::p_stall::WAIT_SFPU);
    TT_SETC16(DEST_TARGET_REG_CFG_MATH_Offset_ADDR32, ckernel::get_dest_buffer_base());
    TTI_SETC16(ADDR_MOD_AB_SEC7_SrcAIncr_ADDR32, 0);
    TTI_SETC16(ADDR_MOD_DST_SEC7_DestIncr_ADDR32, 0);
    TTI_SETC16(ADDR_MOD_BIAS_SEC7_BiasIncr_ADDR32, 0);
#ifndef ARCH_BLACKHOLE
    TTI_SETC16(ADDR_MOD_SET_Base_ADDR32, 1); // modes 0 .. 3 of instructions are 4 .. 7
#endif
    TTI_SETRWC(ckernel::p_setrwc::CLR_NONE, 0, 0, 0, 0, ckernel::p_setrwc::SET_D);
    TTI_SFPENCC(3, 0, 0, 10);    // lanes may be masked, none is
    TTI_SFPCONFIG(0, 15, 1);     // no special modes of lanes
    TTI_SFPCONFIG(0, MINUS_ONE, 1);
    TTI_SFPNOP;
}

inline void finish() {
    TTI_SETRWC(ckernel::p_setrwc::CLR_NONE, 0, 0, 0, 0, ckernel::p_setrwc::SET_D);
#ifndef ARCH_BLACKHOLE
    TTI_STALLWAIT(ckernel::p_stall::STALL_CFG, ckernel::p_stall::WAIT_SFPU);
    TTI_SETC16(ADDR_MOD_SET_Base_ADDR32, 0);
#endif
}

// Runs the body on the vector unit.
template <typename Body>
inline void vector_unit([[maybe_unused]] Body body) {
#ifdef TRISC_MATH
    start();
    body();
    finish();
#endif
}

// Runs the body for each of the 32 vectors of a tile: row 0 of load() and store() moves along.
template <typename Body>
inline void each_vector(Body body) {
#pragma GCC unroll 1
    for (uint32_t vector = 0; vector < 32; ++vector) {
        body();
        TTI_INCRWC(0, 2, 0, 0);
    }
    TTI_SETRWC(ckernel::p_setrwc::CLR_NONE, 0, 0, 0, 0, ckernel::p_setrwc::SET_D);
}

} // namespace tilec
