"""Routers, and whole layers around them, from their definitions.

Logits are exact in f32, whatever the order of their sums, because tokens and routers are small
integers and fractions of them. So experts are the same on every target, ties in the router are
ties indeed, and what a selection must give is known to the bit. Where the choice goes by a
sigmoid, tokens with keys that rounding might swap are drawn again.
"""

import numpy as np

from cases import Kernel
from compare import TINY, UNIT, Close, Exact, Judged, dot_bound
from data import heavy
from formats import BF16, HALF_ULP, convert, wide
from moe import apart, judge, silu, two_best
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


def make_tokens(rng, spread, t, d, e):
    """Tokens and a router whose products are exact, and the experts spread as asked: the first
    number of every token is 1, so that the router's first column is a bias."""
    x = rng.integers(-2, 3, (t, d)) / 2
    router = rng.integers(-2, 3, (e, d)) / GRID
    if d:
        x[:, 0] = 1
        router[:, 0] = {"any": 0, "ties": 0, "one": 16 * (np.arange(e) == 0)}.get(spread, -np.round(2 * np.log(np.arange(1, e + 1))))
    if spread == "ties":
        router[1::2] = router[: e - 1 : 2][: len(router[1::2])]
    return {"x": convert(x.astype(np.float32), BF16), "router": convert(router.astype(np.float32), BF16)}


def matrix(rng, *shape):
    return convert(heavy(rng, *shape) / np.float32(max(shape[-1], 1) ** 0.5), BF16)


def make_experts(rng, d, f, e):
    return {"w_gate": matrix(rng, e, f, d), "w_up": matrix(rng, e, f, d), "w_down": matrix(rng, e, d, f)}


def make_capacity(rng, t, d, f, e, s, c, spread):
    return {**make_tokens(rng, spread, t, d, e), **make_experts(rng, d, f, e)}


def make_shared(rng, t, d, f, h, e, s, spread):
    tokens = make_tokens(rng, spread, t, d, e)
    # Experts with equal logits and equal biases tie; others must be apart.
    bias = (rng.permutation(e) * 2.0**-14 + rng.integers(0, 64, e) / 512).astype(np.float32)
    shared = {"shared_gate": matrix(rng, h, d), "shared_up": matrix(rng, h, d), "shared_down": matrix(rng, d, h)}
    return {**tokens, "bias": bias, "factor": np.float32(2.5), **make_experts(rng, d, f, e), **shared}


def mlp(x, gate, up, down):
    """Rows through one expert, with a bound for the f32 sums and for h in bf16."""
    g, u = x @ gate.T, x @ up.T
    g_bound = dot_bound(np.abs(x) @ np.abs(gate).T, x.shape[1])
    u_bound = dot_bound(np.abs(x) @ np.abs(up).T, x.shape[1])
    exactly = silu(g) * u
    h = wide(convert(exactly.astype(np.float32), BF16))
    # silu stretches errors by at most 1.1; h may then fall on the other side of a tie.
    h_bound = (1.1 * g_bound + 16 * UNIT * np.abs(g)) * (np.abs(u) + u_bound) + np.abs(silu(g)) * u_bound
    h_bound = h_bound + 2 * HALF_ULP[BF16] * (np.abs(exactly) + h_bound)
    magnitude = (np.abs(h) + h_bound) @ np.abs(down).T
    return h @ down.T, h_bound @ np.abs(down).T + dot_bound(magnitude, h.shape[1])


def combine(x, expert, weight, relative, matrices, kept):
    """The weighted sum of what the experts say of the rows that are kept, and its bound."""
    out, bound = np.zeros(x.shape), np.zeros(x.shape)
    for e in range(len(matrices[0])):
        token, slot = np.nonzero((expert == e) & kept)
        y, y_bound = mlp(x[token], *(m[e] for m in matrices))
        w = weight[token, slot][:, None]
        w_bound = relative * w
        each = (w + w_bound) * y_bound + (w_bound + (expert.shape[1] + 2) * UNIT * w) * np.abs(y)
        np.add.at(out, token, w * y)
        np.add.at(bound, token, each)
    return out, bound


