"""What a check on a GPU adds to the references: what is known of the errors of
Hopper's FP8 matrix unit, and what a result was measured on.

That unit adds the 32 products of an instruction and the running sum after aligning
them to the largest of the 33, keeping about 13 fraction bits: each term may lose
2^-13 of the largest. Running sums start anew every 128 of k, where they are promoted.
"""

import os
import platform
import subprocess
from datetime import date

import numpy as np
import torch

import compare
import products
from formats import E4M3, E5M2, HALF_ULP, SMALLEST, wide

FRACTION = 2.0**-13
INSTRUCTION, PROMOTED = 32, 128


def install() -> None:
    """Lets the references know what FP8 matrix units do."""
    products.slack = slack
    # Each of the instructions of a block loses as much of what it has reached.
    compare.FP8_UNIT = PROMOTED // INSTRUCTION * (INSTRUCTION + 1) * FRACTION


def slack(product, x, y):
    """What FP8 instructions may add to the error of a sum in f32; 0 for other types."""
    fp8 = (E4M3, E5M2)
    if product.a.dtype not in fp8 or product.b.dtype not in fp8:
        return 0.0
    (k,) = set(product.a.letters) - set(product.result)
    axes = product.a.letters.index(k), product.b.letters.index(k)
    operands = [np.moveaxis(np.nan_to_num(v), axis, -1) for v, axis in zip((x, y), axes)]
    left, right = (f.letters.replace(k, "") for f in (product.a, product.b))
    inner, outer = f"{left}{k},{right}{k}->{product.result}", f"{left},{right}->{product.result}"
    bound, running = 0.0, 0.0
    for start in range(0, operands[0].shape[-1], INSTRUCTION):
        if start % PROMOTED == 0 and not product.in_place:
            running = 0.0
        parts = [v[..., start : start + INSTRUCTION] for v in operands]
        largest = np.einsum(outer, *(np.max(np.abs(v), axis=-1) for v in parts), optimize=True)
        reached = np.maximum(largest, np.abs(running))
        running = running + np.einsum(inner, *parts, optimize=True)
        bound = bound + (INSTRUCTION + 1) * FRACTION * np.maximum(reached, np.abs(running))
    return bound


def ratio(got: np.ndarray, expected) -> float:
    """The largest error over what is allowed, rounding to the stored type included."""
    if not hasattr(expected, "bound") or not np.size(got):
        return 0.0
    value, bound = np.broadcast_arrays(np.asarray(expected.value, np.float64), expected.bound)
    dtype = expected.dtype
    with np.errstate(all="ignore"):
        allowed = bound + HALF_ULP[dtype] * (np.abs(value) + bound) + SMALLEST[dtype] / 2
        error = np.abs(wide(got) - value) / allowed
    finite = error[np.isfinite(value) & np.isfinite(error)]
    return float(np.max(finite, initial=0.0))


def is_lost() -> bool:
    """Whether an error of a kernel has ended the process's use of the GPU."""
    try:
        torch.cuda.synchronize()
        torch.zeros(1, device="cuda")
    except RuntimeError:
        return True
    return False


def header(command: str) -> dict:
    """What a result was measured on, without names of hosts or users."""
    properties = torch.cuda.get_device_properties(0)
    return {
        "date": date.today().isoformat(),
        "command": command,
        "machine": {
            "gpu": properties.name,
            "multiprocessors": properties.multi_processor_count,
            "memory_bytes": properties.total_memory,
            "driver": driver(),
            "cuda": torch.version.cuda,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "threads": os.cpu_count(),
        },
    }


def driver() -> str:
    try:
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
