"""`tilec run --check` on a GPU: every contraction and rowwise program, selections, grouped
products and the examples, compared with the CPU.

    python bench/cuda/run_check.py target/release/tilec

Each program is run twice per point, which must give the same bits. Chips are `h200` and,
for the paths of Ampere on the same GPU, `a100`. Writes bench/results/cuda_run_check.json.
"""

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from run_points import OTHERS

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/reference"), str(ROOT / "bench")]

EXAMPLES = ["gemm_fp8", "batched_gemm", "rmsnorm", "softmax"]
# Sizes by how many a program has, in the order of its parameters; the last chip gets the
# first points only (and of the other programs).
POINTS = {
    2: [(77, 129), (65, 2112), (0, 63), (4097, 127)],
    3: [(77, 129, 127), (1, 63, 65), (0, 65, 63), (129, 127, 0), (65, 2112, 129), (2112, 129, 640), (4097, 77, 2112)],
    4: [(3, 65, 77, 129), (2, 129, 63, 127), (1, 0, 65, 63), (2, 127, 513, 256)],
}
CHIPS = {"h200": (7, 6), "a100": (3, 1)}
# What a size counts in, where it is not one element.
UNITS = {"G": 128, "H": 64}
AT_ONCE = 14


def jobs() -> list[tuple[str, Path, str, dict[str, int]]]:
    """Chip, file, kernel and sizes of every run."""
    files = sorted(ROOT.glob("tests/cases/contract/*.tile")) + sorted(ROOT.glob("tests/cases/rowwise/*.tile"))
    files += [ROOT / f"examples/{name}/{name}.tile" for name in EXAMPLES]
    found = []
    for chip, (most, most_of_others) in CHIPS.items():
        for file in files:
            for kernel, names in kernels(file).items():
                for point in POINTS.get(len(names), [])[:most]:
                    sizes = {name: -(-size // UNITS.get(name, 1)) for name, size in zip(names, point)}
                    found.append((chip, file, kernel, sizes))
        for place, of_kernels in OTHERS.items():
            names = kernels(file := ROOT / f"{place}.tile")
            for kernel, points in of_kernels.items():
                for point in points[:most_of_others]:
                    found.append((chip, file, kernel, dict(zip(names[kernel], point, strict=True))))
    return found


def kernels(file: Path) -> dict[str, list[str]]:
    """Kernels of a file with the names of their sizes."""
    found = re.findall(r"^kernel (\w+)\[([^\]]*)\]", file.read_text(), re.MULTILINE)
    return {name: [size.split("=")[0].strip() for size in sizes.split(",")] for name, sizes in found}


def run(tilec: str, chip: str, file: Path, kernel: str, sizes: dict[str, int]) -> dict:
    words = [word for name, size in sizes.items() for word in ("--set", f"{name}={size}")]
    command = [tilec, "run", str(file), "--kernel", kernel, "--target", "cuda", "--chip", chip, "--check"]
    try:
        done = subprocess.run([*command, "--repeat", "2", *words], capture_output=True, text=True, timeout=60)
        passed, said = done.returncode == 0, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        passed, said = False, "took more than 60 s"
    row = {"file": str(file.relative_to(ROOT)), "kernel": kernel, "chip": chip, "sizes": sizes, "passed": passed}
    return row if passed else row | {"said": said.replace(str(ROOT), ".")[-1500:].splitlines()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Checks runs on a GPU against the CPU.")
    parser.add_argument("tilec")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/cuda_run_check.json")
    parser.add_argument("--seconds", type=float, default=3600, help="start no more runs after so many")
    parser.add_argument("--more", action="store_true", help="go on with what the file of results lacks")
    arguments = parser.parse_args()
    begin = time.time()
    os.environ.setdefault("RAYON_NUM_THREADS", "2")
    rows = json.loads(arguments.json.read_text())["rows"] if arguments.more else []
    done = [(row["chip"], ROOT / row["file"], row["kernel"], row["sizes"]) for row in rows]
    everything = [job for job in jobs() if job not in done]
    # The first of each program compiles it, the others find it in the cache.
    first = {job[:3]: job for job in reversed(everything)}
    rest = [job for job in everything if first[job[:3]] is not job]

    def in_time(job) -> dict | None:
        return run(arguments.tilec, *job) if time.time() < begin + arguments.seconds else None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        in_turn = [pool.map(in_time, some) for some in (first.values(), rest)]
        for row in filter(None, itertools.chain(*in_turn)):
            rows.append(row)
            if not row["passed"]:
                print("FAILED", row["file"], row["kernel"], row["chip"], row["sizes"], "\n".join(row["said"][-6:]), flush=True)
    import gpu

    result = gpu.header("python bench/cuda/run_check.py TILEC")
    passed, left = sum(row["passed"] for row in rows), len(jobs()) - len(rows)
    result |= {"points": len(rows), "passed": passed, "not_run": left, "rows": rows}
    arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{passed} of {len(rows)} runs passed, {left} not run, {time.time() - begin:.0f} s")
    sys.exit(passed < len(rows) + left)


if __name__ == "__main__":
    main()
