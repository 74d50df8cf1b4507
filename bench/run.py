"""All measurements, one after the other, on a machine that has nothing else to do.

    python bench/run.py target/release/tilec
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(tilec: str) -> None:
    for script, *arguments in [("check_speed.py", tilec), ("cpu.py",)]:
        print(f"== bench/{script}")
        subprocess.run([sys.executable, HERE / script, *arguments], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
