"""Dense products and rowwise programs beside their peers, in one run on one GPU.

    bench/cuda/emit.sh target/release/tilec OUT
    python bench/cuda/speed.py OUT

Every candidate's result is checked first. Peers are torch's: cuBLASLt through
torch._scaled_mm and torch.matmul. Writes bench/results/cuda_gemm.json and
bench/results/cuda_rowwise.json; bench/cuda/plot.py draws them.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/reference"), str(ROOT / "bench")]

import gpu  # noqa: E402
import program  # noqa: E402
import rowwise_speed  # noqa: E402
import timing  # noqa: E402
import torch_peers as peers  # noqa: E402

SHAPES = [
    (8192, 8192, 8192),
    (4096, 4096, 4096),
    (4096, 24576, 1536),
    (4096, 32768, 512),
    (4096, 7168, 16384),
    (4096, 4096, 7168),
    (4096, 7168, 2048),
    (4096, 2112, 7168),
    (128, 7168, 16384),
    (128, 4096, 7168),
    (64, 7168, 2048),
    (16, 7168, 16384),
]
OURS = {
    "block": "scaled__scaled_usual",
    "rows": "scaled__scaled_rows",
    "tensor": "scaled__scaled_tensor",
    "tensor_never": "scaled__scaled_tensor_never",
    "bf16": "types__gemm_bf16",
}
# Which peer each of ours is compared with.
RATIOS = {
    "block": "torch_block",
    "rows": "torch_rows",
    "tensor": "torch_tensor_fast",
    "tensor_never": "torch_tensor_fast",
    "bf16": "torch_bf16",
}
# What the rounding of the result to bf16 and FP8 sums make of the norm of a row.
ROW_ERROR = 5e-3


def measure(shape, built, failures, memory) -> dict:
    m, n, k = shape
    data = peers.Data(m, n, k)
    ours = {name: ours_on(data, name, built[name]) for name in OURS if name in built}
    candidates = {**ours, **peers.candidates(data)}
    checked = {}
    for name, (run, out, expected) in candidates.items():
        try:
            run()
            torch.cuda.synchronize()
            error = row_error(out(), expected)
            if error > ROW_ERROR:
                raise AssertionError(f"a row is off by {error} of its norm")
            checked[name] = run
        except (AssertionError, RuntimeError, program.Refused) as error:
            failures.append(f"{name} at {shape}: {error!s:.300}")
            print("FAILED", failures[-1], flush=True)
    # What reading the operands alone takes, under the same conditions.
    operands = torch.empty(m * k + n * k, dtype=torch.uint8, device="cuda").random_()
    checked["read"] = memory.read(operands, torch.empty(4, dtype=torch.uint8, device="cuda"))
    us = timing.microseconds(checked)
    ratios = {name: round(us[peer] / us[name], 4) for name, peer in RATIOS.items() if name in us and peer in us}
    tflops = {name: round(2 * m * n * k / t / 1e6, 1) for name, t in us.items() if name != "read"}
    weights = {name: round((m * k + n * k) * size(name) / t * 1e6) for name, t in us.items()}
    print(f"{'x'.join(map(str, shape)):>18}", {n: f"{t} us {tflops.get(n, '')}" for n, t in us.items()}, ratios, flush=True)
    return {"shape": list(shape), "us": us, "tflops": tflops, "operand_bytes_per_second": weights, "ratio": ratios}


def size(name: str) -> int:
    return 2 if name.endswith("bf16") else 1


def ours_on(data, name: str, built) -> tuple:
    """A launch, its output, and what it must be."""
    sizes = {"M": data.m, "N": data.n, "K": data.k}
    inputs, expected = data.operands(name)
    c = torch.empty(data.m, data.n, dtype=torch.bfloat16, device="cuda").fill_(float("nan"))
    return timing.Ours(built, sizes, {**inputs, "c": c}), lambda: c, expected


def row_error(got: torch.Tensor, expected) -> float:
    """The largest norm of a row's error over the norm of the row."""
    value = expected()
    error = (got.float() - value).norm(dim=1) / value.norm(dim=1)
    return float(error.nan_to_num(nan=math.inf).max())


def geomean(values: list[float]) -> float | None:
    return round(math.exp(sum(map(math.log, values)) / len(values)), 4) if values else None


def gemm(folder: Path, memory, bandwidth: dict) -> tuple[dict, list[str]]:
    failures: list[str] = []
    folders = {name: folder / "h200" / at for name, at in OURS.items()}
    told = program.build_all([f for f in folders.values() if (f / "manifest.json").exists()])
    failures += [f"{name}: {told.get(f, 'not emitted')[:800]}" for name, f in folders.items() if told.get(f, "x")]
    built = {name: program.Program(f) for name, f in folders.items() if told.get(f) == ""}
    rows = [measure(shape, built, failures, memory) for shape in SHAPES]
    torch.cuda.empty_cache()
    means = {name: geomean([row["ratio"][name] for row in rows if name in row["ratio"]]) for name in RATIOS}
    print("geometric means of ratios:", means)
    note = "ratio is the peer's time over ours; operands are read from memory, the cache is flushed before each launch"
    result = gpu.header("python bench/cuda/speed.py OUT") | {
        "note": note,
        "repeats": timing.REPEATS,
        "bytes_per_second": bandwidth,
        "peers": RATIOS,
        "geomean": means,
        "failures": failures,
        "rows": rows,
    }
    return result, failures


def main() -> None:
    parser = argparse.ArgumentParser(description="Times emitted programs beside their peers.")
    parser.add_argument("folder", type=Path, help="what emit.sh wrote")
    parser.add_argument("--results", type=Path, default=ROOT / "bench/results")
    parser.add_argument("--only", choices=["cuda_gemm", "cuda_rowwise"], help="one of the two files")
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    memory = timing.Memory(arguments.folder)
    bandwidth = {kind: round(rate) for kind, rate in memory.bandwidth().items()}
    print({kind: f"{rate / 1e12:.2f} TB/s" for kind, rate in bandwidth.items()}, flush=True)
    torch.cuda.empty_cache()
    arguments.results.mkdir(parents=True, exist_ok=True)
    failures = []
    parts = {"cuda_gemm": gemm, "cuda_rowwise": rowwise_speed.rowwise}
    for name in [arguments.only] if arguments.only else parts:
        result, found = parts[name](arguments.folder, memory, bandwidth)
        (arguments.results / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        failures += found
    for failure in failures:
        print("FAILED", failure[:300])
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
