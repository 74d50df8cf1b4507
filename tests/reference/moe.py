"""Mixtures of experts: the whole layer, and the tables of its routing."""

import numpy as np

from cases import SIZES, Kernel, cover
from compare import UNIT, Close, Exact, Judged, calc_diff, dot_bound
from data import heavy
from formats import BF16, HALF_ULP, convert, wide
from selection import ranked
from tilec import IDIOMS


NEAR_TIES = "too many tokens are near ties"


def make_fused_moe(rng, t, d, f, e, s):
    def matrix(*shape):
        return convert(heavy(rng, *shape) / np.float32(max(shape[-1], 1) ** 0.5), BF16)

    x = convert(heavy(rng, t, d), BF16)
    router = convert(rng.standard_normal((e, d), np.float32), BF16)
    return {"x": x, "router": router, "w_gate": matrix(e, f, d), "w_up": matrix(e, f, d), "w_down": matrix(e, d, f)}


def silu(x):
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.isposinf(x), x, x / (1 + np.exp(-x)))


def fused_moe(x, router, w_gate, w_up, w_down, S):
    """Token by token. Where two experts are so close that f32 sums may swap which of
    them comes in, the token is left out of the comparison; these must be few."""
    x, router, w_gate, w_up, w_down = map(wide, (x, router, w_gate, w_up, w_down))
    tokens, width = x.shape
    out = np.zeros((tokens, width))
    bound = np.zeros((tokens, width))
    sure = np.ones(tokens, bool)
    for t in range(tokens):
        logit = router @ x[t]
        error = dot_bound(np.abs(router) @ np.abs(x[t]), width)
        chosen, others = np.split(np.argsort(-logit, kind="stable"), [S])
        if S and others.size:
            sure[t] = np.min((logit - error)[chosen]) > np.max((logit + error)[others])
        weight = np.exp(logit[chosen] - np.max(logit[chosen], initial=-np.inf))
        weight = weight / np.sum(weight)
        worst = np.max(error[chosen], initial=0)
        for e, w in zip(chosen, weight):
            y, y_bound = expert(x[t], w_gate[e], w_up[e], w_down[e])
            out[t] += w * y
            # exp stretches the error of its argument, on both sides of the quotient.
            w_bound = w * np.expm1(4 * worst + (4 * S + 40) * UNIT)
            bound[t] += (w + w_bound) * y_bound + w_bound * np.abs(y) + (S + 2) * UNIT * w * np.abs(y)
    return {"out": Judged(BF16, (tokens, width), lambda got: judge(got, out, bound, sure))}


def expert(x, w_gate, w_up, w_down):
    """One token through one expert, with a bound for the f32 sums and for h in bf16."""
    gate, up = w_gate @ x, w_up @ x
    gate_bound = dot_bound(np.abs(w_gate) @ np.abs(x), x.size)
    up_bound = dot_bound(np.abs(w_up) @ np.abs(x), x.size)
    exactly = silu(gate) * up
    h = wide(convert(exactly.astype(np.float32), BF16))
    # silu stretches errors by at most 1.1; h may then fall on the other side of a tie.
    h_bound = (1.1 * gate_bound + 16 * UNIT * np.abs(gate)) * (np.abs(up) + up_bound) + np.abs(silu(gate)) * up_bound
    h_bound = h_bound + 2 * HALF_ULP[BF16] * (np.abs(exactly) + h_bound)
    magnitude = np.abs(w_down) @ (np.abs(h) + h_bound)
    return w_down @ h, np.abs(w_down) @ h_bound + dot_bound(magnitude, h.size)


def judge(got, out, bound, sure, most=2e-5) -> None:
    if not out.size:
        return
    assert np.mean(sure) > 0.9, NEAR_TIES
    got = wide(got)[sure]
    allowed = (bound + HALF_ULP[BF16] * (np.abs(out) + bound))[sure]
    off = np.abs(got - out[sure]) > allowed
    assert not np.any(off), f"{np.sum(off)} of {off.size} elements are out of their bounds"
    diff = calc_diff(got, out[sure])
    assert diff < most, f"calc_diff is {diff}"


def make_experts(rng, t, s, e):
    return {"expert": rng.integers(0, e, (t, s), np.int32)}


