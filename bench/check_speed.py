"""Time of `tilec check`: each example, and generated files of 1,000 to 10,000
equations, whose time must grow linearly. Writes bench/results/check.json.

    python bench/check_speed.py target/release/tilec
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from machine import machine

ROOT = Path(__file__).resolve().parent.parent
COUNTS = [1000, 2000, 5000, 10000]
REPEATS = 20


def seconds(tilec: str, file: Path) -> float:
    """Median wall time of one `tilec check`, process start included."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run([tilec, "check", str(file)], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def program(equations: int) -> str:
    """One kernel of chained equations: pointwise, shifted under a guard, a
    contraction with block scales, and a gather, in turn."""
    bodies = [
        "e{i}[m, n] = e{p}[m, n] * 0.5 + x[m, n]",
        "e{i}[m, n] = if 1 <= n then e{p}[m, n - 1] else x[m, n]",
        "e{i}[m, n] = sum[k](e{p}[m, k] * s[m, k / 128] * x[n, k])",
        "e{i}[m, n] = e{p}[g[m], n] + f32(n % 3)",
    ]
    lines = [f"    {bodies[i % 4].format(i=i, p=i - 1)}" for i in range(1, equations - 1)]
    head = "kernel chain[N](x: f32[N, N], s: f32[N, ceil(N / 128)], g: idx<N>[N]) -> (y: f32[N, N])\n{\n"
    last = f"    y[m, n] = e{equations - 2}[m, n]\n}}\n"
    return head + "    e0[m, n] = x[m, n]\n" + "\n".join(lines) + "\n" + last


def main(tilec: str) -> None:
    rows = [
        {"file": str(file.relative_to(ROOT)), "seconds": seconds(tilec, file)}
        for file in sorted(ROOT.glob("examples/*/*.tile"))
    ]
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            file = Path(folder) / f"{count}.tile"
            file.write_text(program(count))
            rows.append({"equations": count, "seconds": seconds(tilec, file)})
    for row in rows:
        print(f"{row.get('file', row.get('equations'))!s:44} {row['seconds'] * 1000:8.2f} ms")
    result = {
        "date": date.today().isoformat(),
        "command": "python bench/check_speed.py target/release/tilec",
        "machine": machine(),
        "repeats": REPEATS,
        "rows": rows,
    }
    (ROOT / "bench/results/check.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
