"""Every emitted program on this machine's GPU, against the references in numpy.

    bench/cuda/emit.sh target/release/tilec OUT
    python bench/cuda/check.py OUT [--only NAME] [--chip h200]

Contractions run at sizes in which each of M, N and K takes each of 0, 1, both
sides of what tiles are made of, and more than one tile, on random, extreme and
special (NaN, infinite) data; everything else runs at the points of its reference.
Writes bench/results/cuda_check.json.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/reference"), str(ROOT / "bench")]

import gpu  # noqa: E402
import huge  # noqa: E402
import program  # noqa: E402
import trials  # noqa: E402

# How often a process that lost the GPU is started again.
RESTARTS = 8


def main() -> None:
    arguments = parse()
    begin, failures = time.time(), []
    names = [name for name in trials.KERNELS if arguments.only in name]
    names = build(arguments, names, failures)
    rows = check_all(arguments, names, failures)
    if not arguments.only:
        rows += huge.check_all(arguments.folder, failures)
    report(arguments, rows, failures, time.time() - begin)


def build(arguments, names, failures) -> list[str]:
    """Compiles the programs; the names of those that there are for some chip."""
    begin = time.time()
    places = {(chip, name): trials.place(arguments.folder, chip, name) for name in names for chip in arguments.chip}
    told = program.build_all([folder for folder in places.values() if (folder / "manifest.json").exists()])
    for (chip, name), folder in places.items():
        if fault := told.get(folder, "not emitted"):
            failures.append(f"{chip} {name}: {fault[:1500]}")
    print(f"built {len(told)} programs in {time.time() - begin:.0f} s", flush=True)
    return [name for name in names if any(told.get(places[chip, name]) == "" for chip in arguments.chip)]


def check_all(arguments, names: list[str], failures: list[str]) -> list[dict]:
    rows, left = {}, list(names)
    for _ in range(1 + RESTARTS):
        if not left:
            break
        begun = run(arguments, left, rows, failures)
        # What it had begun and not finished is what ended it.
        left = [name for name in left if name not in rows and name not in begun]
        for name in begun:
            if name not in rows:
                rows[name] = {"kernel": name, "file": trials.KERNELS[name].file, "points": 1, "passed": 0, "worst": {}}
    failures += [f"{name}: not run" for name in left]
    return list(rows.values())


def run(arguments, names: list[str], rows: dict, failures: list[str]) -> list[str]:
    """One process over the kernels, as far as it comes; the names that it began."""
    begun = []
    script = Path(__file__).with_name("trials.py")
    command = [sys.executable, script, arguments.folder, ",".join(arguments.chip), str(arguments.seed), *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if not line.startswith("{"):
                print(line, end="")
                continue
            for kind, what in json.loads(line).items():
                if kind == "begin":
                    begun.append(what)
                elif kind == "failure":
                    failures.append(what)
                    print("FAILED", what, flush=True)
                else:
                    rows[what["kernel"]] = what
                    print(f"{what['kernel']:28} {what['passed']:4} of {what['points']:4} {what['worst']}", flush=True)
    if not begun:
        failures.append(f"no kernel was begun; exit status {process.returncode}")
        begun = names
    return begun


def report(arguments, rows, failures, seconds) -> None:
    total, passed = sum(r["points"] for r in rows), sum(r["passed"] for r in rows)
    result = gpu.header(f"python bench/cuda/check.py OUT --seed {arguments.seed}") | {
        "chips": arguments.chip,
        "seconds": round(seconds, 1),
        "kernels": len(rows),
        "points": total,
        "passed": passed,
        "note": "worst is the largest error over its bound, by chip; 0 is equal to the bit",
        "failures": failures,
        "rows": rows,
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{passed} of {total} points of {len(rows)} kernels passed, {len(failures)} failures, {seconds:.0f} s")
    for failure in failures:
        print("  ", failure[:300])
    sys.exit(bool(failures))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Checks emitted programs on this GPU.")
    parser.add_argument("folder", type=Path, help="what emit.sh wrote")
    parser.add_argument("--only", default="", help="kernels whose name has this in it")
    parser.add_argument("--chip", action="append", help="h200 and a100 unless given")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**31)
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/cuda_check.json")
    arguments = parser.parse_args()
    arguments.chip = arguments.chip or ["h200", "a100"]
    return arguments


if __name__ == "__main__":
    main()
