"""What the scripts of this folder share: where a result was taken, and writing it."""

import json
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench"))

from machine import machine  # noqa: E402


def place() -> dict:
    """The machine and the versions, which need an import of torch each."""
    import torch
    import triton

    import tilec

    gpu = torch.cuda.get_device_properties(0)
    return machine() | {
        "gpu": gpu.name,
        "cuda": torch.version.cuda,
        "torch": torch.__version__,
        "triton": triton.__version__,
        "python": sys.version.split()[0],
        "tilec": tilec.__version__,
    }


def write(name: str, result: dict) -> None:
    """Writes python_NAME.json into the folder that the command line names, or into
    bench/results."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "bench/results"
    head = {"date": date.today().isoformat(), "command": f"python bench/python/{Path(sys.argv[0]).name}"}
    path = folder / f"python_{name}.json"
    path.write_text(json.dumps(head | {"machine": place()} | result, indent=1) + "\n")
    print(f"wrote {path}")
