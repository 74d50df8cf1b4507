"""`fp8_gemm`: the product of FP8 matrices with scales."""

import torch

from .. import errors
from ._library import ELEMENTS, check_tensor, kernel, refuse, register

CODES = (torch.float8_e4m3fn, torch.float8_e5m2)
RESULTS = (torch.bfloat16, torch.float16, torch.float32)
#: The width of a block, along k and along the rows of b.
BLOCK = 128


def fp8_gemm(
    a: torch.Tensor,
    b: torch.Tensor,
    scale_a: torch.Tensor,
    scale_b: torch.Tensor,
    out_dtype: torch.dtype = torch.bfloat16,
) -> torch.Tensor:
    """The product `(a * scale_a) @ (b * scale_b).T`, summed in f32, rounded once.

    Both operands lie with k innermost, as activations and weights of a linear layer do.
    Which elements a scale is for is told by its shape:

    | one scale for | shape of `scale_a` | shape of `scale_b` |
    | --- | --- | --- |
    | everything | `()`, `(1,)` or `(1, 1)` | `()`, `(1,)` or `(1, 1)` |
    | each row | `(M,)` or `(M, 1)` | `(N,)` or `(N, 1)` |
    | 128 of k of a row | `(M, ceil(K / 128))` | `(N, ceil(K / 128))` |
    | 128 of k of 128 rows | | `(ceil(N / 128), ceil(K / 128))` |

    On GPUs, strips on both sides have no fast tiles: quantize weights in blocks.

    Args:
        a: codes, `[M, K]`, float8_e4m3fn or float8_e5m2, contiguous.
        b: codes, `[N, K]`, float8_e4m3fn or float8_e5m2, contiguous.
        scale_a: float32, contiguous: what the codes of `a` are worth.
        scale_b: float32, contiguous: what the codes of `b` are worth.
        out_dtype: bfloat16, float16 or float32.

    Returns:
        A tensor of `out_dtype`, `[M, N]`, on the device of `a`.

    Raises:
        tilec.DTypeError, tilec.RankError, tilec.SizeError, tilec.LayoutError,
        tilec.DeviceError, tilec.GradError: an argument does not fit; the error names it.
    """
    _check(a, b, scale_a, scale_b, out_dtype)
    return _operator(a, b, scale_a, scale_b, out_dtype)


def kind_of_scales(name, scales, rows, k, blocks):
    """What the scales of an operand with so many rows are for: `tensor`, `row`, `strip`
    or, where an operand may have them, `block`.

    Where two of these are the same thing (a single row, k of one block), the first
    whose shape fits is taken: they mean the same."""
    shape, strips = tuple(scales.shape), -(-k // BLOCK)
    if shape in ((), (1,), (1, 1)):
        return "tensor"
    if shape in ((rows,), (rows, 1)):
        return "row"
    if shape == (rows, strips):
        return "strip"
    if blocks and shape == (-(-rows // BLOCK), strips):
        return "block"
    either = [f"(1,) for everything", f"({rows},) for each row", f"({rows}, {strips}) for each 128 of k of a row"]
    if blocks:
        either.append(f"({-(-rows // BLOCK)}, {strips}) for each 128 of k of 128 rows")
    refuse(errors.SizeError, name, f"{name} has the shape {shape}, and one of these is expected: {'; '.join(either)}")


def _check(a, b, scale_a, scale_b, out_dtype):
    check_tensor("a", a, CODES, (2,))
    check_tensor("b", b, CODES, (2,))
    check_tensor("scale_a", scale_a, (torch.float32,), (0, 1, 2))
    check_tensor("scale_b", scale_b, (torch.float32,), (0, 1, 2))
    if out_dtype not in RESULTS:
        expected = " or ".join(str(dtype) for dtype in RESULTS)
        refuse(errors.DTypeError, "out_dtype", f"out_dtype is {out_dtype}, and {expected} is expected")
    if a.shape[1] != b.shape[1]:
        refuse(
            errors.SizeError,
            "b",
            f"a is {tuple(a.shape)} and b is {tuple(b.shape)}: both end with k, and {a.shape[1]} is not {b.shape[1]}",
        )
    for name, other in (("b", b), ("scale_a", scale_a), ("scale_b", scale_b)):
        if other.device != a.device:
            refuse(errors.DeviceError, name, f"{name} is on {other.device}, and a is on {a.device}; move one of them")


def _run(a, b, scale_a, scale_b, out_dtype):
    (m, k), n = a.shape, b.shape[0]
    kind_a = kind_of_scales("scale_a", scale_a, m, k, blocks=False)
    kind_b = kind_of_scales("scale_b", scale_b, n, k, blocks=True)
    product = _kernel(kind_a, kind_b, a.dtype, b.dtype, out_dtype, a.device.type)
    return product(a, b, _shaped(kind_a, scale_a), _shaped(kind_b, scale_b))


def _kernel(kind_a, kind_b, a, b, out, target):
    types = (
        (r"\ba:( +)f8e4m3", rf"a:\1{ELEMENTS[a]}"),
        (r"\bb:( +)f8e4m3", rf"b:\1{ELEMENTS[b]}"),
        (r"\bbf16\b", ELEMENTS[out]),
    )
    return kernel("fp8_gemm", f"{kind_a}_{kind_b}", target, types)


def _shaped(kind, scales):
    """The scales with the dimensions that the kernel has them in."""
    one = kind in ("tensor", "row")
    return scales.reshape(-1) if one and scales.dim() != 1 else scales


def _fake(a, b, scale_a, scale_b, out_dtype):
    return a.new_empty((a.shape[0], b.shape[0]), dtype=out_dtype)


_operator = register(
    "fp8_gemm(Tensor a, Tensor b, Tensor scale_a, Tensor scale_b, ScalarType out_dtype) -> Tensor", _run, _fake
)
