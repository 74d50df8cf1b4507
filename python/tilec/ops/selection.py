"""`topk` and `sample`: the first elements of rows in order, and draws from them."""

import math

import torch

from .. import errors
from ._library import ELEMENTS, check_tensor, converted, integer, kernel, refuse, register

KEYS = (torch.float32, torch.bfloat16, torch.float16, torch.int32)
LOGITS = (torch.float32, torch.bfloat16, torch.float16)


def topk(x: torch.Tensor, k: int, largest: bool = True) -> "tuple[torch.Tensor, torch.Tensor]":
    """The `k` largest elements of each row, in descending order, with their places.

    A row is what the last dimension counts. Unlike `torch.topk`, this is a function of its
    input alone: equal elements (-0 equals +0) are in the order of their places, the lowest
    first, and NaN comes after all numbers in both directions. All `k` share one kernel for
    each type.

    Args:
        x: `[.., N]` with at least one dimension, float32, bfloat16, float16 or int32,
            contiguous.
        k: how many; 0 to N.
        largest: False for the smallest elements, in ascending order.

    Returns:
        The values, `[.., k]` of the type of `x`, and their places in the row, `[.., k]`,
        int32 (`indices.long()` where torch wants int64), both on the device of `x`.

    Raises:
        tilec.ArgumentError, tilec.DTypeError, tilec.RankError, tilec.SizeError,
        tilec.LayoutError, tilec.GradError: an argument does not fit; the error names it.
    """
    _check_rows("x", x, KEYS)
    k = integer("k", k)
    if not 0 <= k <= x.shape[-1]:
        refuse(errors.SizeError, "k", f"k is {k}, and rows of x hold {x.shape[-1]}: give a k from 0 to {x.shape[-1]}")
    return _topk(x, k, bool(largest))


def sample(
    logits: torch.Tensor,
    *,
    seed: int,
    temperature: float = 1.0,
    top_k: int = 50,
    top_p: float = 1.0,
    min_p: float = 0.0,
) -> torch.Tensor:
    """One token for each row of logits, drawn with a seed.

    The filters follow each other: of the `top_k` most likely tokens, the most likely that
    together hold `top_p` of what these hold, and of them the ones at least `min_p` times as
    likely as the first. The first token always takes part, and none other whose logit is
    NaN or -inf. Equally likely tokens are in the order of their numbers.

    The same arguments draw the same tokens. Rows draw independently of each other, so give
    every step of a generation a seed of its own. The seed is passed by value: a captured
    CUDA graph repeats the draws that it was captured with.

    Args:
        logits: `[.., V]` with at least one dimension and one token, float32, bfloat16 or
            float16, contiguous.
        seed: an integer of 32 bits, -2^31 to 2^31 - 1.
        temperature: what logits are divided by; at 0 and below, the most likely token.
        top_k: at least 1; V and more is no limit.
        top_p: 1 and more is no limit; at 0 and below, the first token.
        min_p: 0 and less is no limit; above 1, the first token.

    Returns:
        The tokens, `[..]`, int32, on the device of `logits`.

    Raises:
        tilec.ArgumentError, tilec.DTypeError, tilec.RankError, tilec.SizeError,
        tilec.LayoutError, tilec.GradError: an argument does not fit; the error names it.
    """
    _check_rows("logits", logits, LOGITS)
    if logits.shape[-1] == 0:
        refuse(errors.SizeError, "logits", f"logits has the shape {tuple(logits.shape)}, and a row without tokens has none to draw")
    seed, top_k = integer("seed", seed), integer("top_k", top_k)
    if not -(2**31) <= seed < 2**31:
        refuse(errors.SizeError, "seed", f"seed is {seed}, and an integer from -2^31 to 2^31 - 1 is expected")
    if top_k < 1:
        refuse(errors.SizeError, "top_k", f"top_k is {top_k}, and at least 1 is expected")
    shares = {"temperature": temperature, "top_p": top_p, "min_p": min_p}
    numbers = [converted(name, value, float, "a number") for name, value in shares.items()]
    return _sample(logits, seed, top_k, *numbers)


def _check_rows(name, tensor, dtypes):
    check_tensor(name, tensor, dtypes)
    if tensor.dim() == 0:
        refuse(errors.RankError, name, f"{name} has no dimensions, and its last one is what is searched; reshape it")
    if not tensor.is_contiguous():
        refuse(errors.LayoutError, name, f"{name} is not contiguous; give {name}.contiguous()")


def _run_topk(x, k, largest):
    name = "largest" if largest else "smallest"
    found = kernel("topk", name, x.device.type, ((r"\bf32\b", ELEMENTS[x.dtype]),))
    return tuple(part.reshape(*x.shape[:-1], k) for part in found(_rows(x), S=k))


def _run_sample(logits, seed, top_k, temperature, top_p, min_p):
    draw = kernel("sample", "sample", logits.device.type, ((r"\blogit:( +)f32", rf"logit:\1{ELEMENTS[logits.dtype]}"),))
    tokens = draw(_rows(logits), temperature, top_p, min_p, seed, K=min(top_k, logits.shape[-1]))
    return tokens.reshape(logits.shape[:-1])


def _rows(tensor):
    """The same elements as a matrix."""
    return tensor.reshape(math.prod(tensor.shape[:-1]), tensor.shape[-1])


def _fake_topk(x, k, largest):
    shape = (*x.shape[:-1], k)
    return x.new_empty(shape), x.new_empty(shape, dtype=torch.int32)


def _fake_sample(logits, seed, top_k, temperature, top_p, min_p):
    return logits.new_empty(logits.shape[:-1], dtype=torch.int32)


_topk = register("topk(Tensor x, SymInt k, bool largest) -> (Tensor, Tensor)", _run_topk, _fake_topk)
_sample = register(
    "sample(Tensor logits, SymInt seed, SymInt top_k, float temperature, float top_p, float min_p) -> Tensor",
    _run_sample,
    _fake_sample,
)
