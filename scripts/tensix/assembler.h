// What the vendor's assembler knows and Debian's does not: a Tensix instruction is a 32-bit word whose
// two highest bits lie lowest in the instruction stream of a core.
#pragma once

__asm__(R"(
.ifndef ttinsn_is_known
.set ttinsn_is_known, 1
.macro .ttinsn word:vararg
    .word ((((\word) & 0xffffffff) << 2) | (((\word) & 0xffffffff) >> 30)) & 0xffffffff
.endm
.endif
)");
