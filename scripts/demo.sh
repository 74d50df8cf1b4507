#!/usr/bin/env bash
# Runs the three examples on the CPU, on data with outliers that it writes first,
# and checks each against the interpreter. Takes the tilec to run.
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
    printf 'This was the CPU. Emulating Tensix, and running on GPUs, comes in later versions.\n'
}

# example FOLDER KERNEL: FOLDER is the name under examples/ and for the generator.
example() {
    local folder="$1" kernel="$2" inputs=() file
    printf '\n== examples/%s: kernel %s\n' "$folder" "$kernel"
    rm -rf "${data:?}/$folder"
    mkdir -p "$data/$folder/in" "$data/$folder/out"
    .venv/bin/python tests/reference/generate.py "$folder" "$data/$folder/in"
    for file in "$data/$folder"/in/*.npy "$data/$folder"/in/*.safetensors; do
        [[ -e "$file" ]] || continue
        inputs+=(--input "$(input_name "$file")=$file")
    done
    run "$tilec" run "examples/$folder"/*.tile --kernel "$kernel" --target cpu --check "${inputs[@]}"
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
