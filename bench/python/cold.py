"""Eight processes that start at once on one empty cache.

    python bench/python/cold.py [FOLDER]

Each loads the same kernels, calls each and compares with torch. Every process
says how many functions it loaded, and how many of them it compiled as the cache lacked
them: each must be compiled by one process, and none may fail. Writes
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
    """What each process does; it prints a line of JSON when it is right."""
    import torch

    import tilec

    x = torch.arange(4096, device="cuda", dtype=torch.float32)
    wide = x.reshape(64, 64)
    a = (wide % 7).to(torch.bfloat16)
    arguments = {"add": (x,), "largest": (wide,), "product": (a, a)}
    expected = {"add": x + x, "largest": wide.amax(1), "product": a.float() @ a.float().t()}
    said = {}
    for name, text in KERNELS.items():
        start = time.perf_counter()
        kernel = tilec.load(text)
        loaded = time.perf_counter()
        result = kernel(*arguments[name])
        called = time.perf_counter()
        kernel(*arguments[name])
        again = time.perf_counter()
        assert torch.equal(result, expected[name]), name
        ((_, _, functions, compiled),) = kernel.loaded
        times = {"load": loaded - start, "first_call": called - loaded, "second_call": again - called}
        said[name] = {"functions": functions, "compiled": compiled} | {key: round(value * 1e3, 3) for key, value in times.items()}
    print(json.dumps(said))


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
        # One more process, which finds everything.
        warm = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    failed = [said[1][-600:] for said, code in ended if code]
    found = [json.loads(said[0]) for said, code in ended if not code]
    compiled = {name: sum(said[name]["compiled"] for said in found) for name in KERNELS}
    once = all(compiled[name] == said["functions"] > 0 for name, said in warm.items())
    right = not failed and once and not any(said["compiled"] for said in warm.values())
    for text in failed:
        print(text)
    print(f"{PROCESSES} processes in {seconds:.1f} s, {len(failed)} failed; compiled: {compiled}")
    result = {
        "processes": PROCESSES,
        "times_compiled": compiled,
        "failed": len(failed),
        "longest_first_call_ms": {name: max(said[name]["first_call"] for said in found) for name in KERNELS},
        "with_the_cache_ms": warm,
        "seconds": round(seconds, 1),
        "held": right,
    }
    write("cold", result)
    sys.exit(not right)


if __name__ == "__main__":
    one() if "--one" in sys.argv else main()
