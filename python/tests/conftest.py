"""What the tests of the package share: kernels by name, compiled once, and PyTorch where
it is installed. `TILEC_TORCH=required` turns its absence into a failure."""

import functools
import os
from pathlib import Path

import pytest

import tilec

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

TEXTS = {
    "add": "kernel add[N](x: f32[N], y: f32[N]) -> (z: f32[N]) { z[n] = x[n] + y[n] }",
    "scale": "kernel scale[M, N](x: f32[M, N], s: f32) -> (y: f32[M, N]) { y[m, n] = x[m, n] * s }",
    "both": """
        kernel both[N](x: f32[N]) -> (twice: f32[N], half: f32[N])
        {
            twice[n] = x[n] * 2
            half[n] = x[n] / 2
        }""",
    "gather": "kernel gather[N, K](x: f32[N], at: idx<N>[K]) -> (y: f32[K]) { y[k] = x[at[k]] }",
    "blocks": """
        kernel blocks[K](x: f32[K]) -> (y: f32[K / 4]) where K % 4 == 0
        {
            y[j] = sum[i < 4](x[4 * j + i])
        }""",
    "head": "kernel head[N, S](x: f32[N]) -> (y: f32[S]) where S <= N { y[s < S] = x[s] }",
    "matmul": """
        kernel matmul[M, N, K](a: f32[M, K], b: f32[K, N]) -> (c: f32[M, N])
        {
            c[m, n] = sum[k](a[m, k] * b[k, n])
        }""",
    "flags": "kernel flags[N](x: bool[N], flag: bool) -> (y: bool[N]) { y[n] = x[n] and flag }",
    "small": "kernel small[N](x: i8[N], a: i8, b: u8) -> (y: i32[N]) { y[n] = i32(x[n]) + a + b }",
    "outer": "kernel outer[M, N](x: f32[M], y: f32[N]) -> (z: f32[M, N]) { z[m, n] = x[m] * y[n] }",
}


@functools.cache
def load(name: str, **sizes: int) -> tilec.Kernel:
    """A kernel of `TEXTS` on the CPU."""
    return tilec.load(TEXTS[name], target="cpu", **sizes)


@functools.cache
def example(path: str, kernel: "str | None" = None, **sizes: int) -> tilec.Kernel:
    """A kernel of the examples on the CPU."""
    return tilec.load(EXAMPLES / path, kernel, target="cpu", **sizes)


def interprets() -> bool:
    """Whether the build has no LLVM, so that the CPU target is the (slow) interpreter."""
    return load("add").source is None


def torch_or_skip():
    """PyTorch; without it, the tests that ask are skipped unless it is required."""
    if os.environ.get("TILEC_TORCH") == "required":
        import torch

        return torch
    return pytest.importorskip("torch", reason="PyTorch is not installed in this environment")


def values(*shape, seed=0, dtype=None):
    """A tensor of PyTorch with normal values, f32 unless the type is said."""
    import torch

    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn if dtype is None else drawn.to(dtype)


def raised(call, kind, message, argument):
    """Checks that a call raises this kind of error about this argument, with a message in
    which this pattern is found, and gives the message."""
    with pytest.raises(kind, match=f"(?s){message}") as caught:
        call()
    assert type(caught.value) is kind
    assert caught.value.argument == argument, caught.value
    return str(caught.value)


def refused(kind, argument, call, *says):
    """The same with words that stand in the message, in any order."""
    message = raised(call, kind, "", argument)
    assert all(part in message for part in says), message


#: What torch is asked to check of an operator. Its check of the schema multiplies
#: arguments, which it cannot do in FP8.
TORCH_ASKS = ("test_faketensor", "test_autograd_registration", "test_aot_dispatch_dynamic")
