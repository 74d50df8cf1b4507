"""DRAM traffic and balance of a bf16 product of 4096 x 4096 x 4096 on Wormhole's full grid,
counted by the emulator while it runs the emitted kernels. Writes
bench/results/tensix_traffic.json.

    python bench/tensix/traffic.py [--program FILE] [CHIP M N K]

FILE is the built example `tensix_traffic`; without it cargo builds it for release.
Only the default sizes are held to the limits below and recorded. The run multiplies
2 million tiles bit for bit, which takes minutes.
"""

import argparse
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from machine import machine

DEFAULT = ["wormhole_n150", "4096", "4096", "4096"]
# About twice what reading both operands once and writing the result once takes.
MOST_DRAM_BYTES = 200_000_000
MOST_OVER_MEAN = 1.1
# Of the terms of a tile's product, those below 2^-11 of the largest vanish.
MOST_ERROR = 2**-11


def measured(program: str | None, arguments: list[str]) -> dict:
    build = ["cargo", "run", "--release", "--quiet", "--no-default-features", "--example", "tensix_traffic", "--"]
    command = [*([program] if program else build), *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=lambda file: str(Path(file).resolve()))
    parser.add_argument("case", nargs="*", default=DEFAULT)
    given = parser.parse_args()
    arguments = given.case
    row = measured(given.program, arguments)
    row["dram_bytes"] = row["dram_read_bytes"] + row["dram_written_bytes"]
    row["most_over_mean"] = row["tile_products_of_busiest_core"] / row["tile_products_of_mean_core"]
    print(json.dumps(row, indent=2))
    assert row["dram_bytes"] == row["planned_dram_bytes"], "the plan counts other bytes"
    if arguments != DEFAULT:
        return
    assert row["dram_bytes"] <= MOST_DRAM_BYTES, f"{row['dram_bytes']} bytes of DRAM traffic"
    assert row["most_over_mean"] <= MOST_OVER_MEAN, f"max/mean work is {row['most_over_mean']}"
    assert row["largest_error_over_sum_of_magnitudes"] <= MOST_ERROR, "the product is wrong"
    limits = {"dram_bytes": MOST_DRAM_BYTES, "most_over_mean": MOST_OVER_MEAN, "error": MOST_ERROR}
    result = {"command": "bench/tensix/traffic.py", "date": date.today().isoformat()}
    result |= {"machine": machine(), "limits": limits, "row": row}
    path = ROOT / "bench" / "results" / "tensix_traffic.json"
    path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
