"""`fused_moe`: a layer of experts, from tokens to tokens."""

import math

import torch

from .. import errors
from ._library import ELEMENTS, check_tensor, integer, kernel, refuse, register

TOKENS = (torch.bfloat16, torch.float16)
CODES = (torch.float8_e4m3fn,)
#: What each of the three is called, and its dimensions after the number of experts.
PARTS = (("gate", "FD"), ("up", "FD"), ("down", "DF"))
BLOCK = 128


def fused_moe(
    tokens: torch.Tensor,
    expert_weights: "tuple",
    routing_weights: torch.Tensor,
    top_k: int,
) -> torch.Tensor:
    """A mixture of gated experts: each token through `top_k` of them, in one call.

    The logits of a token are `tokens @ routing_weights.T`, summed in f32. Its experts are
    those with the largest logits, and of equal ones those with the lowest numbers. They
    are weighed by a softmax over their logits alone, which is the same as a softmax over
    all experts whose chosen shares are made to sum to one. An expert computes
    `(silu(x @ gate.T) * (x @ up.T)) @ down.T`; what is between its two products is rounded
    to the type of the tokens. The weighted sum is taken in f32 and rounded once, in the
    order of the experts' logits, so the same input has one result.

    With FP8 experts, tokens and what is between the products are quantized on the way, with
    a scale for each 128 numbers, as `quantize_fp8` does with `block=(1, 128)`; logits are
    of the tokens as they are. Where F and D are multiples of 128, `quantize_fp8` makes such
    experts: `codes, scales = quantize_fp8(gate.flatten(0, 1), (128, 128))`, both then
    `.unflatten(0, (E, -1))`.

    Args:
        tokens: `[.., D]` with at least one dimension (`[batch, sequence, hidden]`, say),
            bfloat16 or float16, contiguous.
        expert_weights: three of them, `(gate, up, down)`, of the shapes `[E, F, D]`,
            `[E, F, D]` and `[E, D, F]`, of the type of `tokens`, contiguous. In FP8, each is
            a pair of codes, float8_e4m3fn, and of scales, float32, one for each 128 x 128
            of a matrix: `[E, ceil(F / 128), ceil(D / 128)]` for gate and up, and
            `[E, ceil(D / 128), ceil(F / 128)]` for down.
        routing_weights: the router's weights, `[E, D]`, of the type of `tokens`, contiguous.
        top_k: how many experts see a token; 1 to E.

    Returns:
        A tensor of the shape and the type of `tokens`, on their device.

    Raises:
        tilec.ArgumentError, tilec.DTypeError, tilec.RankError, tilec.SizeError,
        tilec.LayoutError, tilec.DeviceError, tilec.GradError: an argument does not fit; the
            error names it, and of the weights which one (`expert_weights[0]` is gate,
            `expert_weights[0][1]` its scales).
    """
    _check_tokens(tokens)
    experts, width = _check_router(tokens, routing_weights)
    weights, scales = _weights_and_scales(expert_weights)
    hidden = _check_weights(tokens, weights, experts, width, CODES if scales else (tokens.dtype,))
    _check_scales(tokens, scales, {"F": hidden, "D": width}, experts)
    top_k = integer("top_k", top_k)
    if not 1 <= top_k <= experts:
        refuse(errors.SizeError, "top_k", f"top_k is {top_k}, and there are {experts} experts: give 1 to {experts}")
    return _operator(tokens, weights, scales, routing_weights, top_k)


def _check_tokens(tokens):
    check_tensor("tokens", tokens, TOKENS)
    if tokens.dim() == 0:
        refuse(errors.RankError, "tokens", "tokens has no dimensions, and its last one is a token's width; reshape it")
    _check_layout("tokens", tokens, tokens)


def _check_router(tokens, router):
    """The number of experts and the width of a token."""
    name, width = "routing_weights", tokens.shape[-1]
    check_tensor(name, router, (tokens.dtype,), (2,))
    _check_shape(name, router, (router.shape[0], width), "one row for each expert, as wide as a token")
    if router.shape[0] == 0:
        refuse(errors.SizeError, name, f"{name} has the shape {tuple(router.shape)}, and a layer has at least one expert")
    _check_layout(name, router, tokens)
    return router.shape


def _weights_and_scales(given):
    """The three weights, and their scales if they have some."""
    name, expected = "expert_weights", "(gate, up, down) is expected, each a tensor, or each a pair of codes and scales"
    if not isinstance(given, (tuple, list)) or len(given) != len(PARTS):
        found = f"{len(given)} parts" if isinstance(given, (tuple, list)) else f"a {type(given).__name__}"
        refuse(errors.ArgumentError, name, f"{name} is {found}, and {expected}")
    pairs = [isinstance(part, (tuple, list)) for part in given]
    if not any(pairs):
        return list(given), []
    for at, part in enumerate(given):
        if not pairs[at] or len(part) != 2:
            refuse(errors.ArgumentError, f"{name}[{at}]", f"{name}[{at}] is no pair of codes and scales: {expected}")
    return [part[0] for part in given], [part[1] for part in given]


def _check_weights(tokens, weights, experts, width, dtypes):
    """The width of an expert, which the first of the weights tells."""
    sizes = {"D": width}
    for at, (part, letters) in enumerate(PARTS):
        name = f"expert_weights[{at}]" + ("[0]" if dtypes is CODES else "")
        check_tensor(name, weights[at], dtypes, (3,))
        sizes.setdefault("F", weights[at].shape[1])
        expected = (experts, *(sizes[letter] for letter in letters))
        why = f"{part} is [E, {', '.join(letters)}] with E and D of routing_weights, and F of the first"
        _check_shape(name, weights[at], expected, why)
        _check_layout(name, weights[at], tokens)
    return sizes["F"]


def _check_scales(tokens, scales, sizes, experts):
    for at, scale in enumerate(scales):
        name, (part, letters) = f"expert_weights[{at}][1]", PARTS[at]
        check_tensor(name, scale, (torch.float32,), (3,))
        expected = (experts, *(-(-sizes[letter] // BLOCK) for letter in letters))
        _check_shape(name, scale, expected, f"there is one scale for each {BLOCK} x {BLOCK} of {part}")
        _check_layout(name, scale, tokens)


def _check_shape(name, tensor, expected, why):
    if tuple(tensor.shape) != expected:
        refuse(errors.SizeError, name, f"{name} has the shape {tuple(tensor.shape)}, and {expected} is expected: {why}")


def _check_layout(name, tensor, tokens):
    if tensor.device != tokens.device:
        refuse(errors.DeviceError, name, f"{name} is on {tensor.device}, and tokens are on {tokens.device}; move one of them")
    if not tensor.is_contiguous():
        refuse(errors.LayoutError, name, f"{name} is not contiguous; give {name}.contiguous()")


def _run(tokens, weights, scales, router, top_k):
    name = "fused_moe_fp8" if scales else "fused_moe"
    layer = kernel("fused_moe", name, tokens.device.type, ((r"\bbf16\b", ELEMENTS[tokens.dtype]),))
    # Each of the weights is followed by its scales.
    parts = [part for pair in zip(weights, scales) for part in pair] if scales else weights
    rows = tokens.reshape(math.prod(tokens.shape[:-1]), tokens.shape[-1])
    return layer(rows, router, *parts, S=top_k).reshape(tokens.shape)


def _fake(tokens, weights, scales, router, top_k):
    return tokens.new_empty(tokens.shape)


_operator = register(
    "fused_moe(Tensor tokens, Tensor[] weights, Tensor[] scales, Tensor router, SymInt top_k) -> Tensor", _run, _fake
)
