#!/usr/bin/env python3
"""Stands in for riscv-tt-elf-g++, the vendor's compiler, which no package registry has.

The runtime compiles kernels with it when they run. Debian's riscv64-unknown-elf-g++ takes the
same options but those of Tensix, once the instruction `.ttinsn` is a macro of the assembler
(assembler.h) and sfpi.h is there (include/). setup-tensix.sh links to this file from where the
runtime looks, and builds the few objects that come with the vendor's compiler.
"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BUILT = HERE.parent.parent / ".tensix" / "objects"
# What the runtime asks for, to see that it has the compiler that it was tried with.
VERSION = "riscv-tt-elf-g++ (tenstorrent/sfpi:7.89.0[1050]) 15.1.0"
# Options of the vendor's compiler alone; and those that must not fail with another.
DROPPED = ("-ftt-", "-mtt-", "-mno-tt-", "-flto", "-Werror", "-mcpu=", "-march=")
PICOLIBC = pathlib.Path("/usr/lib/picolibc/riscv64-unknown-elf")


def standard_headers():
    """The C++ library of newlib, which picolibc's C headers complete."""
    newlib = max(pathlib.Path("/usr/include/newlib/c++").iterdir())
    folders = [newlib, newlib / "arm-none-eabi", newlib / "backward", PICOLIBC / "include"]
    return ["-nostdinc++", *(part for folder in folders for part in ("-isystem", str(folder)))]


def machine(arguments):
    """`wh` or `bh`, with `-tensix` for the cores that issue Tensix instructions."""
    named = (a.removeprefix("-mcpu=tt-") for a in arguments if a.startswith("-mcpu=tt-"))
    return next(named, "wh")


def compiling(cpu):
    """Options for an object file."""
    # Bit operations and control registers that Blackhole's cores have besides.
    extensions = "_zicsr_zba_zbb" if cpu.startswith("bh") else ""
    options = [f"-march=rv32im{extensions}", "-ffunction-sections", *standard_headers()]
    if cpu.endswith("-tensix"):
        options.append(f"-D__riscv_xtttensix{cpu[:2]}=1")
    return [*options, f"-I{HERE / 'include'}"]


def after_compiling(arguments):
    """What all kernels see; behind a precompiled header, which must come first."""
    return [] if "c++-header" in arguments else ["-include", str(HERE / "assembler.h")]


def linking(arguments, cpu):
    """Objects that the vendor's linker finds by itself, and libraries."""
    if "-r" in arguments:
        return []
    folders = [PICOLIBC / "lib/release/rv32im/ilp32", PICOLIBC / "lib/rv32im/ilp32"]
    return [
        str(BUILT / cpu[:2] / "keep.o"), "-Wl,-u,keep_data", "-nostdlib", "-Wl,--gc-sections",
        *(f"-L{folder}" for folder in folders), "-Wl,--start-group", "-lc", "-lgcc", "-Wl,--end-group",
    ]


def replaced(argument, cpu):
    """Objects of the vendor's compiler by those built here; C++17 with designated initializers."""
    if argument == "-std=c++17":
        return "-std=gnu++20"
    path = pathlib.Path(argument)
    built = BUILT / cpu[:2] / path.name
    return str(built) if "/runtime/hw/lib/" in argument and built.exists() else argument


def main(arguments):
    if "--version" in arguments:
        print(VERSION)
        return 0
    cpu = machine(arguments)
    # Nobody debugs these, and debugging information is a fifth of the time.
    kept = [replaced(a, cpu) for a in arguments if a != "-g" and not a.startswith(DROPPED)]
    to_object = any(option in arguments for option in ("-c", "-E", "-S", "-fsyntax-only", "c++-header"))
    options = ["-march=rv32im", "-mabi=ilp32", "-fno-lto", "-w", "-fno-jump-tables", "-fno-tree-switch-conversion"]
    if to_object:
        before, after = compiling(cpu), after_compiling(arguments)
    else:
        before, after = [], linking(arguments, cpu)
    return subprocess.run(["riscv64-unknown-elf-g++", *options, *before, *kept, *after]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
