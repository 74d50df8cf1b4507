"""Nsight Compute on our products and their peers, on shapes where a peer is close or ahead.

    bench/cuda/emit.sh target/release/tilec OUT
    python bench/cuda/profile.py OUT

Runs this script again under ncu, clocks left alone, once for all shapes: each launch is
profiled after one that warms it up. Writes bench/results/cuda_profile.json: by shape and
product the kernel that took longest and what the counters said.
"""

import argparse
import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/reference"), str(ROOT / "bench")]

SHAPES = [(8192, 8192, 8192), (4096, 32768, 512), (4096, 7168, 2048), (4096, 2112, 7168), (16, 7168, 16384)]
PRODUCTS = ["block", "torch_block", "tensor", "tensor_never", "torch_tensor_fast", "bf16", "torch_bf16"]
METRICS = {
    "us": "gpu__time_duration.sum",
    "tensor_pipe_percent": "sm__inst_executed_pipe_tensor.avg.pct_of_peak_sustained_elapsed",
    "tensor_busy_percent": "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_elapsed",
    "issue_percent": "sm__inst_issued.avg.pct_of_peak_sustained_elapsed",
    "dram_percent": "dram__throughput.avg.pct_of_peak_sustained_elapsed",
    "l2_percent": "lts__throughput.avg.pct_of_peak_sustained_elapsed",
    "sm_megahertz": "sm__cycles_elapsed.avg.per_second",
    "dram_read_bytes": "dram__bytes_read.sum",
    "dram_written_bytes": "dram__bytes_write.sum",
    "stalled_on_barriers_percent": "smsp__average_warps_issue_stalled_barrier_per_issue_active.pct",
    "stalled_on_loads_percent": "smsp__average_warps_issue_stalled_long_scoreboard_per_issue_active.pct",
    "stalled_on_tensor_percent": "smsp__average_warps_issue_stalled_gmma_per_issue_active.pct",
}


def inside(folder: Path) -> None:
    """What runs under ncu: each product once more, after a first time."""
    import program
    import torch
    import torch_peers
    from speed import OURS, ours_on

    built = {name: program.Program(folder / "h200" / OURS[name]) for name in PRODUCTS if name in OURS}
    for shape in SHAPES:
        data = torch_peers.Data(*shape)
        everything = {name: ours_on(data, name, program) for name, program in built.items()}
        everything |= torch_peers.candidates(data)
        for name in PRODUCTS:
            run = everything[name][0]
            run()
            torch.cuda.synchronize()
            torch.cuda.nvtx.range_push(f"{'x'.join(map(str, shape))}/{name}")
            torch.cuda.cudart().cudaProfilerStart()
            run()
            torch.cuda.synchronize()
            torch.cuda.cudart().cudaProfilerStop()
            torch.cuda.nvtx.range_pop()


def profile(folder: Path, ncu: str) -> str:
    """What ncu prints: a row of CSV per kernel and metric."""
    command = [ncu, "--clock-control", "none", "--profile-from-start", "off", "--csv", "--nvtx"]
    command += ["--print-nvtx-rename", "kernel", "--metrics", ",".join(METRICS.values())]
    done = subprocess.run(
        [*command, sys.executable, __file__, str(folder), "--inside"], capture_output=True, text=True, timeout=100
    )
    if done.returncode:
        sys.exit(f"ncu: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def rows(text: str) -> list[dict]:
    """By kernel: where it was launched from, its name, and its metrics."""
    lines = [line for line in text.splitlines() if line.startswith('"')]
    found: dict[str, dict] = {}
    names = {metric: name for name, metric in METRICS.items()}
    for row in csv.DictReader(io.StringIO("\n".join(lines))):
        place = next((value for value in row.values() if value and re.search(r"\d+x\d+x\d+/\w+", value)), "")
        place = re.search(r"\d+x\d+x\d+/\w+", place)
        kernel = found.setdefault(row["ID"], {"of": place and place.group(), "kernel": row["Kernel Name"]})
        if name := names.get(row["Metric Name"]):
            kernel[name] = number(row["Metric Value"], row["Metric Unit"])
    return list(found.values())


def number(value: str, unit: str) -> float | None:
    """A value in the unit that its name gives."""
    times = {"ns": 1e-3, "nsecond": 1e-3, "ms": 1e3, "msecond": 1e3, "second": 1e6, "s": 1e6}
    times |= {"Kbyte": 1e3, "Mbyte": 1e6, "Gbyte": 1e9, "hz": 1e-6, "Hz": 1e-6, "Ghz": 1e3, "GHz": 1e3}
    times |= {"cycle/nsecond": 1e3, "cycle/second": 1e-6, "cycle/usecond": 1.0, "cycle/ns": 1e3}
    try:
        return round(float(value.replace(",", "")) * times.get(unit, 1.0), 3)
    except ValueError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description="Profiles products and their peers.")
    parser.add_argument("folder", type=Path, help="what emit.sh wrote")
    parser.add_argument("--inside", action="store_true", help="launch the products, and nothing else")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/cuda_profile.json")
    arguments = parser.parse_args()
    if arguments.inside:
        return inside(arguments.folder)
    import gpu
    import program
    from speed import OURS

    program.build_all([arguments.folder / "h200" / OURS[name] for name in PRODUCTS if name in OURS])
    ncu = shutil.which("ncu") or "/usr/local/cuda/bin/ncu"
    text = profile(arguments.folder, ncu)
    arguments.json.with_suffix(".csv.log").write_text(text)
    result = gpu.header("python bench/cuda/profile.py OUT") | {"metrics": METRICS, "kernels": rows(text)}
    arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    for row in result["kernels"]:
        print(row)


if __name__ == "__main__":
    main()
