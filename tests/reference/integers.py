"""Integers: conversions to and from them, arithmetic that wraps or floors, indices."""

import numpy as np

from cases import SIZES, Kernel, cover
from compare import Exact
from formats import BF16, E4M3, E5M2, F16, convert
from selection import ranked_rows
from tilec import IDIOMS

INTEGER = f"{IDIOMS}/integer.tile"
CONVERT = f"{IDIOMS}/convert_integer.tile"
INDEX = f"{IDIOMS}/index.tile"
LOW, HIGH = -(2**31), 2**31 - 1


def wrapped(x) -> np.ndarray:
    """An exact integer as i32."""
    return np.asarray(x).astype(np.int64).astype(np.int32)


def ends(rng, *shape) -> np.ndarray:
    """Integers of all magnitudes, the ends and the middle among them."""
    x = rng.integers(LOW, HIGH, shape, endpoint=True) >> rng.integers(0, 32, shape)
    special = np.array([LOW, HIGH, 0, -1, 1, LOW + 1, 127, 128, -128, -129, 255, 256, 9, 10])
    flat = x.reshape(-1)
    flat[: special.size] = special[: flat.size]
    return flat.reshape(shape).astype(np.int32)


def make_truncate(rng, n):
    x = (rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-3, 12, n)).astype(np.float32)
    edges = [2.0**31, -(2.0**31), 2147483520.0, 127.5, 128.0, -128.5, -129.0, 255.9, 256.0, -0.9, 0.9, -0.0]
    special = [np.nan, np.inf, -np.inf, *edges]
    x[: min(n, len(special))] = special[:n]
    return {"x": x}


def truncate(x):
    def saturated(dtype):
        info = np.iinfo(dtype)
        whole = np.trunc(np.nan_to_num(x.astype(np.float64), nan=0.0))
        return Exact(np.clip(whole, info.min, info.max).astype(dtype))

    return {"a": saturated(np.int32), "b": saturated(np.int8), "c": saturated(np.uint8)}


def clamp(x):
    value = x.astype(np.float32)
    return {
        "a": Exact(np.clip(x, -128, 127).astype(np.int8)),
        "b": Exact(np.clip(x, 0, 255).astype(np.uint8)),
        "c": Exact(np.clip(x, 0, 9)),
        "d": Exact(value),
        "e": Exact(convert(value, BF16)),
        "f": Exact(convert(value, F16)),
        "g": Exact(convert(value, E4M3)),
        "h": Exact(convert(value, E5M2)),
    }


def make_widen(rng, n):
    a = rng.integers(-128, 128, n, np.int8)
    return {"a": a, "b": rng.integers(0, 256, n, np.uint8), "t": rng.random(n) < 0.5}


def widen_integer(a, b, t):
    product = a.astype(np.int32) * b.astype(np.int32)
    return {
        "x": Exact(a.astype(np.int32)),
        "y": Exact(b.astype(np.int32)),
        "z": Exact(t.astype(np.int32)),
        "w": Exact(t.astype(np.float32)),
        "v": Exact(product.astype(np.float32)),
    }


def make_divide(rng, n):
    b = rng.permutation(ends(rng, n))
    b[:3] = [-1, 0, -1][:n]  # the smallest i32 by -1 wraps around
    return {"a": ends(rng, n), "b": b}


