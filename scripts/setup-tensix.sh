#!/usr/bin/env bash
# Installs what the Tensix tests need beside the rest into .tensix, from package registries alone:
# the vendor's kernel headers, unmodified, and its runtime with a stand-in for its compiler (which
# no registry has), so that kernels compile and link for a mock Wormhole or Blackhole.
# Where everything is there it is silent, quick, and needs no network. Where it can't be had it says what
# the tests will skip, and does not fail.
#
#   TILEC_PYTHON=PATH          use this Python, if it is 3.10 or 3.12, for the runtime
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

requirements=scripts/tensix-requirements.txt
packages=(clang-19 gcc-riscv64-unknown-elf binutils-riscv64-unknown-elf
    picolibc-riscv64-unknown-elf libstdc++-arm-none-eabi-newlib)

main() {
    ! is_current || return 0
    need_packages
    say "putting the headers and the runtime for Tensix into .tensix, about 500 MB"
    rm -rf .tensix
    mkdir -p .tensix
    download
    unpack_headers
    if python="$(find_python)"; then make_runtime; else
        say "there is no Python 3.10 or 3.12 with venv, for which alone the runtime exists:" \
            "tests on a mock device are skipped; set TILEC_PYTHON to one, remove .tensix and run this again"
    fi
    rm -rf .tensix/wheels
    stamp > .tensix/made-from
}

say() { printf 'setup-tensix: %s\n' "$*" >&2; }
give_up() { say "$@"; say "tests of what is emitted for Tensix are skipped"; exit 0; }
have() { command -v "$1" >/dev/null 2>&1; }

# What .tensix was made from.
stamp() { cat "$requirements" scripts/setup-tensix.sh scripts/tensix/compiler.py; }
is_current() { [[ -f .tensix/made-from ]] && cmp -s <(stamp) .tensix/made-from; }

need_packages() {
    local missing=() package as_root=()
    have apt-get && have dpkg-query || give_up "this machine has no apt-get to install ${packages[*]} with"
    for package in "${packages[@]}"; do
        [[ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" == "install ok installed" ]] || missing+=("$package")
    done
    (( ${#missing[@]} )) || return 0
    if (( EUID != 0 )); then
        have sudo || give_up "these packages are missing: ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing with apt-get: ${missing[*]}"
    "${as_root[@]}" apt-get -q update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}" ||
        give_up "apt-get could not install ${missing[*]}"
}

# A Python that the runtime has a wheel for.
find_python() {
    local candidate
    for candidate in "${TILEC_PYTHON:-python3}" python3.12 python3.10 "$HOME"/.pyenv/versions/3.1[02].*/bin/python3; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 12)))' \
            >/dev/null 2>&1; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

# For the Python that will run it, or, for its headers alone, for 3.12 with any Python.
download() {
    local pip=(.venv/bin/python -m pip download) version=3.12
    if python="$(find_python)"; then version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; fi
    "${pip[@]}" -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
        --python-version "$version" --platform manylinux_2_34_x86_64 --platform manylinux2014_x86_64 \
        -d .tensix/wheels -r "$requirements" ||
        give_up "pip could not download the packages of $requirements; the line above says why"
}

# The vendor's headers as they are, some 25 MB.
unpack_headers() {
    .venv/bin/python - .tensix/wheels/ttnn-*.whl .tensix/headers <<'PYTHON'
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
unneeded = ("ttnn/tt_metal/pre-compiled/", "ttnn/tt_metal/tt-llk/tests/", "ttnn/tt_metal/tt-llk/docs/")
names = [n for n in wheel.namelist() if n.startswith("ttnn/tt_metal/") and not n.startswith(unneeded)]
wheel.extractall(sys.argv[2], names)
PYTHON
}

make_runtime() {
    "$python" -m venv .tensix/venv
    .tensix/venv/bin/python -m pip install -q --disable-pip-version-check --no-index --no-deps \
        --require-hashes --find-links .tensix/wheels -r "$requirements"
    local ttnn
    ttnn="$(echo .tensix/venv/lib/python3.*/site-packages/ttnn)"
    suit_gcc_12 "$ttnn/tt_metal"
    mkdir -p "$ttnn/runtime/sfpi/compiler/bin" "$ttnn/runtime/sfpi/include"
    ln -sf "$PWD/scripts/tensix/compiler.py" "$ttnn/runtime/sfpi/compiler/bin/riscv-tt-elf-g++"
    build_objects wh wormhole "$ttnn/tt_metal"
    build_objects bh blackhole "$ttnn/tt_metal"
}

# GCC 12 rejects two constructs of the installed headers that GCC 15 and clang accept.
suit_gcc_12() {
    { grep -rlE 'static_assert\(false' "$1" --include=*.h || true; } |
        xargs -r sed -i 's/static_assert(false/static_assert(true/'
    { grep -rlE '#pragma GCC unroll [A-Za-z_(]' "$1" --include=*.h || true; } |
        xargs -r sed -i -E 's/#pragma GCC unroll [A-Za-z_(].*/#pragma GCC unroll 16/'
}

# The objects that come with the vendor's compiler, from the runtime's own sources.
build_objects() {
    local machine=$1 arch=$2 metal=$3 out=".tensix/objects/$1" llk=tt_llk_$2
    [[ $arch != wormhole ]] || llk=tt_llk_wormhole_b0
    local inc=$metal/hw/inc/internal/tt-1xx
    local compile=(scripts/tensix/compiler.py "-mcpu=tt-$machine" -std=gnu++20 -Os -fdata-sections -fno-exceptions
        -fno-rtti -fno-use-cxa-atexit -ffast-math "-I$metal/hw/inc" "-I$inc" "-I$inc/$arch"
        "-I$inc/$arch/${arch}_b0_defines" "-I$inc/$arch/${arch}_defines" "-I$inc/$arch/noc"
        "-I$metal/tt-llk/$llk/common/inc" "-I$metal/tt-llk/common" "-I$metal/hostdevcommon/api" "-I$metal/api"
        "-DARCH_${arch^^}" -DTENSIX_FIRMWARE -DLOCAL_MEM_EN=0 -DCOMPILE_FOR_BRISC -c)
    mkdir -p "$out"
    "${compile[@]}" "$metal/hw/toolchain/substitutes.cpp" -o "$out/substitutes.o"
    "${compile[@]}" -x c++ "$metal/hw/firmware/src/tt-1xx/tdma_xmov.c" -o "$out/tdma_xmov.o"
    "${compile[@]}" -x c++ "$metal/hw/firmware/src/tt-1xx/$arch/noc.c" -o "$out/noc.o"
    local assemble=(riscv64-unknown-elf-gcc -march=rv32im -mabi=ilp32 -c)
    "${assemble[@]}" "$metal/hw/toolchain/tmu-crt0.S" -o "$out/tmu-crt0.o"
    # A program without data has no data section, which the runtime's loader expects.
    "${assemble[@]}" -x assembler - -o "$out/keep.o" <<'ASSEMBLY'
.section .data.keep, "aw"
.globl keep_data
keep_data: .word 0
ASSEMBLY
}

main
