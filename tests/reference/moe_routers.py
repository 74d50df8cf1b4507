"""Routers of examples/fusedmoe/routers.tile, from their definitions.

Logits are multiples of a fraction, so that ties in the router are ties indeed, and what a
selection must give is known to the bit. Where the choice goes by a sigmoid, tokens with keys
that rounding might swap are drawn again.
"""

import numpy as np

from cases import Kernel
from compare import TINY, UNIT, Close, Exact
from formats import wide
from moe import apart, two_best
from selection import ranked, ranked_rows

ROUTERS = "examples/fusedmoe/routers.tile"
GRID = 16  # logits are multiples of 1 / GRID


def sigmoid(x):
    return 1 / (1 + np.exp(-wide(x)))


# How tokens spread over experts: any way, ties everywhere, all to a few, and by Zipf's law.
SPREADS = ["any", "ties", "one", "zipf"]


def make_logits(rng, spread, t, e):
    logit = rng.integers(-4 * GRID, 4 * GRID, (t, e)) / GRID
    if spread == "ties":
        logit = rng.integers(0, 3, (t, e)) / 2
    elif spread == "one":
        logit[:, :1] = 8.0
    elif spread == "zipf":
        logit += np.round(-GRID * 1.5 * np.log(np.arange(1, e + 1))) / GRID
    return logit.astype(np.float32)


def near_ties(keys) -> np.ndarray:
    """Rows in which two keys are so close that rounding may swap them."""
    gaps = np.diff(np.sort(keys, axis=-1), axis=-1)
    return np.any(gaps < 16 * UNIT * (1 + np.max(np.abs(keys), axis=-1, keepdims=True, initial=0)), axis=-1)


def draw_apart(rng, t, draw, keys_of):
    """Tokens, drawn again until their keys are well apart."""
    rows = draw(t)
    while np.any(near := keys_of(rows)):
        rows[near] = draw(int(np.sum(near)))
    return rows


def make_biased(rng, t, e, s, spread):
    bias = (rng.integers(-64, 65, e) / 1024 + rng.permutation(e) * 2.0**-15).astype(np.float32)
    draw = lambda n: rng.uniform(-4, 4, (n, e)).astype(np.float32)  # noqa: E731
    logit = draw_apart(rng, t, draw, lambda rows: near_ties(sigmoid(rows) + wide(bias)))
    return {"logit": logit, "bias": bias, "factor": np.float32(2.5)}


def make_grouped(rng, t, g, l, p, s):
    bias = (rng.integers(-64, 65, (g, l)) / 1024).astype(np.float32)

    def near(rows):
        keys = sigmoid(rows) + wide(bias)
        return np.array([not (apart(row) and apart(two_best(row))) for row in keys], bool)

    logit = draw_apart(rng, t, lambda n: rng.uniform(-4, 4, (n, g, l)).astype(np.float32), near)
    return {"logit": logit, "bias": bias, "factor": np.float32(2.5)}


def softmax(logit, temperature=1.0):
    """The shares, and a bound of their relative error."""
    v = wide(logit)
    shift = (v - np.max(v, axis=1, keepdims=True, initial=-np.inf)) / float(temperature)
    z = np.exp(shift)
    return z / np.sum(z, axis=1, keepdims=True), (4 * np.max(np.abs(shift), initial=0) + v.shape[1] + 40) * UNIT


def routed(expert, weight, relative):
    return {"expert": Exact(expert), "weight": Close(weight, relative * np.abs(weight) + TINY)}


def softmax_all(logit, temperature, S):
    expert = ranked_rows(logit, True, S)
    share, relative = softmax(logit, temperature)
    return routed(expert, np.take_along_axis(share, expert, 1), relative)


def softmax_renormalized(logit, S):
    expert = ranked_rows(logit, True, S)
    share, relative = softmax(logit)
    weight = np.take_along_axis(share, expert, 1)
    return routed(expert, weight / np.sum(weight, axis=1, keepdims=True), 2 * relative + (S + 4) * UNIT)


def softmax_picked(logit, factor, S):
    expert = ranked_rows(logit, True, S)
    share, relative = softmax(np.take_along_axis(logit, expert, 1))
    return routed(expert, float(factor) * share, relative + 2 * UNIT)


def sigmoid_biased(logit, bias, factor, S):
    score = sigmoid(logit)
    expert = ranked_rows(score + wide(bias), True, S)
    raw = np.take_along_axis(score, expert, 1)
    return routed(expert, float(factor) * raw / np.sum(raw, axis=1, keepdims=True), (S + 64) * UNIT)


def grouped_biased(logit, bias, factor, P, S):
    tokens, groups, members = logit.shape
    score = sigmoid(logit)
    key = score + wide(bias)
    expert = np.zeros((tokens, S), np.int32)
    for t in range(tokens):
        chosen = ranked(two_best(key[t]), True)[:P]
        pick = ranked(key[t, chosen].reshape(-1), True)[:S]
        expert[t] = chosen[pick // members] * members + pick % members
    raw = np.take_along_axis(score.reshape(tokens, groups * members), expert, 1)
    return routed(expert, float(factor) * raw / np.sum(raw, axis=1, keepdims=True), (S + 64) * UNIT)


T_SIZES, E_SIZES = [0, 1, 7, 128, 2048], [1, 4, 8, 64, 256]


def counts(e: int) -> list[int]:
    return sorted({s for s in (1, 2, 8, e) if s <= e})


def router_points():
    """Every T with every E, and the numbers of experts per token and the spreads in turn."""
    pairs = [(t, e) for t in T_SIZES for e in E_SIZES]
    return [(t, e, counts(e)[n % len(counts(e))], SPREADS[n % 4]) for n, (t, e) in enumerate(pairs)]


def numbered(points):
    """Spreads as numbers, which is what points are made of."""
    return [tuple(SPREADS.index(x) if isinstance(x, str) else x for x in point) for point in points]


def router(name, reference, extra):
    def make(rng, t, e, s, spread):
        return {"logit": make_logits(rng, SPREADS[spread], t, e), **extra}

    return Kernel(ROUTERS, name, make, reference, numbered(router_points()), lambda t, e, s, spread: {"S": s})


GROUPED = [(0, 4, 4, 2, 3), (1, 1, 2, 1, 2), (7, 2, 4, 1, 2), (128, 8, 8, 4, 8), (128, 8, 32, 4, 8), (2048, 4, 4, 2, 1)]


KERNELS = [
    router("softmax_all", softmax_all, {"temperature": np.float32(0.7)}),
    router("softmax_renormalized", softmax_renormalized, {}),
    router("softmax_picked", softmax_picked, {"factor": np.float32(2.5)}),
    Kernel(
        ROUTERS,
        "sigmoid_biased",
        make_biased,
        sigmoid_biased,
        numbered(router_points()),
        lambda t, e, s, spread: {"S": s},
    ),
    Kernel(
        ROUTERS,
        "grouped_biased",
        make_grouped,
        grouped_biased,
        GROUPED,
        lambda t, g, l, p, s: {"P": p, "S": s},
    ),
]
