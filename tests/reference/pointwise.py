"""Functions, guards, scalars and conversions between the narrow types."""

import math

import numpy as np

from cases import SIZES, Kernel, cover
from compare import TINY, UNIT, Close, Exact
from data import heavy
from formats import BF16, E4M3, E5M2, F16, convert, wide
from moe import silu
from tilec import IDIOMS

GUARDS = f"{IDIOMS}/guards.tile"
FUNCTIONS = f"{IDIOMS}/functions.tile"
CONVERT = f"{IDIOMS}/convert.tile"

# What an implementation in f32 is allowed: some units in the last place.
ULPS = 16


def make_points(rng, n):
    """From tiny to huge, both signs, the usual range more densely, special values."""
    wide_range = 10.0 ** rng.uniform(-30, 30, n) * rng.choice([-1, 1], n)
    x = np.where(rng.random(n) < 0.7, rng.uniform(-12, 12, n), wide_range).astype(np.float32)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 88.0, -87.0, 0.5, -0.5, 2.0, -2.5]
    x[: min(n, len(special))] = special[:n]
    return {"x": x}


def within(value, absolute=0.0, relative=ULPS * UNIT):
    with np.errstate(invalid="ignore"):
        return Close(value, np.nan_to_num(relative * np.abs(value), posinf=0) + absolute + TINY)


def builtin(x):
    v = wide(x)
    with np.errstate(all="ignore"):
        exp_x = np.where(v > 88.722839, np.inf, np.exp(np.minimum(v, 89)))
        return {
            "exp_x": within(exp_x),
            "log_x": within(np.log(v)),
            "sqrt_x": Exact(np.sqrt(x)),
            "rsqrt_x": within(1 / np.sqrt(v)),
            "abs_x": Exact(np.abs(x)),
            "tanh_x": within(np.tanh(v)),
            "erf_x": within(np.vectorize(math.erf, otypes=[float])(v)),
            "floor_x": Exact(np.floor(x)),
        }


def prelude(x):
    v = np.maximum(wide(x), -1000.0)  # below, all of these are their limits in f32
    erf = np.vectorize(math.erf, otypes=[float])
    near_one = 8 * UNIT * np.minimum(np.abs(v), 100)  # what is left of 1 + erf or 1 + tanh near -1
    with np.errstate(over="ignore", invalid="ignore"):
        inner = math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)
        return {
            "sigmoid_x": within(1 / (1 + np.exp(-v)), 8 * UNIT),
            # 1 + exp(-x) overflows from -88.8 on, where silu is -2.4e-37.
            "silu_x": within(silu(v), 3e-37, relative=64 * UNIT),
            "gelu_x": within(0.5 * v * (1 + erf(v / math.sqrt(2))), near_one),
            "gelu_tanh_x": within(0.5 * v * (1 + np.tanh(inner)), near_one * (1 + 4 * np.minimum(np.abs(v), 8))),
            "relu_x": Exact(np.maximum(x, np.float32(0))),
            "softplus_x": within(np.logaddexp(0, v), 4 * UNIT),
        }


def make_moderate(rng, n):
    x = np.where(rng.random(n) < 0.9, rng.uniform(-15, 15, n), 0.0).astype(np.float32)
    special = [np.inf, -np.inf, np.nan, 88.8, -88.8, 100.0, -100.0, 1e30, -1e30, 1e-30]
    x[: min(n, len(special))] = special[:n]
    return {"x": x}


def own(x):
    v = wide(x)
    with np.errstate(invalid="ignore"):
        y = v * np.clip(v / 6 + 0.5, 0, 1)  # an infinity times zero is NaN
        return {"y": within(y, np.nan_to_num(8 * UNIT * np.abs(v), posinf=0))}