def exact_logits(x, router):
    logit = (wide(x) @ wide(router).T).astype(np.float32)
    assert np.array_equal(wide(logit) * 2 * GRID, np.round(wide(logit) * 2 * GRID)), "logits are exact"
    return logit


def judged(out, bound, sure=None):
    sure = np.ones(len(out), bool) if sure is None else sure
    return {"out": Judged(BF16, out.shape, lambda got: judge(got, out, bound, sure))}


def fused_moe_capacity(x, router, w_gate, w_up, w_down, S, C):
    logit = exact_logits(x, router)
    expert = ranked_rows(logit, True, S)
    weight, relative = softmax(np.take_along_axis(logit, expert, 1))
    rows_before = np.zeros(expert.shape, np.int64)
    seen = np.zeros(len(router), np.int64)
    for at in np.ndindex(expert.shape):
        rows_before[at] = seen[expert[at]]
        seen[expert[at]] += 1
    matrices = [wide(w) for w in (w_gate, w_up, w_down)]
    return judged(*combine(wide(x), expert, weight, relative, matrices, rows_before < C))


def fused_moe_shared(x, router, bias, factor, w_gate, w_up, w_down, shared_gate, shared_up, shared_down, S):
    score = sigmoid(exact_logits(x, router))
    key = score + wide(bias)
    expert = ranked_rows(key, True, S)
    raw = np.take_along_axis(score, expert, 1)
    weight = float(factor) * raw / np.sum(raw, axis=1, keepdims=True)
    matrices = [wide(w) for w in (w_gate, w_up, w_down)]
    out, bound = combine(wide(x), expert, weight, (S + 64) * UNIT, matrices, expert >= 0)
    own, own_bound = mlp(wide(x), *map(wide, (shared_gate, shared_up, shared_down)))
    return judged(out + own, bound + own_bound + (S + 4) * UNIT * (np.abs(out) + np.abs(own)), ~near_ties(key))


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


# T, D, F, E, S, C, spread
CAPACITY = [
    (0, 64, 32, 4, 2, 3, "any"),
    (1, 65, 33, 8, 8, 1, "any"),
    (7, 63, 77, 4, 2, 0, "ties"),
    (128, 64, 48, 8, 2, 20, "zipf"),
    (128, 40, 32, 64, 8, 16, "one"),
    (300, 33, 16, 4, 1, 77, "one"),
    (65, 96, 64, 1, 1, 50, "any"),
    (129, 48, 40, 256, 2, 1, "zipf"),
    (2048, 16, 8, 64, 2, 100, "zipf"),
    (40, 24, 0, 4, 4, 8, "ties"),
]
# T, D, F, H, E, S, spread
SHARED = [
    (0, 64, 32, 16, 4, 2, "any"),
    (1, 65, 33, 1, 8, 8, "any"),
    (7, 63, 77, 129, 4, 2, "any"),
    (128, 64, 48, 65, 8, 2, "one"),
    (128, 40, 32, 40, 64, 8, "zipf"),
    (65, 96, 64, 0, 1, 1, "any"),
    (2048, 16, 8, 12, 64, 8, "zipf"),
]
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
    Kernel(
        "examples/fusedmoe/capacity.tile",
        "fused_moe_capacity",
        lambda rng, *p: make_capacity(rng, *p[:-1], SPREADS[p[-1]]),
        fused_moe_capacity,
        numbered(CAPACITY),
        lambda *p: {"S": p[4], "C": p[5]},
    ),
    Kernel(
        "examples/fusedmoe/shared.tile",
        "fused_moe_shared",
        lambda rng, *p: make_shared(rng, *p[:-1], SPREADS[p[-1]]),
        fused_moe_shared,
        numbered(SHARED),
        lambda *p: {"S": p[5]},
    ),
]
