"""A million calls, and what memory they leave behind.

    python bench/python/stress.py [FOLDER] [CALLS]

Kernels with and without `out=`, of two shapes in turn, one of which needs scratch
memory, and the operators. Memory is read after a first tenth and at the end; growth of
more than a MiB of the process, or of any byte of the GPU's, is a failure. Writes
python_stress.json.
"""

import gc
import resource
import sys
import time
from pathlib import Path

import torch

import tilec
import tilec.ops
from common import write

CALLS = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
LARGEST_GROWTH = 1 << 20


def resident() -> int:
    """The bytes of the process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def calls():
    add = tilec.load("kernel add[N](x: f32[N], y: f32[N]) -> (z: f32[N])\n{\n    z[n] = x[n] + y[n]\n}\n")
    x, y, z = (torch.randn(4096, device="cuda") for _ in range(3))
    short = x[:1024]
    wide = torch.randn(64, 256, device="cuda", dtype=torch.bfloat16)
    a, sa = tilec.ops.quantize_fp8(wide)
    b, sb = tilec.ops.quantize_fp8(wide, block=(128, 128))
    return [
        lambda: add(x, y, out=z),
        lambda: add(short, short),
        lambda: add(x, y, out=z),
        lambda: add(x, y),
        lambda: add(x, y, out=z),
        lambda: tilec.ops.fp8_gemm(a, b, sa, sb),
        lambda: add(x, y, out=z),
        lambda: tilec.ops.quantize_fp8(wide, block=None),
        lambda: add(short, short),
        lambda: add(x, y, out=z),
    ]


def memory() -> dict:
    torch.cuda.synchronize()
    gc.collect()
    free, _ = torch.cuda.mem_get_info()
    return {"resident": resident(), "torch_allocated": torch.cuda.memory_allocated(), "gpu_free": free}


def run(each, count: int) -> None:
    for at in range(count // len(each)):
        for call in each:
            call()
        if at % 1000 == 0:
            torch.cuda.synchronize()


def main() -> None:
    each = calls()
    start = time.perf_counter()
    run(each, CALLS // 10)
    before = memory()
    run(each, CALLS - CALLS // 10)
    after = memory()
    seconds = time.perf_counter() - start
    growth = {
        "resident": after["resident"] - before["resident"],
        "torch_allocated": after["torch_allocated"] - before["torch_allocated"],
        "gpu": before["gpu_free"] - after["gpu_free"],
    }
    print(f"{CALLS} calls in {seconds:.1f} s; growth in bytes: {growth}")
    held = growth["resident"] <= LARGEST_GROWTH and growth["torch_allocated"] <= 0 and growth["gpu"] <= 0
    write("stress", {"calls": CALLS, "seconds": round(seconds, 1), "growth_bytes": growth, "held": held})
    sys.exit(not held)


if __name__ == "__main__":
    main()