def guards(x):
    n, v = x.size, wide(x)
    blur = v.copy()
    blur[1:-1] = 0.25 * v[:-2] + 0.5 * v[1:-1] + 0.25 * v[2:]
    inner = np.zeros(n)
    inner[1:-1] = v[2:] - v[:-2]
    bound = 4 * UNIT * (np.abs(v) + np.abs(np.roll(v, 1)) + np.abs(np.roll(v, -1)))
    return {
        "back": Exact(np.concatenate([[0], x[:-1]]).astype(np.float32)[:n]),
        "blur": Close(blur, bound),
        "inner": Close(inner, bound),
        "rises": Exact(np.array([i == 0 or x[i - 1] < x[i] for i in range(n)], bool)),
        "fold": Exact(np.array([x[i - n // 2] if i >= n // 2 else x[n - 1 - i] for i in range(n)], np.float32)),
    }


def make_convolve(rng, m, n):
    return {"x": heavy(rng, m, n), "w": rng.standard_normal(5, np.float32)}


def convolve(x, w):
    padded = np.pad(wide(x), ((0, 0), (2, 2)))
    windows = [padded[:, j : j + x.shape[1]] * wide(w)[j] for j in range(5)]
    return {"y": Close(sum(windows), 8 * UNIT * sum(map(np.abs, windows)))}


def make_causal(rng, n, d):
    return {name: rng.standard_normal((n, d), np.float32) for name in "qkv"}


def causal(q, k, v):
    q, k, v = map(wide, (q, k, v))
    n, d = q.shape
    o, bound = np.zeros((n, d)), np.zeros((n, d))
    for i in range(n):
        s = k[: i + 1] @ q[i] / math.sqrt(max(d, 1))
        error = (d + 8) * UNIT * (np.abs(k[: i + 1]) @ np.abs(q[i])) / math.sqrt(max(d, 1))
        p = np.exp(s - np.max(s))
        p /= np.sum(p)
        o[i] = p @ v[: i + 1]
        bound[i] = (4 * np.max(error) + (2 * n + 64) * UNIT) * (p @ np.abs(v[: i + 1]))
    return {"o": Close(o, bound)}


def make_scalars(rng, n, flag):
    return {
        "x": rng.standard_normal(n, np.float32),
        "alpha": np.float32(0.75),
        "shift": np.int32(-3),
        "flag": np.bool_(flag),
        "half": convert(np.float32(1.5), BF16),
        "n": np.int32(2),
        "table": rng.standard_normal(4, np.float32),
    }


def scalars(x, alpha, shift, flag, half, n, table):
    y = x * alpha + wide(half).astype(np.float32) if flag else np.full(x.shape, np.float32(shift))
    total = np.sum(wide(y))
    assert abs(total) > 1e-3 or x.size <= 1, "the data is near a tie"
    return {
        "y": Close(wide(y), 4 * UNIT * (np.abs(wide(x)) + 2)),
        "total": Close(total, (x.size + 4) * UNIT * np.sum(np.abs(wide(x)) + 3) * 2),
        "count": Exact(np.int32(np.sum(y < alpha) + shift)),
        "positive": Exact(np.bool_(total > 0)),
        "picked": Exact(table[n]),
    }


def make_requantize(rng, m, n):
    return {"x": heavy(rng, m, n), "s": np.float32(0.37)}


def requantize(x, s):
    return {"y": Exact(convert(x / s, E4M3).astype(np.float32) * s)}


def all_codes(width):
    return np.arange(2**width, dtype=f"u{width // 8}")


def widen_fp8(a, b):
    x, y = a.astype(np.float32), b.astype(np.float32)
    return {
        "x": Exact(x),
        "y": Exact(y),
        "p": Exact(convert(x, BF16)),
        "q": Exact(convert(y, F16)),
        "r": Exact(convert(x, E5M2)),
        "s": Exact(convert(y, E4M3)),
    }


def widen_16(a, b):
    x, y = a.astype(np.float32), b.astype(np.float32)
    return {
        "x": Exact(x),
        "y": Exact(y),
        "p": Exact(convert(x, F16)),
        "q": Exact(convert(y, BF16)),
        "r": Exact(convert(x, E4M3)),
        "s": Exact(convert(y, E5M2)),
    }


def make_all_fp8(rng):
    return {"a": all_codes(8).view(E4M3), "b": all_codes(8).view(E5M2)}


def make_all_16(rng):
    return {"a": all_codes(16).view(BF16), "b": all_codes(16).view(F16)}


LINE = [(n,) for n in SIZES]

KERNELS = [
    Kernel(FUNCTIONS, "builtin", make_points, builtin, [*LINE, (5000,)]),
    Kernel(FUNCTIONS, "prelude", make_moderate, prelude, [*LINE, (5000,)]),
    Kernel(FUNCTIONS, "own", make_moderate, own, LINE),
    Kernel(GUARDS, "guards", lambda rng, n: {"x": heavy(rng, n)}, guards, [*LINE, (2,), (3,)]),
    Kernel(GUARDS, "convolve", make_convolve, convolve, [*cover(2), (3, 2)]),
    Kernel(GUARDS, "causal", make_causal, causal, cover(2)),
    Kernel(f"{IDIOMS}/scalars.tile", "scalars", make_scalars, scalars, [(n, i % 2) for i, n in enumerate(SIZES)]),
    Kernel(CONVERT, "requantize", make_requantize, requantize, cover(2)),
    Kernel(CONVERT, "widen_fp8", make_all_fp8, widen_fp8, [()]),
    Kernel(CONVERT, "widen_16", make_all_16, widen_16, [()]),
]
