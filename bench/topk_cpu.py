"""Selections on the CPU: every combination of sizes up to a number of keys, checked against
numpy to the bit. Writes bench/results/cpu_topk.json.

    TILEC=target/release/tilec python bench/topk_cpu.py [ELEMENTS]

The cases, the keys and the reference are those of tests/reference/test_selection.py, which
tries some of them; speed is measured by bench/cpu.py.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "reference"))

import numpy as np

import selection_runs
from machine import machine
from selection_cases import COUNTS, KINDS, LENGTHS, ROWS, TYPES, cases

ELEMENTS = 1 << 22


def sweep(elements: int) -> dict:
    """Fails at the first case that is wrong."""
    by_length = Counter()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(elements):
            try:
                selection_runs.check(case, Path(folder), seed=1)
            except AssertionError as wrong:
                raise SystemExit(f"{case}: {wrong}") from None
            by_length[case.n] += 1
            print(f"\r{sum(by_length.values())} cases, {case}    ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {"cases": sum(by_length.values()), "by_length": by_length, "seconds": round(time.perf_counter() - start)}


def main() -> None:
    elements = int(sys.argv[1]) if len(sys.argv) > 1 else ELEMENTS
    result = {
        "date": date.today().isoformat(),
        "command": f"python bench/topk_cpu.py {elements}",
        "machine": machine(),
        "versions": {"numpy": np.__version__, "python": sys.version.split()[0]},
        "tried": {
            "elements_at_most": elements,
            "types": list(TYPES),
            "directions": list(selection_runs.DIRECTIONS),
            "kinds_of_rows": [kind.__name__ for kind in KINDS],
            "rows": ROWS,
            "n": LENGTHS,
            "k": [*COUNTS, "n"],
        },
        "wrong": 0,
        **sweep(elements),
    }
    (ROOT / "bench" / "results" / "cpu_topk.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"{result['cases']} cases of {len(TYPES) * 2} selections each agree, in {result['seconds']} s")


if __name__ == "__main__":
    main()
