"""Orders and selections, from the definition: equal keys keep the lower index,
-0 equals +0, and NaN comes last in both directions.
"""

import numpy as np

from cases import Kernel, cover
from compare import Exact
from formats import BF16, F16, convert, wide
from tilec import IDIOMS

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 1e-39, 3e38, 1.0], np.float32)
ROUNDS = f"{IDIOMS}/argmax_rounds.tile"
TOPK = "examples/topk/topk.tile"
SELECT = "tests/cases/select/select.tile"


def ranked(keys, descending: bool) -> np.ndarray:
    """The indices of the keys in order."""
    keys = wide(keys)
    last = np.isnan(keys)
    signed = np.where(last, 0.0, -keys if descending else keys)
    return np.lexsort((signed, last)).astype(np.int32)


def ranked_rows(x, descending: bool, keep=None) -> np.ndarray:
    rows = [ranked(row, descending)[:keep] for row in x]
    return np.array(rows, np.int32).reshape(len(x), x.shape[1] if keep is None else keep)


def keys(rng, m, n):
    """Rows of many kinds, one after the other: random, with ties, special values, constant,
    close together, ascending, all NaN."""
    kinds = [
        lambda: rng.standard_normal(n),
        lambda: rng.integers(-3, 4, n),
        lambda: rng.choice(SPECIAL, n),
        lambda: np.full(n, 7.0),
        lambda: 1 + rng.integers(0, 64, n) * 2.0**-23,
        lambda: np.arange(n),
        lambda: np.full(n, np.nan),
        lambda: np.where(rng.random(n) < 0.5, -np.inf, rng.standard_normal(n)),
    ]
    with np.errstate(over="ignore"):
        return np.array([kinds[i % len(kinds)]() for i in range(m)], np.float32).reshape(m, n)


def make_topk(rng, m, n, s):
    return {"x": keys(rng, m, n)}


def topk(x, S):
    index = ranked_rows(x, True, S)
    return {"value": Exact(np.take_along_axis(x, index, 1)), "index": Exact(index)}


def make_staged(rng, m, c, l, s):
    return {"x": keys(rng, m, c * l)}


def topk_staged(x, C, L, S):
    return topk(x, S)


def order(x):
    return {"down": Exact(ranked_rows(x, True)), "up": Exact(ranked_rows(x, False))}


def extremes(x):
    return {
        "largest": Exact(ranked_rows(x, True, 1)[:, 0]),
        "smallest": Exact(ranked_rows(x, False, 1)[:, 0]),
        "second": Exact(ranked_rows(x.T, False, 2)[:, 1]),
    }


def make_finite(rng, m, n):
    return {"x": np.nan_to_num(keys(rng, m, n))}


def argmax_rounds(x):
    best = ranked_rows(x, True, 3)
    return {"first": Exact(best[:, 0]), "second": Exact(best[:, 1]), "third": Exact(best[:, 2])}


def argmax_rounds_any(x):
    """Round by round as it is written, since winners may win again here."""
    first = ranked_rows(x, True, 1)[:, 0]
    rest = x.copy()
    rest[np.arange(len(x)), first] = -np.inf
    return {"first": Exact(first), "second": Exact(ranked_rows(rest, True, 1)[:, 0])}


def as_type(dtype):
    return lambda rng, m, n, s=None: {"x": convert(keys(rng, m, n), dtype)}


def make_integers(rng, m, n, s=None):
    x = rng.integers(-(2**31), 2**31, (m, n)).astype(np.int32)
    x[1::2] %= 5
    x[2::5] = np.iinfo(np.int32).min
    return {"x": x}


def make_biased(rng, b, h, n):
    return {"x": convert(keys(rng, b * h, n).reshape(b, h, n), BF16), "bias": rng.standard_normal(n, np.float32)}


def of_bf16(x, bias):
    b, h, n = x.shape
    x = wide(x).astype(np.float32)
    index = ranked_rows((x + bias).reshape(b * h, n), False, 3).reshape(b, h, 3)
    with np.errstate(over="ignore"):
        return {"value": Exact(np.float32(2) * np.take_along_axis(x, index, 2))}


def of_narrow(x, S):
    return {"index": Exact(ranked_rows(x, False, S))}


def later(x, S):
    return {"index": Exact(ranked_rows(x, False, S + 2)[:, 2:])}


def of_row(x):
    at = ranked(x, True)[0]
    return {"value": Exact(x[at]), "at": Exact(at)}


# Rows, columns, kept: all, some, one, none, and a row that must be staged.
KEPT = [(m, n, n) for m, n in cover(2)] + [(m, n, min(n, 8)) for m, n in cover(2)]
KEPT += [(1, 1, 1), (9, 129, 1), (9, 64, 0), (9, 20000, 64), (9, 5000, 5000), (0, 9, 4), (9, 1000, 33)]
STAGED = [(9, 1, 65, 32), (9, 4, 63, 8), (0, 2, 5, 5), (65, 7, 1, 1), (9, 129, 127, 64), (9, 3, 5, 0), (1, 2, 2, 2)]

KERNELS = [
    Kernel(TOPK, "topk", make_topk, topk, KEPT, lambda m, n, s: {"S": s}),
    Kernel(TOPK, "topk_staged", make_staged, topk_staged, STAGED, lambda m, c, l, s: {"C": c, "L": l, "S": s}),
    Kernel(SELECT, "of_f32", make_topk, topk, [(9, 129, 8), (9, 5000, 65)], lambda m, n, s: {"S": s}),
    Kernel(SELECT, "of_bf16", make_biased, of_bf16, [(b, h, n + 3) for b, h, n in cover(3)] + [(3, 3, 5003)]),
    Kernel(SELECT, "of_narrow", as_type(BF16), of_narrow, KEPT, lambda m, n, s: {"S": s}),
    Kernel(SELECT, "later", make_integers, later, [(9, 7, 5), (9, 5000, 100), (0, 9, 4)], lambda m, n, s: {"S": s}),
    Kernel(SELECT, "of_row", lambda rng, n: {"x": keys(rng, 3, n)[n % 3]}, of_row, [(1,), (129,), (30001,)]),
    Kernel(f"{IDIOMS}/order.tile", "order_f32", lambda rng, m, n: {"x": keys(rng, m, n)}, order, cover(2)),
    Kernel(f"{IDIOMS}/order.tile", "order_bf16", as_type(BF16), order, cover(2)),
    Kernel(f"{IDIOMS}/order.tile", "order_f16", as_type(F16), order, cover(2)),
    Kernel(f"{IDIOMS}/order.tile", "order_i32", make_integers, order, cover(2)),
    Kernel(
        f"{IDIOMS}/order.tile",
        "extremes",
        lambda rng, m, n: {"x": keys(rng, m, n)},
        extremes,
        cover(2, [2, 3, 63, 65, 77, 127, 129]) + [(2, 1)],
    ),
    Kernel(ROUNDS, "argmax_rounds", make_finite, argmax_rounds, [(m, max(n, 3)) for m, n in cover(2)]),
    Kernel(
        ROUNDS,
        "argmax_rounds_any",
        lambda rng, m, n: {"x": keys(rng, m, n)},
        argmax_rounds_any,
        [(m, max(n, 2)) for m, n in cover(2)],
    ),
]
