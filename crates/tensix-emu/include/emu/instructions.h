// The instructions of the vector unit and what stands around them, one function each; the
// headers under api/ name them TTI_... Parameters are the fields of the instruction, in
// the order of the vendor's macros.
#pragma once

#include <cstdint>

#include "emu/engine.h"

namespace emu {

using Field = uint32_t;

// ---- DST and registers ----
void sfpload(Field lreg, Field mode, Field address_mode, Field row, Where at = Where::current());
void sfpstore(Field lreg, Field mode, Field address_mode, Field row, Where at = Where::current());
void sfploadi(Field lreg, Field mode, Field immediate, Where at = Where::current());
void sfpmov(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpconfig(Field immediate, Field d, Field mode, Where at = Where::current());

// ---- floats ----
void sfpmad(Field a, Field b, Field c, Field d, Field mode, Where at = Where::current());
void sfpadd(Field a, Field b, Field c, Field d, Field mode, Where at = Where::current());
void sfpmul(Field a, Field b, Field c, Field d, Field mode, Where at = Where::current());
void sfpaddi(Field immediate, Field d, Field mode, Where at = Where::current());
void sfpmuli(Field immediate, Field d, Field mode, Where at = Where::current());
void sfpdivp2(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpexexp(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpexman(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpsetexp(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpsetman(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpsetsgn(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpabs(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpcast(Field c, Field d, Field mode, Where at = Where::current());
void sfpstochrnd(Field rounding, Field immediate, Field b, Field c, Field d, Field mode,
                 Where at = Where::current());

// ---- integers and bits ----
void sfpiadd(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpshft(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpand(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpor(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpxor(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpnot(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfplz(Field immediate, Field c, Field d, Field mode, Where at = Where::current());

// ---- lanes: which take part, and how they change places ----
void sfpsetcc(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpencc(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpcompc(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfppushc(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfppopc(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfple(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpgt(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpswap(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfptransp(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpshft2(Field immediate, Field c, Field d, Field mode, Where at = Where::current());
void sfpnop();

// ---- around them ----
void incrwc(Field mode, Field d, Field b, Field a, Where at = Where::current());
void setrwc(Field clear, Field mode, Field d, Field b, Field a, Field which,
            Where at = Where::current());
void setc16(Field reg, Field value, Where at = Where::current());
void stallwait(Field stall, Field wait);

// Registers that `setc16` knows.
constexpr Field kDestOffset = 1;       // the row of DST that row 0 of an instruction means
constexpr Field kAddressModeBase = 2;  // Wormhole: 1 makes modes 0 .. 3 mean 4 .. 7
constexpr Field kAddressModeA = 16;    // + section, 0 .. 7: how SrcA and SrcB rows move
constexpr Field kAddressModeDst = 24;  // + section: how the row of DST moves
constexpr Field kAddressModeBias = 32; // + section

// The first row of the section of DST that math writes.
Field math_section_row();

}  // namespace emu
