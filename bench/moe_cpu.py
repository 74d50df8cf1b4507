"""Layers of experts on the CPU at all sizes, checked against numpy, each run twice with equal
bits. Writes bench/results/cpu_moe.json.

    TILEC=target/release/tilec python bench/moe_cpu.py

Numbers of tokens, experts and slots in every combination that has at most 2^17 rows, each with
a way of routing and a ragged width in turn; and every form of grouped rows with groups of 0,
1, 63, 65, 77, 100, 127 and 129 rows, in eight orders. The references are those of
tests/reference, which tries some of this; speed is measured by bench/cpu.py.
"""

import json
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "reference"))

import numpy as np

import moe
import moe_forms
import moe_layers
import tilec
from machine import machine
from moe_routers import E_SIZES, SPREADS, T_SIZES, counts

MOST_ROWS = 1 << 17
WIDTHS = [(33, 17), (65, 24), (16, 40), (1, 3), (129, 8), (40, 0)]
TABLE = {kernel.name: kernel for module in (moe_layers, moe_forms) for kernel in module.KERNELS}
FORMS = [kernel for kernel in moe_forms.KERNELS if kernel.file.startswith(moe_forms.PLANS)]


def more(name: str, f: int, e: int, rows: int) -> tuple[list[int], list[int]]:
    """What the point of a layer has after F and after S."""
    return {"shared": ([f + 1], []), "capacity": ([], [max(1, rows // e)])}.get(name, ([], []))


def layers():
    """Each combination for the layer in f16 and, in turn, for one of the others."""
    others = ["i8", "fp8", "capacity", "shared"]
    tried = [(t, e, s) for t in T_SIZES for e in E_SIZES for s in counts(e) if t * s <= MOST_ROWS]
    for at, (t, e, s) in enumerate(tried):
        d, f = WIDTHS[at % len(WIDTHS)]
        for name in ("f16", others[at % len(others)]):
            after_f, after_s = more(name, f, e, t * s)
            spread = (at + at // len(SPREADS)) % len(SPREADS)
            yield TABLE[f"fused_moe_{name}"], (t, d, f, *after_f, e, s, *after_s, spread)


def forms():
    for kernel in FORMS:
        for at in range(8):
            d, f = WIDTHS[at % len(WIDTHS)]
            yield kernel, {2: (d, f + 1), 3: (d, f + 1, at * 20 if kernel.name == "drop" else at)}[len(kernel.points[0])]


def main() -> None:
    passed, failures, undecided, start = Counter(), [], [], time.perf_counter()
    tilec.REPEAT = 2
    for kernel, point in [*layers(), *forms()]:
        try:
            kernel.check(point)
            passed[kernel.name] += 1
        except AssertionError as wrong:
            # Sigmoids of many experts lie so close that rounding may swap them.
            is_open = str(wrong) == moe.NEAR_TIES
            (undecided if is_open else failures).append(f"{kernel.name} {point}: {wrong}")
        print(f"\r{sum(passed.values())} passed, {len(failures)} failed", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    result = {
        "date": date.today().isoformat(),
        "command": "python bench/moe_cpu.py",
        "machine": machine(),
        "versions": {"numpy": np.__version__, "python": sys.version.split()[0]},
        "tried": {"T": T_SIZES, "E": E_SIZES, "S": [1, 2, 8, "E"], "rows_at_most": MOST_ROWS, "spreads": SPREADS}
        | {"widths": WIDTHS, "groups": moe_forms.GROUPS, "runs_with_equal_bits": tilec.REPEAT},
        "passed": sum(passed.values()),
        "failures": failures,
        "undecided": undecided,
        "kernels": passed,
        "seconds": round(time.perf_counter() - start),
    }
    (ROOT / "bench" / "results" / "cpu_moe.json").write_text(json.dumps(result, indent=2) + "\n")
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
