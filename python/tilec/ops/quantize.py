"""`quantize_fp8`: codes and scales of a matrix."""

import torch

from .. import errors
from ._library import ELEMENTS, check_tensor, kernel, refuse, register

VALUES = (torch.bfloat16, torch.float16, torch.float32)
#: The largest number that each type of codes holds.
LARGEST = {torch.float8_e4m3fn: "448.0", torch.float8_e5m2: "57344.0"}


def quantize_fp8(
    x: torch.Tensor,
    block: "tuple[int, int] | None" = (1, 128),
    dtype: torch.dtype = torch.float8_e4m3fn,
) -> "tuple[torch.Tensor, torch.Tensor]":
    """FP8 codes and what they are worth: `x` is about `codes * scales` of their block.

    A scale is the largest magnitude of its block over the largest code, and at least
    1e-12 over it, so that a block of zeros is one of zeros. Codes are rounded to nearest,
    ties to even. A block that holds a NaN or an infinity has no numbers.

    Args:
        x: values, `[M, N]`, bfloat16, float16 or float32, contiguous.
        block: what has a scale of its own: `(1, W)` for W columns of a row, `(W, W)` for
            W columns of W rows, `(1, -1)` for a row, None for everything. The last blocks
            may be smaller. `fp8_gemm` takes `(1, 128)`, `(128, 128)`, `(1, -1)` and None.
        dtype: float8_e4m3fn or float8_e5m2.

    Returns:
        The codes, `[M, N]` of `dtype`, and the scales, float32, of the shape
        `(M, ceil(N / W))`, `(ceil(M / W), ceil(N / W))`, `(M,)` or `(1,)`.

    Raises:
        tilec.DTypeError, tilec.RankError, tilec.SizeError, tilec.LayoutError,
        tilec.GradError: an argument does not fit; the error names it.
    """
    check_tensor("x", x, VALUES, (2,))
    if dtype not in LARGEST:
        expected = " or ".join(str(dtype) for dtype in LARGEST)
        refuse(errors.DTypeError, "dtype", f"dtype is {dtype}, and {expected} is expected")
    kind, width = kind_of_block(block)
    return _operator(x, kind, width, dtype)


def kind_of_block(block):
    """The kernel for a block, and its width."""
    if block is None:
        return "tensor", 1
    try:
        rows, columns = (int(size) for size in block)
    except (TypeError, ValueError):
        rows, columns = 0, 0
    if (rows, columns) == (1, -1):
        return "row", 1
    if rows in (1, columns) and 1 <= columns <= 1024:
        return ("strip" if rows == 1 else "block"), columns
    refuse(
        errors.SizeError,
        "block",
        f"block is {block!r}, and (1, W) or (W, W) with W from 1 to 1024, (1, -1) for rows, or None is expected",
    )


def _run(x, kind, width, dtype):
    words = (
        (r"\bbf16\b", ELEMENTS[x.dtype]),
        (r"\bf8e4m3\b", ELEMENTS[dtype]),
        (r"\b448\.0", LARGEST[dtype]),
        (r"\b128\b", str(width)),
    )
    return kernel("quantize", kind, x.device.type, words)(x)


def _fake(x, kind, width, dtype):
    m, n = x.shape
    strips = (n + width - 1) // width
    shape = {"tensor": (1,), "row": (m,), "strip": (m, strips), "block": ((m + width - 1) // width, strips)}[kind]
    return x.new_empty((m, n), dtype=dtype), x.new_empty(shape, dtype=torch.float32)


_operator = register("quantize_fp8(Tensor x, str kind, int width, ScalarType dtype) -> (Tensor, Tensor)", _run, _fake)
