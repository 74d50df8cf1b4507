"""Time of kernels on the CPU, beside numpy on the same machine, the same data sizes
and the same number of threads. Writes bench/results/cpu.json and cpu.svg.

    python bench/cpu.py [THREADS]

Our side is the Rust program examples/cpu_bench.rs, which prints one line of JSON
per row: {"name", "sizes", "seconds": [..]}. Times are of a call on arrays that are
in memory, without compiling and without files; the first one is left out.
"""

import os
import sys

THREADS = sys.argv[1] if len(sys.argv) > 1 else str(os.cpu_count())
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = THREADS  # before numpy is loaded

import json
import statistics
import subprocess
import time
from datetime import date
from pathlib import Path

import numpy as np

from machine import machine
from peers import PEERS
from plot import bars

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
REPEATS = 11
# Each row may take at most so many times as long as this.
LIMITS = {
    "gemm_f32": ("numpy", 4.0),
    "gemm_fp8": ("gemm_f32", 2.0),
    "topk": ("numpy", 1.0),
    "topk_long": ("numpy", 1.0),
    "topk_many": ("numpy", 1.0),
    "topk_short": ("numpy", 1.0),
    "topk_all": ("numpy", 1.0),
    "fused_moe": ("numpy", 4.0),
    "moe_few": ("numpy", 4.0),
    "moe_zipf": ("numpy", 4.0),
}


def ours() -> list[dict]:
    command = ["cargo", "run", "--release", "--quiet", "--example", "cpu_bench"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    missing = LIMITS.keys() - {row["name"] for row in rows}
    assert not missing, f"cpu_bench printed no row {', '.join(sorted(missing))}"
    return [row for row in rows if row["name"] in LIMITS]


def numpy_seconds(name: str, sizes: dict[str, int]) -> list[float]:
    call = PEERS[name](np.random.default_rng(0), **sizes)
    call()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def measure() -> list[dict]:
    rows = ours()
    medians = {row["name"]: statistics.median(row["seconds"]) for row in rows}
    for row in rows:
        assert len(row["seconds"]) >= 10, f"{row['name']} was measured {len(row['seconds'])} times only"
        row["median"] = medians[row["name"]]
        row["numpy_seconds"] = numpy_seconds(row["name"], row["sizes"])
        row["numpy_median"] = statistics.median(row["numpy_seconds"])
        reference, limit = LIMITS[row["name"]]
        against = row["numpy_median"] if reference == "numpy" else medians[reference]
        row |= {"against": reference, "ratio": row["median"] / against, "limit": limit}
    return rows


def blas() -> str:
    information = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{information['name']} {information['version']}"


def main() -> None:
    load = os.getloadavg()[0]  # what else the machine was doing
    rows = measure()
    for row in rows:
        verdict = "" if row["ratio"] <= row["limit"] else "  OVER THE LIMIT"
        print(
            f"{row['name']:10} {row['median'] * 1e3:9.2f} ms   numpy {row['numpy_median'] * 1e3:9.2f} ms   "
            f"{row['ratio']:5.2f} of {row['against']}, at most {row['limit']:.0f}{verdict}"
        )
    result = {
        "date": date.today().isoformat(),
        "command": "python bench/cpu.py",
        "machine": machine(),
        "threads": int(THREADS),
        "load_before": round(load, 2),
        "versions": {"numpy": np.__version__, "blas": blas(), "python": sys.version.split()[0]},
        "rows": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cpu.json").write_text(json.dumps(result, indent=2) + "\n")
    pairs = [(row["name"], row["median"], row["numpy_median"]) for row in rows]
    bars(RESULTS / "cpu.svg", f"Milliseconds on {THREADS} threads, less is better", pairs)


if __name__ == "__main__":
    main()