def histogram(expert, E):
    count = np.zeros(E, np.int32)
    for e in expert.reshape(-1):
        count[e] += 1
    return {"count": Exact(count), "offset": Exact(np.concatenate([[0], np.cumsum(count)]).astype(np.int32))}


def make_capacity(rng, t, s, e, c):
    return {"expert": rng.integers(0, e, (t, s), np.int32), "weight": rng.random((t, s), np.float32)}


def capacity(expert, weight, E, C):
    seen = np.zeros(E, np.int32)
    pos = np.zeros_like(expert)
    for at in np.ndindex(expert.shape):
        pos[at] = seen[expert[at]]
        seen[expert[at]] += 1
    return {"pos": Exact(pos), "kept": Exact(np.where(pos < C, weight, np.float32(0)))}


def make_grouped_topk(rng, t, g, l, p, s):
    """Tokens are drawn until their keys are well apart, so that the rounding of a sigmoid
    cannot change an order."""
    bias = (rng.integers(-8, 9, (g, l)) / 1024).astype(np.float32)
    logit = np.zeros((t, g, l), np.float32)
    for token in range(t):
        while True:
            logit[token] = rng.standard_normal((g, l))
            keys = 1 / (1 + np.exp(-wide(logit[token]))) + wide(bias)
            if apart(keys) and apart(two_best(keys)):
                break
    return {"logit": logit, "bias": bias}


def apart(keys) -> bool:
    return keys.size < 2 or np.min(np.diff(np.sort(keys, axis=None))) > 16 * UNIT


def two_best(keys) -> np.ndarray:
    """The sum of the two best of each row."""
    return np.sum(np.sort(keys, axis=1)[:, -2:], axis=1)


def grouped_topk(logit, bias, P, S):
    tokens, groups, per_group = logit.shape
    score = 1 / (1 + np.exp(-wide(logit)))
    key = score + wide(bias)
    best = np.zeros((tokens, S), np.int32)
    for t in range(tokens):
        chosen = ranked(two_best(key[t]), True)[:P]
        picks = ranked(key[t, chosen].reshape(-1), True)[:S]
        best[t] = chosen[picks // per_group] * per_group + picks % per_group
    raw = np.take_along_axis(score.reshape(tokens, groups * per_group), best, 1)
    weight = raw / np.sum(raw, axis=1, keepdims=True)
    return {"expert": Exact(best), "weight": Close(weight, (S + 40) * UNIT * weight)}


EXPERTS_AND_SLOTS = [(8, 2), (4, 4), (1, 1), (16, 3), (5, 1), (8, 8), (129, 6)]
MOE = [(t, d, f, e, s) for (t, d, f), (e, s) in zip(cover(3), EXPERTS_AND_SLOTS)]
MOE += [(65, 127, 63, 8, 2), (33, 64, 77, 16, 4), (40, 48, 32, 8, 8), (129, 65, 63, 5, 3), (1, 77, 129, 63, 7)]
SLOTS_AND_EXPERTS = [(2, 4), (8, 8), (1, 63), (0, 5), (6, 65), (3, 129), (4, 1)]
TABLES = [(t, s, e) for t, (s, e) in zip(SIZES, SLOTS_AND_EXPERTS)]

KERNELS = [
    Kernel("examples/fusedmoe/fusedmoe.tile", "fused_moe", make_fused_moe, fused_moe, MOE, lambda *p: {"S": p[4]}),
    Kernel(f"{IDIOMS}/histogram.tile", "histogram", make_experts, histogram, TABLES, lambda t, s, e: {"E": e}),
    Kernel(
        f"{IDIOMS}/capacity.tile",
        "capacity",
        make_capacity,
        capacity,
        [(*p, c) for p, c in zip(TABLES, [4, 0, 1, 2, 6, 1000, 16])],
        lambda t, s, e, c: {"E": e, "C": c},
    ),
    Kernel(
        f"{IDIOMS}/grouped_topk.tile",
        "grouped_topk",
        make_grouped_topk,
        grouped_topk,
        [(0, 4, 4, 2, 3), (1, 1, 2, 1, 2), (63, 8, 32, 4, 8), (65, 3, 2, 3, 6), (7, 2, 127, 1, 1), (129, 4, 5, 2, 0)],
        lambda t, g, l, p, s: {"P": p, "S": s},
    ),
]
