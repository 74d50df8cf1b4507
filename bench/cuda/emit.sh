#!/usr/bin/env bash
# Emits every program that check.py, sanitize.py and speed.py run, for each chip:
#     bench/cuda/emit.sh TILEC OUT [CHIP..]
# OUT/CHIP/FILE__KERNEL then has KERNEL.cu, KERNEL.h and manifest.json, which is all
# that the machine with the GPU needs beside nvcc and Python.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tilec="$1" out="$2"
shift 2
chips=("$@")
(( ${#chips[@]} )) || chips=(h200 a100)
failed=0

for file in examples/*/*.tile tests/cases/{idioms,contract,rowwise,select}/*.tile; do
    for kernel in $(sed -n 's/^kernel \([A-Za-z0-9_]*\).*/\1/p' "$file"); do
        for chip in "${chips[@]}"; do
            folder="$out/$chip/$(basename "$file" .tile)__$kernel"
            rm -rf "$folder"
            mkdir -p "$folder"
            if ! said="$("$tilec" compile "$file" --kernel "$kernel" --target cuda --chip "$chip" -o "$folder" 2>&1)"; then
                printf 'emit: %s for %s: %s\n' "$kernel" "$chip" "${said:0:300}" >&2
                failed=1
            fi
        done
    done
done
exit "$failed"
