"""Writes inputs for an example, outliers included, one file per input:

    python tests/reference/generate.py gemm_fp8 DIR
    python tests/reference/generate.py topk DIR --npy --size M=4 --size N=1000 --seed 1

FP8 and bf16 become .safetensors, which has these types; everything else, and with
--npy everything, becomes .npy, where FP8 and bf16 are their bits as uint8 and
uint16. The names of the files are the names of the inputs.
"""

import argparse
from pathlib import Path

import numpy as np

import gemm
import moe
import rowwise
import sampling
from data import heavy
from formats import BF16, E4M3, E5M2, save

# For each example: the sizes, in the order that the function takes them, and the function.
EXAMPLES = {
    "gemm_fp8": ({"M": 77, "N": 200, "K": 520}, gemm.make_gemm_fp8),
    "fusedmoe": ({"T": 65, "D": 96, "F": 64, "E": 16}, lambda rng, *p: moe.make_fused_moe(rng, *p, 8)),
    "topk": ({"M": 16, "N": 10007}, lambda rng, m, n: {"x": heavy(rng, m, n)}),
    "rmsnorm": ({"M": 65, "N": 1000}, rowwise.make_rmsnorm),
    "softmax": ({"M": 65, "N": 1000}, rowwise.make_matrix),
    "batched_gemm": ({"B": 3, "M": 65, "N": 77, "K": 129}, gemm.make_batched_gemm),
    "sample": ({"R": 16, "V": 1000}, lambda rng, r, v: sampling.make_sample(rng, r, v, 50, 0)),
    "top_p": ({"R": 16, "V": 1000}, sampling.make_top_p),
}


def main() -> None:
    arguments = parse()
    sizes, make = EXAMPLES[arguments.example]
    for name, value in arguments.size:
        if name not in sizes:
            raise SystemExit(f"{arguments.example} has no size {name}; it has {', '.join(sizes)}")
        sizes[name] = value
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, array in make(np.random.default_rng(arguments.seed), *sizes.values()).items():
        array = np.asarray(array)
        native = array.dtype in (E4M3, E5M2, BF16) and not arguments.npy
        path = arguments.folder / f"{name}.{'safetensors' if native else 'npy'}"
        save(path, name, array)
        print(f"{path}: {array.dtype.name} {' x '.join(map(str, array.shape)) or 'scalar'}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Writes inputs for an example.")
    parser.add_argument("example", choices=EXAMPLES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--npy", action="store_true", help="write .npy only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", action="append", default=[], type=size, metavar="NAME=INT")
    return parser.parse_args()


def size(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    if not value.isdigit():
        raise argparse.ArgumentTypeError(f"write it as NAME=INT, not {text}")
    return name, int(value)


if __name__ == "__main__":
    main()
