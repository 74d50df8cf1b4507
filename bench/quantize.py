"""What FP8 with scales per block saves on activations with outliers.

    python bench/quantize.py target/release/tilec [--target cpu --target tt:wormhole_n150 ..]

Quantizes normal matrices in which one column in 1,024 is larger than the others, as a few
channels of language models are, with the kernels of bench/quantize.tile on every target, and
measures the relative error of the ordinary columns after dequantization: the root of the mean
of its square. Adds to bench/results/quantize.json a row for each target, and draws them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import ml_dtypes
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))

from machine import machine  # noqa: E402

ROWS, COLUMNS = 128, 2048
# One column in so many holds outliers, which are so much larger.
EVERY, LARGER = 1024, [1, 100, 1_000, 10_000, 100_000]
KERNELS = {"blocks_of_64": 64, "blocks_of_128": 128, "whole_tensor": None}
TARGETS = ["cpu", "tt:wormhole_n150", "tt:blackhole_p150"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tilec", type=Path)
    parser.add_argument("--target", action="append", help="cpu, cuda, or either with :CHIP")
    arguments = parser.parse_args()
    rows = {target: measure(arguments.tilec.resolve(), target) for target in arguments.target or TARGETS}
    path = ROOT / "bench/results/quantize.json"
    known = json.loads(path.read_text())["rows"] if path.exists() else {}
    result = {
        "command": "bench/quantize.py",
        "date": date.today().isoformat(),
        "machine": machine(),
        "data": f"bf16[{ROWS}, {COLUMNS}], normal, one column in {EVERY} times `larger`",
        "error": "relative root mean square of the columns without outliers",
        "larger": LARGER,
        "rows": known | rows,
    }
    path.write_text(json.dumps(result, indent=1) + "\n")
    draw(result)
    for target, errors in rows.items():
        print(target, errors)
        worst = max(errors["blocks_of_64"][-1], errors["blocks_of_128"][-1])
        if worst > errors["whole_tensor"][-1] / 2:
            sys.exit(f"on {target} blocks save less than half of the error")


def measure(tilec: Path, target: str) -> dict[str, list[float]]:
    random = np.random.default_rng(0)
    normal = random.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    ordinary = np.arange(COLUMNS) % EVERY != 0
    errors = {kernel: [] for kernel in KERNELS}
    for larger in LARGER:
        values = np.where(ordinary, normal, larger * normal).astype(ml_dtypes.bfloat16)
        exact = values.astype(np.float64)[:, ordinary]
        for kernel, block in KERNELS.items():
            restored = quantize(tilec, target, kernel, block, values)[:, ordinary]
            error = np.sqrt(((restored - exact) ** 2).mean() / (exact**2).mean())
            errors[kernel].append(round(float(error), 6))
    return errors


def draw(result: dict) -> None:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams["svg.hashsalt"] = "tilec"
    figure, axes = plt.subplots(figsize=(6, 3.5))
    # Targets that agree lie on each other.
    for target, errors in result["rows"].items():
        for kernel, style in zip(KERNELS, ["o-", "s-", "^-"]):
            axes.loglog(result["larger"], errors[kernel], style, label=f"{target} {kernel}", markersize=4)
    axes.set_xlabel("how much larger outliers are")
    axes.set_ylabel("relative error of the others")
    axes.legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(ROOT / "bench/results/quantize.svg", metadata={"Date": None})


def quantize(tilec: Path, target: str, kernel: str, block: int | None, values) -> np.ndarray:
    """The matrix after quantization and back."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.npy" for name in ["x", "q", "scale"]}
        np.save(paths["x"], values.view(np.uint16))
        name, _, chip = target.partition(":")
        command = [tilec, "run", ROOT / "bench/quantize.tile", "--kernel", kernel, "--target", name]
        command += ["--chip", chip] if chip else []
        command += ["--input", f"x={paths['x']}", "--output", f"q={paths['q']}", "--output", f"scale={paths['scale']}"]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{kernel} on {target}: {done.stderr}")
        codes = np.load(paths["q"]).view(ml_dtypes.float8_e4m3fn)
        scale = np.load(paths["scale"]).astype(np.float64)
    wide = np.repeat(scale, block, axis=1) if block else scale
    return codes.astype(np.float64) * wide


if __name__ == "__main__":
    main()
