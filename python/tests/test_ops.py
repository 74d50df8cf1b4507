"""`tilec.ops` on CPU tensors: numbers against torch, what is refused, and what torch asks of
a custom operator. On CUDA tensors the same is checked by bench/python/check.py."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TORCH_ASKS, refused, torch_or_skip, values

import tilec

torch = torch_or_skip()
E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2


SHAPES = {
    "tensor": lambda rows, k: (1,),
    "row": lambda rows, k: (rows,),
    "strip": lambda rows, k: (rows, -(-k // 128)),
    "block": lambda rows, k: (-(-rows // 128), -(-k // 128)),
}


def scales(kind, rows, k, seed):
    """Scales of a kind, and the same as one for each element, in f64."""
    given = values(*SHAPES[kind](rows, k), seed=seed).abs() + 0.1
    each = given.double()
    if kind in ("tensor", "row"):
        return given, each[:, None].expand(rows, k)
    if kind == "block":
        each = each.repeat_interleave(128, 0)[:rows]
    return given, each.repeat_interleave(128, 1)[:, :k]


@pytest.mark.parametrize("kind_a", ("tensor", "row", "strip"))
@pytest.mark.parametrize("kind_b", tuple(SHAPES))
def test_fp8_gemm_with_every_pair_of_scales(kind_a, kind_b):
    for m, n, k in ((1, 1, 1), (5, 130, 300), (3, 2, 128)):
        a, b = (values(rows, k, seed=seed, dtype=E4M3) for rows, seed in ((m, 1), (n, 2)))
        scale_a, each_a = scales(kind_a, m, k, 3)
        scale_b, each_b = scales(kind_b, n, k, 4)
        got = tilec.ops.fp8_gemm(a, b, scale_a, scale_b)
        left, right = a.double() * each_a, b.double() * each_b
        expected = left @ right.t()
        allowed = 2.0**-8 * expected.abs() + 2.0**-18 * (left.abs() @ right.abs().t())
        assert got.dtype == torch.bfloat16 and got.shape == (m, n)
        assert ((got.double() - expected).abs() <= allowed).all()


@pytest.mark.parametrize("a", (E4M3, E5M2))
@pytest.mark.parametrize("b", (E4M3, E5M2))
@pytest.mark.parametrize("out", (torch.bfloat16, torch.float16, torch.float32))
def test_fp8_gemm_of_every_type(a, b, out):
    x, y = values(4, 64, seed=1, dtype=a), values(6, 64, seed=2, dtype=b)
    one = torch.ones(())
    got = tilec.ops.fp8_gemm(x, y, one, one, out)
    assert got.dtype == out
    torch.testing.assert_close(got.float(), x.float() @ y.float().t(), rtol=2.0**-8, atol=1e-4)


def test_shapes_of_scales_mean_what_they_say():
    """Where several kinds have one shape, they mean the same."""
    for shape in ((), (1,), (1, 1)):
        a, b = values(1, 100, dtype=E4M3), values(1, 100, seed=1, dtype=E4M3)
        scale = torch.full(shape, 2.0)
        expected = 4 * (a.float() @ b.float().t())
        got = tilec.ops.fp8_gemm(a, b, scale, scale, torch.float32)
        torch.testing.assert_close(got, expected)
    a, b = values(3, 100, dtype=E4M3), values(5, 100, seed=1, dtype=E4M3)
    rows_a, rows_b = values(3).abs(), values(5, seed=1).abs()
    flat = tilec.ops.fp8_gemm(a, b, rows_a, rows_b)
    assert torch.equal(flat, tilec.ops.fp8_gemm(a, b, rows_a[:, None], rows_b[:, None]))


def test_empty_products():
    one = torch.ones(1)
    for m, n, k in ((0, 5, 64), (5, 0, 64), (5, 3, 0)):
        a, b = torch.empty(m, k, dtype=E4M3), torch.empty(n, k, dtype=E4M3)
        assert torch.equal(tilec.ops.fp8_gemm(a, b, one, one), torch.zeros(m, n, dtype=torch.bfloat16))


def by_hand(x, block, dtype):
    m, n = x.shape
    h, w = (m, n) if block is None else (block[0], n if block[1] == -1 else block[1])
    codes, scales = torch.empty(m, n, dtype=dtype), torch.empty(-(-m // h), -(-n // w))
    for i, j in itertools.product(range(scales.shape[0]), range(scales.shape[1])):
        part = x[i * h : (i + 1) * h, j * w : (j + 1) * w].float()
        scales[i, j] = part.abs().max().clamp(min=1e-12) / torch.finfo(dtype).max
        codes[i * h : (i + 1) * h, j * w : (j + 1) * w] = (part / scales[i, j]).to(dtype)
    return codes, scales


@pytest.mark.parametrize("block", ((1, 128), (128, 128), (1, -1), None, (1, 64), (16, 16)), ids=str)
@pytest.mark.parametrize("dtype", (E4M3, E5M2), ids=str)
@pytest.mark.parametrize("source", (torch.bfloat16, torch.float16, torch.float32), ids=str)
def test_quantize_fp8_to_the_bit(block, dtype, source):
    for m, n in ((1, 1), (130, 257), (3, 128)):
        x = values(m, n).mul(torch.logspace(-3, 2, m)[:, None]).to(source)
        x[m // 2] = 0
        codes, scales = tilec.ops.quantize_fp8(x, block, dtype)
        expected, expected_scales = by_hand(x, block, dtype)
        assert torch.equal(scales.flatten(), expected_scales.flatten())
        assert torch.equal(codes.view(torch.uint8), expected.view(torch.uint8))


def test_shapes_of_scales_are_those_that_the_product_takes():
    x, weight = values(5, 300, dtype=torch.bfloat16), values(130, 300, seed=1, dtype=torch.bfloat16)
    exact = x.double() @ weight.double().t()
    blocks = (((1, 128), (128, 128)), ((1, 128), (1, 128)), ((1, -1), (1, -1)), (None, None), (None, (128, 128)))
    for block_x, block_weight in blocks:
        codes, scales = tilec.ops.quantize_fp8(x, block_x)
        weights, weight_scales = tilec.ops.quantize_fp8(weight, block_weight)
        got = tilec.ops.fp8_gemm(codes, weights, scales, weight_scales).double()
        assert ((got - exact).norm() / exact.norm()) < 0.05


def test_wrong_arguments_name_themselves():
    a, b, one = values(4, 256, dtype=E4M3), values(6, 256, dtype=E4M3), torch.ones(1)
    gemm, quantize = tilec.ops.fp8_gemm, tilec.ops.quantize_fp8
    refused(tilec.ArgumentError, "a", lambda: gemm([1.0], b, one, one), "list", "torch.Tensor")
    refused(tilec.DTypeError, "a", lambda: gemm(a.float(), b, one, one), "float32", "float8_e4m3fn")
    refused(tilec.RankError, "b", lambda: gemm(a, b[0], one, one), "1 dimensions")
    refused(tilec.SizeError, "b", lambda: gemm(a, b[:, :128].contiguous(), one, one), "256", "128")
    refused(tilec.SizeError, "scale_a", lambda: gemm(a, b, torch.ones(5), one), "(5,)", "(4,)", "(4, 2)")
    refused(tilec.SizeError, "scale_b", lambda: gemm(a, b, one, torch.ones(2, 2)), "(1, 2)")
    refused(tilec.SizeError, "scale_a", lambda: gemm(a, b, torch.ones(1, 2), one), "(4, 2)")
    refused(tilec.DTypeError, "scale_a", lambda: gemm(a, b, one.double(), one), "float64")
    refused(tilec.DTypeError, "out_dtype", lambda: gemm(a, b, one, one, torch.float64), "float64")
    refused(tilec.GradError, "scale_b", lambda: gemm(a, b, one, torch.ones(1, requires_grad=True)), "detach")
    refused(tilec.LayoutError, "a", lambda: gemm(values(256, 4, dtype=E4M3).t(), b, one, one), "contiguous")
    refused(tilec.DeviceError, "b", lambda: gemm(a, b.to("meta"), one, one), "meta")
    x = values(4, 256, dtype=torch.bfloat16)
    refused(tilec.DTypeError, "x", lambda: quantize(x.double()), "float64")
    refused(tilec.RankError, "x", lambda: quantize(x[0]))
    refused(tilec.DTypeError, "dtype", lambda: quantize(x, dtype=torch.bfloat16))
    refused(tilec.GradError, "x", lambda: quantize(x.requires_grad_()), "detach")
    for block in ((2, 128), (1, 0), (1, 2000), 5, "row", (1,)):
        refused(tilec.SizeError, "block", lambda: quantize(x.detach(), block), repr(block))


def test_what_torch_asks_of_an_operator():
    x = values(4, 256, dtype=torch.bfloat16)
    codes, scales = tilec.ops.quantize_fp8(x)
    arguments = (codes, codes, scales, scales, torch.bfloat16)
    torch.library.opcheck(torch.ops.tilec.fp8_gemm.default, arguments, test_utils=TORCH_ASKS)
    for kind, width in (("strip", 128), ("block", 128), ("row", 1), ("tensor", 1)):
        torch.library.opcheck(torch.ops.tilec.quantize_fp8.default, (x, kind, width, E4M3), test_utils=TORCH_ASKS)


def test_one_graph_under_torch_compile():
    weights, weight_scales = tilec.ops.quantize_fp8(values(64, 256, dtype=torch.bfloat16), (128, 128))

    def linear(x):
        codes, scales = tilec.ops.quantize_fp8(x * 2)
        return tilec.ops.fp8_gemm(codes, weights, scales, weight_scales) + 1

    compiled = torch.compile(linear, fullgraph=True, backend="aot_eager")
    for m in (4, 4, 7):
        x = values(m, 256, seed=m, dtype=torch.bfloat16)
        assert torch.equal(compiled(x), linear(x))


STRIPS = """
kernel strips[M, G](x: bf16[M, G * 128], by: f32) -> (y: f32[M, G * 128], peak: f32[M, G], half: f32[ceil(M / 2)])
{
    peak[m, g]  = max[i < 128](abs(x[m, g * 128 + i]))
    y[m, j]     = x[m, j] * by
    half[h]     = f32(h)
}
"""


def test_a_kernel_of_ones_own_as_an_operator():
    op = tilec.ops.operator("test_ops::strips", tilec.load(STRIPS, target="cpu"))
    assert op is torch.ops.test_ops.strips.default

    def both(x):
        y, peak, half = op(x + 1, 2.0)
        return y.relu(), peak, half

    compiled = torch.compile(both, fullgraph=True, backend="aot_eager", dynamic=True)
    for m in (3, 4, 9):
        x = values(m, 256, seed=m, dtype=torch.bfloat16)
        for got, expected in zip(compiled(x), both(x)):
            assert torch.equal(got, expected)
        assert [tuple(part.shape) for part in op(x, 2.0)] == [(m, 256), (m, 2), ((m + 1) // 2,)]
    torch.library.opcheck(op, (x, 2.0), test_utils=TORCH_ASKS)


def test_operators_that_cannot_be_made():
    kernel = tilec.load("kernel head[N, S](x: f32[N]) -> (y: f32[S]) where S <= N { y[s < S] = x[s] }", target="cpu")
    refused(tilec.SizeError, "S", lambda: tilec.ops.operator("test_ops::head", kernel), "tilec.load(.., S=..)")
    refused(tilec.ArgumentError, "name", lambda: tilec.ops.operator("head", kernel), "'mine::head'")
    fixed = tilec.load(kernel.text, target="cpu", S=2)
    assert tilec.ops.operator("test_ops::head", fixed)(torch.arange(5.0)).tolist() == [0, 1]


def test_the_operators_are_not_imported_before_they_are_used():
    code = "import sys, tilec; assert 'torch' not in sys.modules; tilec.ops; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_programs_have_no_mistakes():
    files = sorted(Path(tilec.ops.__file__).parent.glob("*.tile"))
    assert [file.name for file in files] == ["fp8_gemm.tile", "fused_moe.tile", "quantize.tile", "sample.tile", "topk.tile"]
    for file in files:
        assert tilec.check(file.read_text()) == []


@pytest.mark.parametrize("chip", ("a100", "l40s", "h100", "h200", "rtx_pro_6000"))
def test_the_programs_fit_every_chip(chip):
    for file in Path(tilec.ops.__file__).parent.glob("*.tile"):
        for name in re.findall(r"^kernel (\w+)", file.read_text(), re.MULTILINE):
            kernel = tilec.load(file, kernel=name, target="cuda", chip=chip)
            assert (kernel.name, kernel.chip) == (name, chip)
            # A product with scales for blocks is still one region: nothing is computed beside it.
            assert file.stem != "fp8_gemm" or "   2  " not in kernel.explain()
