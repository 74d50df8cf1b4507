"""Kernels on tensors of PyTorch on the CPU: numbers, memory, and its own mistakes."""

import subprocess
import sys

import numpy as np
import pytest

import tilec
from conftest import TEXTS, example, load, raised, torch_or_skip

torch = torch_or_skip()


def test_gemm_fp8_against_torch():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(70, 300, generator=generator).to(torch.float8_e4m3fn)
    b = torch.randn(130, 300, generator=generator).to(torch.float8_e4m3fn)
    sa = torch.rand(70, 3, generator=generator) + 0.5
    sb = torch.rand(2, 3, generator=generator) + 0.5
    c = example("gemm_fp8/gemm_fp8.tile")(a, b, sa, sb)
    left = a.double() * sa.double().repeat_interleave(128, 1)[:, :300]
    scales = sb.double().repeat_interleave(128, 0).repeat_interleave(128, 1)[:130, :300]
    expected = left @ (b.double() * scales).T
    bound = expected.abs() * 2**-8 + left.abs() @ (b.double() * scales).abs().T * 2**-20
    assert c.dtype == torch.bfloat16 and c.device.type == "cpu"
    assert ((c.double() - expected).abs() <= bound).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2", "int32", "int8", "uint8", "bool"])
def test_every_type_goes_in_and_comes_out(dtype):
    names = {
        "float32": "f32", "bfloat16": "bf16", "float16": "f16", "float8_e4m3fn": "f8e4m3", "float8_e5m2": "f8e5m2",
        "int32": "i32", "int8": "i8", "uint8": "u8", "bool": "bool",
    }  # fmt: skip
    name = names[dtype]
    value = "x[n]" if name == "bool" else f"{name}(x[n])"
    copy = tilec.load(f"kernel copy[N](x: {name}[N]) -> (y: {name}[N]) {{ y[n] = {value} }}", target="cpu")
    x = torch.arange(100).float().to(getattr(torch, dtype))
    y = copy(x)
    assert y.dtype == x.dtype and torch.equal(y.view(torch.uint8), x.view(torch.uint8))


def test_out_is_filled_in_place():
    x, z = torch.randn(6), torch.full((6,), torch.nan)
    address = z.data_ptr()
    assert load("add")(x, x, out=z) is z and z.data_ptr() == address
    assert torch.equal(z, 2 * x)


def test_memory_of_numpy_is_shared_both_ways():
    x = np.arange(6, dtype=np.float32)
    z = np.zeros(6, np.float32)
    load("add")(torch.from_numpy(x), torch.from_numpy(x), out=torch.from_numpy(z))
    assert np.array_equal(z, 2 * x)


def test_views_into_a_storage_start_where_they_say():
    x = torch.arange(12.0)
    assert torch.equal(load("add")(x[4:10], x[6:]), x[4:10] + x[6:])


def test_scalars_may_be_tensors():
    x = torch.randn(3, 4)
    assert torch.equal(load("scale")(x, torch.tensor(2.5)), x * 2.5)
    assert torch.equal(load("scale")(x, 2.5), x * 2.5)


def test_parameters_are_tensors_where_no_gradient_is_wanted():
    x = torch.nn.Parameter(torch.randn(6))
    with torch.no_grad():
        assert torch.equal(load("add")(x, x), 2 * x)
    with torch.inference_mode():
        assert torch.equal(load("add")(x.detach(), x.detach()), 2 * x)


X = torch.arange(6.0)


def shrunk():
    x = torch.zeros(6)
    x.untyped_storage().resize_(8)
    return x


def freed():
    x = torch.zeros(6)
    x.untyped_storage().resize_(0)
    return x


def dual():
    forward = torch.autograd.forward_ad
    with forward.dual_level():
        load("add")(forward.make_dual(X, X), X)


CASES = {
    "carries a gradient forward": (dual, tilec.GradError, "`x` requires a gradient", "x"),
    "a tensor of vmap": (lambda: torch.vmap(lambda x: load("add")(x, x))(torch.ones(3, 6)), tilec.LayoutError, "`x` has no memory", "x"),
    "requires a gradient": (
        lambda: load("add")(torch.zeros(6, requires_grad=True), X),
        tilec.GradError,
        r"`x` requires a gradient, .* x.detach\(\), or call under torch.no_grad",
        "x",
    ),
    "an out that requires one": (
        lambda: load("add")(X, X, out=torch.zeros(6, requires_grad=True)),
        tilec.GradError,
        "`z` requires a gradient",
        "z",
    ),
    "on no device": (lambda: load("add")(torch.zeros(6, device="meta"), X), tilec.DeviceError, "`x` is on meta", "x"),
    "another type": (
        lambda: load("add")(X.double(), X),
        tilec.DTypeError,
        r"`x` holds torch.float64, .* f32; convert it with x.to\(torch.float32\)",
        "x",
    ),
    "i64 for indices": (lambda: load("gather")(X, torch.tensor([0])), tilec.DTypeError, "`at` holds torch.int64", "at"),
    "complex": (lambda: load("add")(X.to(torch.complex64), X), tilec.DTypeError, "`x` holds torch.complex64", "x"),
    "transposed": (lambda: load("scale")(torch.zeros(4, 6).T, 1.0), tilec.LayoutError, r"`x` is not contiguous.*x.contiguous\(\)", "x"),
    "expanded": (lambda: load("add")(torch.zeros(1).expand(6), X), tilec.LayoutError, "`x` is not contiguous", "x"),
    "sparse": (lambda: load("add")(X.to_sparse(), X), tilec.LayoutError, "`x` is laid out as torch.sparse_coo", "x"),
    "negated": (
        lambda: load("add")(torch.zeros(6, dtype=torch.complex64).conj().imag.contiguous(), torch._neg_view(X)),
        tilec.LayoutError,
        "`y` is a negated view",
        "y",
    ),
    "a storage that was freed": (lambda: load("add")(freed(), X), tilec.LayoutError, "`x`", "x"),
    "a storage that was cut": (lambda: load("add")(shrunk(), X), tilec.LayoutError, "`x` needs 24 bytes of its storage, which has 8", "x"),
    "frameworks mixed": (
        lambda: load("add")(X, np.zeros(6, np.float32)),
        tilec.ArgumentError,
        "`x` is an array of PyTorch and `y` one of NumPy",
        "y",
    ),
    "an out of the other framework": (
        lambda: load("add")(X, X, out=np.zeros(6, np.float32)),
        tilec.ArgumentError,
        "`x` is an array of PyTorch and `z` one of NumPy",
        "z",
    ),
    "shapes that differ": (lambda: load("add")(X, X[:5].clone()), tilec.SizeError, r"dimension 1 of `y` \(`N`\) is 5, but N = 6", "y"),
    "an out that is an input": (lambda: load("add")(X, X, out=X), tilec.LayoutError, "`z` shares memory with `x`", "z"),
}


@pytest.mark.parametrize("case", CASES)
def test_mistakes_raise(case):
    raised(*CASES[case])


def test_fake_tensors_are_refused():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        x = torch.zeros(6)
        with pytest.raises(tilec.Error, match="`x`"):
            load("add")(x, x)


def test_numpy_is_not_needed():
    code = f"""
import sys
sys.modules["numpy"] = None
import torch, tilec
x = torch.ones(4)
assert tilec.load({TEXTS["add"]!r}, target="cpu")(x, x).tolist() == [2, 2, 2, 2]
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
