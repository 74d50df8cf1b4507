"""Fuzzes the front end for a while and writes bench/results/fuzz.json.

    python bench/fuzz.py [SECONDS]

Runs tests/fuzz_text.rs on all processors; 900 seconds on two are half an hour
of processor time. The summary tells the processor time that was really used.
"""

import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from machine import machine

ROOT = Path(__file__).resolve().parent.parent


def main(seconds: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        variables = {"TILEC_FUZZ_SECONDS": seconds, "TILEC_FUZZ_REPORT": str(report)}
        command = ["cargo", "test", "--test", "fuzz_text", "mutated", "--", "--nocapture"]
        subprocess.run(command, cwd=ROOT, env=os.environ | variables, check=True)
        summary = json.loads(report.read_text())
    head = {
        "date": date.today().isoformat(),
        "command": f"python bench/fuzz.py {seconds}",
        "machine": machine(),
    }
    (ROOT / "bench/results/fuzz.json").write_text(json.dumps(head | summary, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "900")
