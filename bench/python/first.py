"""How long a kernel's first call takes, and later ones, in processes of their own.

    python bench/python/first.py [FOLDER]

Each kernel is loaded and called by a process that finds an empty cache, and again by one
that finds what the first has left. Times are those of the caller's clock and end when the
GPU is done; the context of CUDA is there before they begin. `other_call` is the first
call of a shape that may need functions which the shape before did not. Writes
python_first.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from common import ROOT, write

#: File, kernel, sizes by name, and the shapes and types of its inputs for two calls.
KERNELS = {
    "gemm_fp8": (
        "gemm_fp8/gemm_fp8.tile",
        {},
        lambda m: [((m, 512), "fp8"), ((384, 512), "fp8"), ((m, 4), "f32"), ((3, 4), "f32")],
        (256, 1),
    ),
    "batched_gemm": (
        "batched_gemm/batched_gemm.tile",
        {},
        lambda m: [((2, m, 128), "bf16"), ((2, 128, 128), "bf16"), ((2, 128), "f32")],
        (128, 4096),
    ),
    "fused_moe": (
        "fusedmoe/fusedmoe.tile",
        {"S": 4},
        lambda t: [((t, 512), "bf16"), ((16, 512), "bf16"), *[((16, 256, 512), "bf16")] * 2, ((16, 512, 256), "bf16")],
        (64, 2048),
    ),
    "topk": ("topk/topk.tile", {}, lambda n: [((4, n), "f32")], (1000, 100_000)),
    "softmax": ("softmax/softmax.tile", {}, lambda n: [((64, n), "f32")], (257, 40_000)),
}
#: The most that a first call, with loading, and any later one may take, in seconds.
FIRST, LATER = 3.0, 0.005


def one(name: str) -> dict:
    """What each process does."""
    import torch

    import tilec

    types = {"fp8": torch.float8_e4m3fn, "bf16": torch.bfloat16, "f32": torch.float32}
    file, named, shapes, (size, other) = KERNELS[name]

    def inputs(size):
        return [torch.rand(shape, device="cuda").to(types[element]) for shape, element in shapes(size)]

    def timed(call):
        torch.cuda.synchronize()
        start = time.perf_counter()
        result = call()
        torch.cuda.synchronize()
        return result, round((time.perf_counter() - start) * 1e3, 3)

    given, others = inputs(size), inputs(other)
    kernel, load = timed(lambda: tilec.load(ROOT / "examples" / file, kernel=name))
    said = {"load": load}
    for what, arguments in (("first_call", given), ("later_call", given), ("other_call", others)):
        _, said[what] = timed(lambda: kernel(*arguments, **named))
        ((_, _, functions, compiled),) = kernel.loaded
        said[f"functions_by_{what}"] = functions
    return said | {"compiled": compiled, "functions_in_all": kernel.source.count('extern "C" __global__')}


def main() -> None:
    times = {}
    for name in KERNELS:
        with tempfile.TemporaryDirectory() as cache:
            command = [sys.executable, __file__, "--one", name]
            run = lambda: subprocess.run(command, env=os.environ | {"TILEC_CACHE": cache}, capture_output=True, check=True)
            times[name] = {"empty_cache_ms": json.loads(run().stdout), "cache_ms": json.loads(run().stdout)}
        cold = times[name]["empty_cache_ms"]
        print(f"{name:14} first {cold['load'] + cold['first_call']:7.0f} ms ({cold['functions_by_first_call']} of", end=" ")
        print(f"{cold['functions_in_all']} functions), later {cold['later_call']:.2f} ms, other {cold['other_call']:.0f} ms")
    all_of_it = [said for each in times.values() for said in each.values()]
    first = max(said["load"] + said["first_call"] for said in all_of_it) / 1e3
    later = max(said["later_call"] for said in all_of_it) / 1e3
    held = first < FIRST and later < LATER and not any(each["cache_ms"]["compiled"] for each in times.values())
    write("first", {"kernels": times, "longest_first_s": first, "longest_later_s": later, "held": held})
    sys.exit(not held)


if __name__ == "__main__":
    if "--one" in sys.argv:
        print(json.dumps(one(sys.argv[-1])))
    else:
        main()
