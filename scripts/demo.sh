#!/usr/bin/env bash
# Runs the three examples on the CPU, on data with outliers that it writes first,
# and checks each against the interpreter; then the first one in the emulator of Tensix
# cores. Takes the tilec to run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tilec="$1"
data=target/demo

main() {
    example gemm_fp8 gemm_fp8
    example fusedmoe fused_moe
    example topk topk
    if [[ "${LLVM:-yes}" == no ]]; then
        printf '\nThis tilec has no LLVM: the interpreter itself ran all three.'
    else
        printf '\nAll three agree with the interpreter.'
    fi
    printf ' The files are under %s.\n' "$data"
    tensix gemm_fp8 gemm_fp8
    printf '\nThe kernels that were emitted for Tensix cores agree with the CPU; they ran in the emulator.\n'
    printf 'On a machine with an NVIDIA GPU, --target cuda runs the same programs there.\n'
}

# example FOLDER KERNEL: FOLDER is the name under examples/ and for the generator.
example() {
    local folder="$1" kernel="$2" inputs=()
    printf '\n== examples/%s: kernel %s\n' "$folder" "$kernel"
    rm -rf "${data:?}/$folder"
    mkdir -p "$data/$folder/in" "$data/$folder/out"
    .venv/bin/python tests/reference/generate.py "$folder" "$data/$folder/in"
    find_inputs "$folder"
    run "$tilec" run "examples/$folder/$folder.tile" --kernel "$kernel" --target cpu --check "${inputs[@]}"
}

# tensix FOLDER KERNEL: the same, after `example`, on emulated Tensix cores.
tensix() {
    local folder="$1" kernel="$2" inputs=()
    printf '\n== examples/%s: kernel %s, on Tensix cores\n' "$folder" "$kernel"
    find_inputs "$folder"
    run "$tilec" run "examples/$folder/$folder.tile" --kernel "$kernel" --target tt --check "${inputs[@]}"
}

# find_inputs FOLDER: sets `inputs` to the options that name its input files.
find_inputs() {
    local file
    for file in "$data/$1"/in/*.npy "$data/$1"/in/*.safetensors; do
        [[ -e "$file" ]] || continue
        inputs+=(--input "$(input_name "$file")=$file")
    done
}

# The input that a file is for: NAME.npy and NAME.safetensors hold the input NAME.
input_name() {
    local name="${1##*/}"
    echo "${name%.*}"
}

run() {
    printf '$ %s\n' "$*"
    "$@"
}

main
