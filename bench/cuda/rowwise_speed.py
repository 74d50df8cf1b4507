"""Rowwise programs at 8192 x 8192 beside a copy of as many bytes, and a product
whose operand is quantized first. Each program is checked before it is timed."""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as functional

import gpu
import program
import timing
import torch_peers as peers

M = N = 8192
BF16 = torch.bfloat16


def bytes_of(*tensors) -> int:
    return sum(t.numel() * t.element_size() for t in tensors if torch.is_tensor(t))


def new(*shape, dtype=BF16) -> torch.Tensor:
    return torch.empty(*shape, dtype=dtype, device="cuda")


def close(got: torch.Tensor, value: torch.Tensor, relative: float) -> None:
    error = (got.float() - value).norm(dim=1) / value.norm(dim=1)
    assert bool((error <= relative).all()), f"a row is off by {float(error.max())} of its norm"


def rmsnorm(x):
    w, y = torch.randn(N, device="cuda").to(BF16), new(M, N)
    expected = functional.rms_norm(x.float(), (N,), w.float(), 1e-5)
    peer = {"torch.rms_norm": lambda: functional.rms_norm(x, (N,), w, 1e-5)}
    return {"x": x, "w": w, "eps": 1e-5, "y": y}, lambda: close(y, expected, 4e-3), peer


def layernorm(x):
    gain, bias, y = torch.randn(N, device="cuda"), torch.randn(N, device="cuda"), new(M, N)
    expected = functional.layer_norm(x.float(), (N,), gain, bias, 1e-5)
    halves = gain.to(BF16), bias.to(BF16)
    peer = {"torch.layer_norm": lambda: functional.layer_norm(x, (N,), *halves, 1e-5)}
    return {"x": x, "gain": gain, "bias": bias, "eps": 1e-5, "y": y}, lambda: close(y, expected, 4e-3), peer


def softmax(dtype):
    def make(x):
        x = x.to(dtype)
        y = new(M, N, dtype=dtype)
        expected = torch.softmax(x.float(), 1)
        peer = {"torch.softmax": lambda: torch.softmax(x, 1)}
        return {"x": x, "y": y}, lambda: close(y, expected, 4e-3 if dtype == BF16 else 1e-5), peer

    return make


def quantize(x):
    q, scale = new(M, N, dtype=peers.E4M3), new(M, N // 128, dtype=torch.float32)
    codes, scales = peers.quantize(x, (1, 128))

    def check():
        assert torch.equal(scale, scales) and torch.equal(q.view(torch.uint8), codes.view(torch.uint8))

    return {"x": x, "q": q, "scale": scale}, check, {}


PROGRAMS: dict[str, Callable] = {
    "rmsnorm__rmsnorm": rmsnorm,
    "norms__layernorm": layernorm,
    "softmax__softmax": softmax(torch.float32),
    "softmax__softmax_bf16": softmax(BF16),
    "quantize__quantize_whole": quantize,
    "quantize__quantize_strips": quantize,
}


def measure(name: str, make, built, memory) -> dict:
    tensors, check, peer = make(torch.randn(M, N, device="cuda").to(BF16))
    sizes = {"M": M, "N": N, "G": N // 128}
    sizes = {size["name"]: sizes[size["name"]] for size in built.manifest["sizes"]}
    run = timing.Ours(built, sizes, tensors)
    run()
    torch.cuda.synchronize()
    check()
    moved = bytes_of(*tensors.values())
    source, target = (new(moved // 2, dtype=torch.uint8) for _ in range(2))
    us = timing.microseconds({"ours": run, "copy": memory.copy(source, target), **peer})
    ratio = round(us["copy"] / us["ours"], 4)
    print(f"{name:28} {us} {ratio} of the speed of a copy", flush=True)
    return {
        "program": name,
        "shape": [M, N],
        "bytes": moved,
        "launches": built.launches(sizes),
        "us": us,
        "bytes_per_second": round(moved / us["ours"] * 1e6),
        "of_copy": ratio,
    }


def quantized_product(built, failures) -> dict:
    """bf16 x FP8 with x quantized by the same program."""
    m, n, k = 4096, 4096, 7168
    data = peers.Data(m, n, k)
    a, b, sa, sb = data.quantized("block")
    c = new(m, n)
    sizes = {"M": m, "N": n, "G": k // 128}
    run = timing.Ours(built, sizes, {"x": data.a, "b": b, "sb": sb, "c": c})
    run()
    torch.cuda.synchronize()
    close(c, peers.wide(a, sa) @ peers.wide(b, sb).T, 5e-3)
    peer = peers.scaled(data, "block", False)[0]
    us = timing.microseconds({"ours": run, "torch_block without quantizing": peer})
    print("quantize_gemm", us, flush=True)
    return {"program": "quantize_gemm", "shape": [m, n, k], "launches": built.launches(sizes), "us": us}


def rowwise(folder: Path, memory, bandwidth: dict) -> tuple[dict, list[str]]:
    failures, rows = [], []
    product = "prologues__quantize_gemm"
    folders = {name: folder / "h200" / name for name in [*PROGRAMS, product]}
    told = program.build_all([f for f in folders.values() if (f / "manifest.json").exists()])
    for name, at in folders.items():
        try:
            fault = told.get(at, "not emitted")
            assert not fault, fault[:800]
            built = program.Program(at)
            if name == product:
                rows.append(quantized_product(built, failures))
            else:
                rows.append(measure(name, PROGRAMS[name], built, memory))
        except (AssertionError, RuntimeError, program.Refused) as error:
            failures.append(f"{name}: {error!s:.600}")
            print("FAILED", failures[-1], flush=True)
        torch.cuda.empty_cache()
    note = "of_copy is the time of a copy that reads and writes as many bytes, over ours"
    header = gpu.header("python bench/cuda/speed.py OUT")
    return header | {"note": note, "bytes_per_second": bandwidth, "failures": failures, "rows": rows}, failures
