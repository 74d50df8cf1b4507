"""From `.tile` to emitted text, and from there to the first launch.

    python bench/cuda/latency.py target/release/tilec

Emitting is the wall time of whole `tilec compile` processes, the median of 20, and
needs no GPU. With one, `tilec run` is started on an empty cache and again on the
one that it left; the times are what it prints itself (emitted, compiled or loaded)
plus that of a process that only reads and checks the program. Creating the context
of CUDA is not in them; the whole process, with it, is given beside them.
Writes bench/results/cuda_latency.json.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench"))

from machine import machine  # noqa: E402

REPEATS, RUNS = 20, 5
UNITS = {"s": 1e3, "ms": 1.0, "µs": 1e-3, "ns": 1e-6}
SIZES = {
    "examples/gemm_fp8/gemm_fp8.tile": {"M": 256, "N": 256, "K": 256},
    "examples/rmsnorm/rmsnorm.tile": {"M": 64, "N": 1024},
    "examples/batched_gemm/batched_gemm.tile": {"B": 2, "M": 128, "N": 128, "K": 128},
    "examples/fusedmoe/fusedmoe.tile": {"T": 64, "D": 512, "F": 256, "E": 16},
}


def run(command: list[str], **environment) -> tuple[float, str]:
    """Milliseconds of wall time, and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    wall = (time.perf_counter() - start) * 1e3
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-600:]}")
    return wall, done.stdout


def median_wall(command: list[str]) -> float:
    return round(statistics.median(run(command)[0] for _ in range(REPEATS)), 3)


def emitting(tilec: str) -> list[dict]:
    rows = []
    for file in sorted(ROOT.glob("examples/*/*.tile")):
        for kernel in re.findall(r"^kernel (\w+)", file.read_text(), re.MULTILINE):
            with tempfile.TemporaryDirectory() as folder:
                command = [tilec, "compile", str(file), "--kernel", kernel, "--target", "cuda", "--chip", "h200"]
                wall = median_wall([*command, "-o", folder])
            rows.append({"file": str(file.relative_to(ROOT)), "kernel": kernel, "milliseconds": wall})
            print(f"{kernel:20} {wall:8.2f} ms to emitted text")
    return rows


def milliseconds(text: str, what: str) -> float:
    """`emitted in 1.2ms` as a number."""
    number, unit = re.search(rf"{what}[^,]*? in ([0-9.]+)([a-zµ]+)", text).groups()
    return float(number) * UNITS[unit]


def first_and_cached(tilec: str) -> list[dict]:
    rows = []
    for file, sizes in SIZES.items():
        command = [tilec, "run", str(ROOT / file), "--target", "cuda"]
        command += [word for name, size in sizes.items() for word in ("--set", f"{name}={size}")]
        reading = median_wall([tilec, "check", str(ROOT / file)])
        with tempfile.TemporaryDirectory() as cache:
            runs = [run(command, TILEC_CACHE=cache) for _ in range(1 + RUNS)]
        to_launch = [reading + sum(milliseconds(text, w) for w in ("emitted", "(?:compiled|loaded from the cache)")) for _, text in runs]
        rows.append(
            {
                "file": file,
                "first_milliseconds": round(to_launch[0], 2),
                "cached_milliseconds": round(statistics.median(to_launch[1:]), 2),
                "first_process_milliseconds": round(runs[0][0], 1),
                "cached_process_milliseconds": round(statistics.median(wall for wall, _ in runs[1:]), 1),
            }
        )
        print(rows[-1], runs[0][1].strip().splitlines()[-1])
    return rows


def main(tilec: str, output: Path) -> None:
    asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    gpu = subprocess.run(asked, capture_output=True, text=True) if has_gpu() else None
    result = {
        "date": date.today().isoformat(),
        "command": "python bench/cuda/latency.py target/release/tilec",
        "machine": machine() | ({"gpu": gpu.stdout.strip()} if gpu else {}),
        "repeats": REPEATS,
        "emitted": emitting(tilec),
        "launched": first_and_cached(tilec) if gpu else [],
    }
    output.write_text(json.dumps(result, indent=1) + "\n")


def has_gpu() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidia0").exists()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "bench/results/cuda_latency.json")
