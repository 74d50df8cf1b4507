"""Eight processes that start at once on one empty cache.

    python bench/python/cold.py [FOLDER]

Each loads the same kernels, calls each once and compares with torch. Every process
says how many of its kernels were compiled and how many were found in the cache: a
kernel must be compiled by one process at most, and none may fail. Writes
python_cold.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROCESSES = 8
KERNELS = {
    "add": "kernel add[N](x: f32[N]) -> (z: f32[N])\n{\n    z[n] = x[n] + x[n]\n}\n",
    "largest": "kernel largest[M, N](x: f32[M, N]) -> (z: f32[M])\n{\n    z[m] = max[n](x[m, n])\n}\n",
    "product": (
        "kernel product[M, N, K](a: bf16[M, K], b: bf16[N, K]) -> (c: f32[M, N])\n"
        "{\n    c[m, n] = sum[k](a[m, k] * b[n, k])\n}\n"
    ),
}


def one() -> None:
    """What each process does; it prints a line when it is right."""
    import torch

    import tilec

    x = torch.arange(4096, device="cuda", dtype=torch.float32)
    wide = x.reshape(64, 64)
    a = (wide % 7).to(torch.bfloat16)
    kernels = {name: tilec.load(text) for name, text in KERNELS.items()}
    assert torch.equal(kernels["add"](x), x + x)
    assert torch.equal(kernels["largest"](wide), wide.amax(1))
    assert torch.equal(kernels["product"](a, a), a.float() @ a.float().t())
    print(json.dumps({name: cached for name, kernel in kernels.items() for _, _, cached in kernel.loaded}))


def main() -> None:
    from common import write

    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        environment = os.environ | {"TILEC_CACHE": str(cache)}
        start = time.perf_counter()
        command = [sys.executable, __file__, "--one"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes = [subprocess.Popen(command, env=environment, **pipes) for _ in range(PROCESSES)]
        ended = [(process.communicate(), process.returncode) for process in processes]
        seconds = time.perf_counter() - start
    failed = [said[1][-600:] for said, code in ended if code]
    found = [json.loads(said[0]) for said, code in ended if not code]
    compiled = {name: sum(not cached[name] for cached in found) for name in KERNELS}
    right = not failed and all(count == 1 for count in compiled.values())
    for text in failed:
        print(text)
    print(f"{PROCESSES} processes in {seconds:.1f} s, {len(failed)} failed; compiled: {compiled}")
    result = {
        "processes": PROCESSES,
        "times_compiled": compiled,
        "failed": len(failed),
        "seconds": round(seconds, 1),
        "held": right,
    }
    write("cold", result)
    sys.exit(not right)


if __name__ == "__main__":
    one() if "--one" in sys.argv else main()
