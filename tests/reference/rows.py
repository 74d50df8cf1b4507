"""Norms, softmax and quantization as models use them: tests/cases/rowwise."""

import numpy as np

from cases import SIZES, Kernel, cover
from compare import TINY, UNIT, Close, Exact
from data import heavy
from formats import BF16, F32, convert, wide
from rowwise import quantize_rows

CASES = "tests/cases/rowwise"
NOT_EMPTY = SIZES[1:]


def bf16(rng, *shape):
    return convert(heavy(rng, *shape), BF16)


def quantize(block):
    """Codes and scales per block of that many columns; `None` is the whole row."""

    def reference(x):
        q, scale = quantize_rows(wide(x).astype(np.float32), block or max(x.shape[1], 1))
        if block is None:
            of_nothing = np.full(x.shape[0], np.float32(1e-6) / np.float32(448))
            scale = scale[:, 0] if x.shape[1] else of_nothing
        return {"q": Exact(q), "scale": Exact(scale)}

    return reference


def make_layernorm(rng, m, n):
    vector = [rng.standard_normal(n, np.float32) for _ in range(2)]
    return {"x": bf16(rng, m, n), "gain": vector[0], "bias": vector[1], "eps": np.float32(1e-5)}


def layernorm(x, gain, bias, eps):
    x, n = wide(x), x.shape[1]
    mean = np.mean(x, axis=1, keepdims=True)
    scale = 1 / np.sqrt(np.mean((x - mean) ** 2, axis=1, keepdims=True) + float(eps))
    # What the mean is off by, and what that makes of the deviations and of their squares.
    off = (n + 4) * UNIT * np.mean(np.abs(x), axis=1, keepdims=True)
    off = off + UNIT * (np.abs(x) + np.abs(mean))
    relative = (n + 16) * UNIT + 2 * np.mean(np.abs(x - mean) * off, axis=1, keepdims=True) * scale**2
    y = (x - mean) * scale * wide(gain)
    bound = (off * scale + np.abs(x - mean) * scale * relative) * np.abs(wide(gain))
    return {"y": Close(y + wide(bias), 1.01 * bound + 2 * UNIT * (np.abs(y) + np.abs(wide(bias))), BF16)}


def make_residual(rng, m, n):
    w = convert(rng.standard_normal(n, np.float32), BF16)
    return {"x": bf16(rng, m, n), "r": bf16(rng, m, n), "w": w, "eps": np.float32(1e-5)}


def residual_rmsnorm(x, r, w, eps):
    # The sum of two bf16 is rounded to f32 first.
    h = convert((wide(x) + wide(r)).astype(np.float32), BF16)
    v = wide(h)
    y = v / np.sqrt(np.mean(v * v, axis=1, keepdims=True) + float(eps)) * wide(w)
    return {"h": Exact(h), "y": Close(y, (x.shape[1] + 16) * UNIT * np.abs(y), BF16)}


def softmax(x, dtype, scale=1.0):
    """Along the last axis; the error of x - top becomes relative in exp."""
    x = wide(x) * float(scale)
    top = np.max(x, axis=-1, keepdims=True, initial=-np.inf)
    z = np.exp(x - top)
    y = z / np.sum(z, axis=-1, keepdims=True)
    relative = 4 * UNIT * (np.abs(x) + np.abs(top)) + (x.shape[-1] + 32) * UNIT
    return {"y": Close(y, np.minimum(relative, 1) * y + TINY, dtype)}


def log_sum_exp(x):
    x = wide(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        top = np.max(x, axis=1, initial=-np.inf)
        y = np.log(np.sum(np.exp(x - top[:, None]), axis=1)) + top
        off = (x.shape[1] + 32) * UNIT * (1 + np.max(np.abs(x), axis=1, initial=0)) + 4 * UNIT * np.abs(y)
    # Of nothing: the logarithm of 0, and the largest of nothing.
    return {"y": Close(np.where(np.isneginf(top), -np.inf, y), np.nan_to_num(off), F32)}


LONG = [(3, 5000)]
KERNELS = [
    Kernel(f"{CASES}/quantize.tile", "quantize_strips", lambda rng, m, n: {"x": bf16(rng, m, n)}, quantize(128), cover(2)),
    Kernel(
        f"{CASES}/quantize.tile",
        "quantize_whole",
        lambda rng, m, g: {"x": bf16(rng, m, g * 128)},
        quantize(128),
        [(m, g % 9) for m, g in cover(2)],
    ),
    Kernel(f"{CASES}/quantize.tile", "quantize_rows", lambda rng, m, n: {"x": bf16(rng, m, n)}, quantize(None), cover(2)),
    Kernel(f"{CASES}/norms.tile", "layernorm", make_layernorm, layernorm, cover(2, NOT_EMPTY) + LONG),
    Kernel(f"{CASES}/norms.tile", "residual_rmsnorm", make_residual, residual_rmsnorm, cover(2, NOT_EMPTY) + LONG),
    Kernel(
        f"{CASES}/softmax.tile",
        "softmax_bf16",
        lambda rng, m, n: {"x": bf16(rng, m, n)},
        lambda x: softmax(x, BF16),
        cover(2) + LONG,
    ),
    Kernel(
        f"{CASES}/softmax.tile",
        "softmax_scaled",
        lambda rng, h, s, t: {"x": heavy(rng, h, s, t), "scale": np.float32(0.125)},
        lambda x, scale: softmax(x, BF16, scale),
        cover(3, [0, 1, 3, 65, 129]),
    ),
    Kernel(
        f"{CASES}/softmax.tile", "log_sum_exp", lambda rng, m, n: {"x": heavy(rng, m, n)}, log_sum_exp, cover(2) + LONG
    ),
]
