#!/usr/bin/env bash
# Installs what building and testing tilec needs, and says so before it does.
# Where everything is there it is silent, quick, and needs no network.
#
#   LLVM=no                    build without the LLVM back end, so don't look for LLVM
#   LLVM_SYS_191_PREFIX=DIR    use the LLVM 19.1 under DIR
#   TILEC_PYTHON=PATH          use this Python (3.10 to 3.13) for the reference tests
#   TILEC_NVCC=PATH            use this nvcc (CUDA 13.0), with cuobjdump beside it, not one in .cuda
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:$HOME/.cargo/bin"

llvm_packages=(llvm-19-dev libpolly-19-dev libzstd-dev zlib1g-dev libxml2-dev)
requirements=tests/reference/requirements.txt
cuda_requirements=scripts/cuda-requirements.txt
missing=()

main() {
    need_rust
    need_compiler
    need_llvm
    need_python
    install_missing
    make_venv
    make_cuda
    scripts/setup-tensix.sh
}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Whether this is a machine whose packages we know how to install.
has_apt() { have apt-get && have dpkg-query; }

installed() {
    [[ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" == "install ok installed" ]]
}

need_rust() {
    have cargo || fail "there is no cargo; install Rust (with rustup) and run this again"
    if ! cargo fmt --version >/dev/null 2>&1; then
        have rustup || fail "there is no rustfmt; install it beside cargo and run this again"
        say "adding rustfmt and clippy to the Rust toolchain"
        rustup component add rustfmt clippy
    fi
}

# LLVM's static libraries need the C++ standard library, hence g++.
need_compiler() {
    if ! have cc || ! have c++; then missing+=(gcc g++ libc6-dev); fi
}

need_llvm() {
    [[ "${LLVM:-yes}" != no ]] || return 0
    if [[ -n "${LLVM_SYS_191_PREFIX:-}" ]]; then
        is_llvm_19 "$LLVM_SYS_191_PREFIX/bin/llvm-config" || fail \
            "LLVM_SYS_191_PREFIX is $LLVM_SYS_191_PREFIX, but there is no llvm-config of LLVM 19.1 in its bin/" \
            "correct it, or unset it to use the packages of the system"
    elif has_apt; then
        for package in "${llvm_packages[@]}"; do
            installed "$package" || missing+=("$package")
        done
    elif ! is_llvm_19 llvm-config-19 && ! is_llvm_19 llvm-config; then
        without_apt "LLVM 19.1 with its headers and static libraries"
    fi
}

is_llvm_19() {
    [[ "$("$1" --version 2>/dev/null)" == 19.1.* ]]
}

need_python() {
    if venv_is_current || find_python >/dev/null; then return 0; fi
    [[ -z "${TILEC_PYTHON:-}" ]] ||
        fail "TILEC_PYTHON is $TILEC_PYTHON, which is not a Python of 3.10 to 3.13 that can make a venv"
    has_apt || without_apt "Python 3.10 to 3.13 with its venv module"
    missing+=(python3 python3-venv)
}

# The first Python that can make the environment of the reference tests.
find_python() {
    local candidate
    for candidate in "${TILEC_PYTHON:-python3}" python3.12 python3.11 python3.13 python3.10 \
        /usr/bin/python3 "$HOME"/.pyenv/versions/*/bin/python3; do
        if "$candidate" - >/dev/null 2>&1 <<'PYTHON'
import ensurepip, sys, venv
sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
PYTHON
        then
            echo "$candidate"
            return 0
        fi
        [[ -z "${TILEC_PYTHON:-}" ]] || return 1
    done
    return 1
}

without_apt() {
    fail "this machine needs $1, and has no apt-get to install it with" \
        "install it your own way; then either run this again with LLVM_SYS_191_PREFIX set to where LLVM is," \
        "or build without LLVM: make LLVM=no .., which is cargo build --no-default-features"
}

install_missing() {
    (( ${#missing[@]} )) || return 0
    has_apt || without_apt "${missing[*]}"
    local as_root=()
    if (( EUID != 0 )); then
        have sudo || fail "these packages are missing: ${missing[*]}" "as root, run:" \
            "    apt-get update && apt-get install --no-install-recommends ${missing[*]}" \
            "then run this again"
        as_root=(sudo)
    fi
    say "installing with apt-get: ${missing[*]}"
    "${as_root[@]}" apt-get -q update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -q install -y --no-install-recommends "${missing[@]}" ||
        fail "apt-get could not install ${missing[*]}" \
            "where the system has no LLVM 19: set LLVM_SYS_191_PREFIX to one, or build without it: make LLVM=no .."
}

# A copy of the requirements inside the environment says what it was made from.
venv_is_current() {
    cmp -s "$requirements" .venv/requirements.txt && .venv/bin/python -c '' 2>/dev/null
}

make_venv() {
    ! venv_is_current || return 0
    local python
    python="$(find_python)" || fail "there is still no Python of 3.10 to 3.13 that can make a venv" \
        "set TILEC_PYTHON to one and run this again"
    say "making .venv with $python: $(grep -v '^#' "$requirements" | tr '\n' ' ')"
    rm -rf .venv
    "$python" -m venv .venv
    .venv/bin/python -m pip install -q --disable-pip-version-check -r "$requirements" ||
        fail "pip could not install the packages of $requirements; the line above says why"
    cp "$requirements" .venv/requirements.txt
}

# As with .venv; some 190 MB. Nothing of it needs a GPU.
cuda_is_current() {
    cmp -s "$cuda_requirements" .cuda/requirements.txt && .cuda/nvidia/cu13/bin/nvcc --version >/dev/null 2>&1
}

make_cuda() {
    if [[ -n "${TILEC_NVCC:-}" ]]; then
        "$TILEC_NVCC" --version >/dev/null 2>&1 || fail "TILEC_NVCC is $TILEC_NVCC, which is not an nvcc that runs"
        return 0
    fi
    ! cuda_is_current || return 0
    say "putting nvcc 13.0 and NVRTC into .cuda, about 190 MB"
    rm -rf .cuda
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --target .cuda -r "$cuda_requirements" ||
        fail "pip could not install the packages of $cuda_requirements; the line above says why" \
            "where they are not to be had: install CUDA 13.0 your own way and set TILEC_NVCC to its nvcc"
    # nvcc looks for the libraries it links with where CUDA's own installer puts them.
    ln -sfn lib .cuda/nvidia/cu13/lib64
    cp "$cuda_requirements" .cuda/requirements.txt
}

main
