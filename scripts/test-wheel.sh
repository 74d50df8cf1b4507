#!/usr/bin/env bash
# Tests a wheel as its users have it: installed into fresh environments, first without
# anything else, then with NumPy, then with PyTorch beside it.
#
#   test-wheel.sh FOLDER    the wheel in this folder; by default dist
#   test-wheel.sh --torch   only installs PyTorch, which may run beside a build
#   CI=..                   makes the leg with PyTorch install PyTorch if it is not there
#   TILEC_TORCH=..          so does any value of this
#
# Elsewhere that leg runs where .torch is there already, and says when it is skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tests=python/requirements-test.txt
torch=python/requirements-torch.txt

say() { printf 'test-wheel: %s\n' "$*" >&2; }

python=.venv/bin/python

# What is imported once is not compiled for later.
install() { "$1/bin/python" -m pip install -q --disable-pip-version-check --no-compile "${@:2}"; }

# Nothing beside the tests is called tilec, so they import what is installed.
tested() { "$PWD/$1/bin/python" -m pytest -q -p no:cacheprovider --rootdir "$PWD/python" "${@:2}"; }

alone() {
    rm -rf .wheel
    "$python" -m venv .wheel
    install .wheel --no-index --no-deps "${wheel[0]}"
    (cd .wheel && bin/python - <<'PYTHON'
import tilec

text = "kernel add[N](x: f32[N], y: f32[N]) -> (z: f32[N]) { z[n] = x[n] + y[n] }"
assert tilec.check(text) == []
assert "__global__" in tilec.load(text, chip="h200").source
assert "add" in tilec.load(text, target="cpu").explain()
PYTHON
    )
}

with_numpy() {
    install .wheel -r "$tests"
    tested .wheel "$PWD/python/tests"
}

torch_is_current() { cmp -s "$torch" .torch/requirements.txt; }

# Without what PyTorch names but loads on GPUs only: the list is whole, so pip adds nothing.
make_torch() {
    if torch_is_current; then return 0; fi
    if [[ -z "${CI:-}${TILEC_TORCH:-}" ]]; then
        say "skipped with PyTorch, which is not installed here; TILEC_TORCH=1 make test-wheel installs it into .torch"
        return 0
    fi
    say "putting $(grep '^torch==' "$torch") into .torch, about 2 GB to download"
    rm -rf .torch
    "$python" -m venv .torch
    install .torch -r "$tests"
    install .torch --no-deps -r "$torch"
    cp "$torch" .torch/requirements.txt
}

# The files that name torch; the others have just passed.
with_torch() {
    if ! torch_is_current; then return 0; fi
    local files
    mapfile -t files < <(grep -l torch "$PWD"/python/tests/test_*.py)
    install .torch --no-deps --force-reinstall "${wheel[0]}"
    TILEC_TORCH=required tested .torch -W "ignore::UserWarning" "${files[@]}"
}

if [[ "${1:-}" == --torch ]]; then
    make_torch
    exit
fi
folder="${1:-dist}"
wheel=("$folder"/tilec-*.whl)
[[ ${#wheel[@]} == 1 && -f "${wheel[0]}" ]] || { say "there is no wheel in $folder/; run make wheel"; exit 1; }
make_torch
alone
with_numpy
with_torch