def divide(a, b):
    a, b = a.astype(np.int64), b.astype(np.int64)
    safe = np.where(b == 0, 1, b)
    return {
        "by7": Exact(wrapped(a // 7)),
        "mod7": Exact(wrapped(a % 7)),
        "by_minus3": Exact(wrapped(a // -3)),
        "mod_minus3": Exact(wrapped(a % -3)),
        "by_b": Exact(wrapped(np.where(b == 0, 0, a // safe))),
        "mod_b": Exact(wrapped(np.where(b == 0, 0, a % safe))),
    }


def make_wrap(rng, m, n):
    return {"a": ends(rng, m, n), "b": ends(rng, m, n)[::-1].copy() | 1}


def wrap(a, b):
    x, y = a.astype(np.int64), b.astype(np.int64)
    return {
        "plus": Exact(wrapped(x + y)),
        "minus": Exact(wrapped(x - y)),
        "times": Exact(wrapped(x * y)),
        "negated": Exact(wrapped(-x)),
        "size": Exact(wrapped(np.abs(x))),
        "larger": Exact(np.maximum(a, b)),
        "total": Exact(wrapped(np.sum(x, axis=1))),
        "product": Exact(np.prod(b.view(np.uint32), axis=1, dtype=np.uint32).view(np.int32)),
    }


def make_locate(rng, m, c, l):
    return {"x": rng.integers(0, 50, (m, c, l)).astype(np.float32)}


def locate(x):
    m, c, l = x.shape
    best = ranked_rows(x.reshape(m, c * l), True, 1)[:, 0]
    return {
        "chunk": Exact(best // np.int32(l)),
        "place": Exact(best % np.int32(l)),
        "whole": Exact(best),
        "mirrored": Exact(np.int32(c * l - 1) - best),
    }


def make_lookup(rng, t, v, d):
    raw = rng.integers(-v - 2, 2 * v + 2, t).astype(np.int32)
    raw[:2] = [LOW, HIGH][:t]
    table = convert(rng.standard_normal((v, d), np.float32), BF16)
    # The index type is clamped when it is read, so that out of range is no crash.
    token = rng.integers(-1, v + 1, t).astype(np.int32)
    return {"token": token, "raw": raw, "table": table}


def lookup(token, raw, table):
    last = len(table) - 1
    clamped = table[np.clip(raw, 0, last)]
    inside = (0 <= raw) & (raw <= last)
    guarded = np.where(inside[:, None], clamped.astype(np.float32), np.float32(0))
    return {"a": Exact(table[np.clip(token, 0, last)]), "b": Exact(clamped), "c": Exact(guarded)}


def make_sizes(rng, m, n, s):
    x = rng.standard_normal((m, 2 * n), np.float32)
    return {"x": x, "s": rng.standard_normal(-(-m // 128), np.float32)}


def sizes(x, s, S):
    m, n = len(x), x.shape[1] // 2
    rows, columns = np.mgrid[:m, : 2 * n]
    scale = s[np.arange(m) // 128][:, None]
    return {
        "y": Exact((x[:, :S] - x[:, n : n + S]) * scale),
        "z": Exact(wrapped(columns % 7 * 100 + (rows + columns) // 3 - n)),
        "w": Exact((m - np.arange(m)).astype(np.float32) / np.float32(max(n, 1))),
    }


def blocks(x):
    cut = x.reshape(len(x), x.shape[1] // 4, 4)
    return {"y": Exact(cut.transpose(1, 0, 2)), "peak": Exact(np.max(np.abs(cut), axis=2, initial=0))}


LINE = [(n,) for n in SIZES]
AT_LEAST_ONE = [1, 1, 63, 65, 77, 127, 129]

KERNELS = [
    Kernel(CONVERT, "truncate", make_truncate, truncate, [*LINE, (5000,)]),
    Kernel(CONVERT, "clamp", lambda rng, n: {"x": ends(rng, n)}, clamp, [*LINE, (5000,)]),
    Kernel(CONVERT, "widen_integer", make_widen, widen_integer, LINE),
    Kernel(INTEGER, "divide", make_divide, divide, [*LINE, (5000,)]),
    Kernel(INTEGER, "wrap", make_wrap, wrap, cover(2)),
    Kernel(INDEX, "locate", make_locate, locate, [(m, c, l) for m, (c, l) in zip(SIZES, cover(2, AT_LEAST_ONE))]),
    Kernel(INDEX, "lookup", make_lookup, lookup, [(t, v, d) for (t, d), v in zip(cover(2), AT_LEAST_ONE)]),
    Kernel(
        INDEX,
        "sizes",
        make_sizes,
        sizes,
        [(m, n, min(2, n)) for m, n in cover(2)] + [(300, 5, 5)],
        lambda m, n, s: {"S": s},
    ),
    Kernel(
        INDEX, "blocks", lambda rng, m, g: {"x": rng.standard_normal((m, 4 * g), np.float32)}, blocks, cover(2)
    ),
]
