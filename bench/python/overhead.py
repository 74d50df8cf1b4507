"""What a call costs the thread that makes it: from Python to launch returned.

    python bench/python/overhead.py [FOLDER]

A sample is the time of BURST calls over BURST, with nothing waited for in between and
the GPU drained before each; the median of SAMPLES is given, in microseconds. The
work is small, so that the GPU keeps up and no queue fills. Everything runs in one
process, in turns. Writes python_overhead.json.
"""

import statistics
import time

import torch
import triton
import triton.language as tl

import tilec
import tilec.ops
from common import write

BURST, SAMPLES = 100, 60
DEVICE = "cuda"

ADD = """
kernel add[N](x: f32[N], y: f32[N]) -> (z: f32[N])
{
    z[n] = x[n] + y[n]
}
"""

GEMM = """
kernel gemm[M, N, K](
    a:  f8e4m3[M, K],
    b:  f8e4m3[N, K],
    sa: f32[M, ceil(K / 128)],
    sb: f32[ceil(N / 128), ceil(K / 128)],
) -> (c: bf16[M, N])
{
    acc[m, n] = sum[k](a[m, k] * sa[m, k / 128] * b[n, k] * sb[n / 128, k / 128])
    c[m, n]   = bf16(acc[m, n])
}
"""


@triton.jit
def add_triton(x, y, z, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(z + at, tl.load(x + at, mask=at < n) + tl.load(y + at, mask=at < n), mask=at < n)


def candidates() -> dict:
    x, y, z = (torch.randn(4096, device=DEVICE) for _ in range(3))
    add = tilec.load(ADD)
    scale = tilec.load("kernel scale[N](x: f32[N], s: f32) -> (y: f32[N])\n{\n    y[n] = x[n] * s\n}\n")
    m, n, k = 64, 256, 256
    a, b = (torch.randn(r, k, device=DEVICE).to(torch.float8_e4m3fn) for r in (m, n))
    sa, sb = torch.rand(m, k // 128, device=DEVICE), torch.rand(n // 128, k // 128, device=DEVICE)
    c = torch.empty(m, n, device=DEVICE, dtype=torch.bfloat16)
    gemm = tilec.load(GEMM)
    p, q, r = (torch.randn(64, 64, device=DEVICE, dtype=torch.bfloat16) for _ in range(3))
    wide = torch.randn(64, 256, device=DEVICE, dtype=torch.bfloat16)
    one = torch.ones(1, device=DEVICE)
    grid = (triton.cdiv(4096, 1024),)
    return {
        "tilec add, out=": lambda: add(x, y, out=z),
        "tilec add": lambda: add(x, y),
        "tilec gemm_fp8, out=": lambda: gemm(a, b, sa, sb, out=c),
        "tilec gemm_fp8": lambda: gemm(a, b, sa, sb),
        "tilec scale by a number, out=": lambda: scale(x, 0.5, out=z),
        "tilec.ops.fp8_gemm": lambda: tilec.ops.fp8_gemm(a, b, sa, sb),
        "tilec.ops.quantize_fp8": lambda: tilec.ops.quantize_fp8(wide),
        "tilec.ops.quantize_fp8, per tensor": lambda: tilec.ops.quantize_fp8(wide, block=None),
        "tilec.ops.topk": lambda: tilec.ops.topk(wide, 8),
        "tilec.ops.sample": lambda: tilec.ops.sample(wide, seed=1),
        "triton add": lambda: add_triton[grid](x, y, z, 4096, BLOCK=1024),
        "torch.add, out=": lambda: torch.add(x, y, out=z),
        "torch add_": lambda: x.add_(y, alpha=0.0),
        "torch.mul, out=": lambda: torch.mul(x, 0.5, out=z),
        "torch.topk": lambda: torch.topk(wide, 8),
        "torch.mm": lambda: torch.mm(p, q),
        "torch.mm, out=": lambda: torch.mm(p, q, out=r),
        "torch._scaled_mm": lambda: torch._scaled_mm(a, b.t(), one, one, out_dtype=torch.bfloat16),
        "nothing": lambda: None,
    }


def sample(call) -> float:
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(BURST):
        call()
    return (time.perf_counter() - start) / BURST * 1e6


def main() -> None:
    calls = candidates()
    for call in calls.values():
        sample(call)
    times = {name: [] for name in calls}
    for _ in range(SAMPLES):
        for name, call in calls.items():
            times[name].append(sample(call))
    rows = []
    for name, all_of_it in times.items():
        all_of_it.sort()
        row = {
            "call": name,
            "median_us": round(statistics.median(all_of_it), 3),
            "p10_us": round(all_of_it[len(all_of_it) // 10], 3),
            "p90_us": round(all_of_it[len(all_of_it) * 9 // 10], 3),
        }
        rows.append(row)
        print(f"{name:36} {row['median_us']:7.2f} us  ({row['p10_us']:.2f} to {row['p90_us']:.2f})")
    write("overhead", {"burst": BURST, "samples": SAMPLES, "calls": rows})


if __name__ == "__main__":
    main()
