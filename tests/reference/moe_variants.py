"""Other ways to route, and experts whose matrices are narrower than bf16."""

import numpy as np

from cases import Kernel, cover
from compare import TINY, UNIT, Close, Exact, blocks_bound, dot_bound
from data import heavy, quantize, spread
from formats import BF16, convert, wide
from selection import ranked_rows
from tilec import IDIOMS

FILE = f"{IDIOMS}/moe_variants.tile"


def make_logits(rng, t, e, s):
    return {"logit": (4 * rng.standard_normal((t, e))).astype(np.float32)}


def route_softmax_first(logit, temperature, S):
    expert = ranked_rows(logit, True, S)
    v = wide(logit)
    shift = (v - np.max(v, axis=1, keepdims=True, initial=-np.inf)) / float(temperature)
    p = np.exp(shift) / np.sum(np.exp(shift), axis=1, keepdims=True)
    weight = np.take_along_axis(p, expert, 1)
    relative = (4 * np.max(np.abs(shift), initial=0) + logit.shape[1] + 40) * UNIT
    return {"expert": Exact(expert), "weight": Close(weight, relative * weight + TINY)}


def route_sigmoid(logit, factor, S):
    expert = ranked_rows(logit, True, S)
    score = 1 / (1 + np.exp(-np.take_along_axis(wide(logit), expert, 1)))
    weight = float(factor) * score / np.sum(score, axis=1, keepdims=True)
    return {"expert": Exact(expert), "weight": Close(weight, (S + 64) * UNIT * weight)}


def make_choice(rng, t, e, s):
    """Any experts, also the same one twice for a token."""
    return {"expert": rng.integers(0, e, (t, s), np.int32), "weight": rng.random((t, s), np.float32)}


def make_experts_fp8(rng, t, d, f, e, s):
    x, sx = quantize(heavy(rng, t, d), 1)
    pairs = [quantize(heavy(rng, f, d), 128) for _ in range(e)]
    w, sw = (np.stack([pair[i] for pair in pairs]) for i in range(2))
    return {"x": x, "sx": sx, "w": w, "sw": sw, **make_choice(rng, t, e, s)}


def weighted(x, matrices, expert, weight):
    """The weighted sum over slots, and what bounds its error."""
    tokens, slots = expert.shape
    y = np.zeros((tokens, matrices.shape[1]))
    magnitude = np.zeros_like(y)
    for t, s in np.ndindex(tokens, slots):
        matrix = matrices[expert[t, s]]
        y[t] += float(weight[t, s]) * (matrix @ x[t])
        magnitude[t] += float(weight[t, s]) * (np.abs(matrix) @ np.abs(x[t]))
    return y, magnitude


def experts_fp8(x, sx, w, sw, expert, weight):
    values = wide(x) * spread(x, wide(sx), 1)
    matrices = np.stack([wide(m) * spread(m, wide(scales), 128) for m, scales in zip(w, sw)])
    y, magnitude = weighted(values, matrices, expert, weight)
    return {"y": Close(y, blocks_bound(magnitude, x.shape[1] + expert.shape[1], inputs=4), BF16)}


def make_experts_i8(rng, t, d, f, e, s):
    return {
        "x": convert(heavy(rng, t, d), BF16),
        "w": rng.integers(-128, 128, (e, f, d), np.int8),
        "sw": rng.random((e, f), np.float32) / np.float32(64),
        "shared": convert(rng.standard_normal((f, d), np.float32), BF16),
        **make_choice(rng, t, e, s),
    }


def experts_i8(x, w, sw, shared, expert, weight):
    y, magnitude = weighted(wide(x), wide(w) * wide(sw)[:, :, None], expert, weight)
    own = wide(x) @ wide(shared).T
    magnitude += np.abs(wide(x)) @ np.abs(wide(shared)).T
    return {"y": Close(y + own, dot_bound(magnitude, x.shape[1] + expert.shape[1], inputs=3))}


CHOICES = [(3, 1), (8, 2), (1, 1), (5, 4), (2, 0), (16, 3), (7, 7)]
LAYERS = [(*p, *q) for p, q in zip(cover(3), CHOICES)] + [(65, 127, 129, 4, 2), (9, 300, 200, 3, 3)]
ROUTES = [(t, e, min(e, s)) for (t, e), s in zip(cover(2), [2, 8, 1, 65, 4, 0, 6])]

KERNELS = [
    Kernel(
        FILE,
        "route_softmax_first",
        lambda rng, *p: {**make_logits(rng, *p), "temperature": np.float32(0.7)},
        route_softmax_first,
        ROUTES,
        lambda t, e, s: {"S": s},
    ),
    Kernel(
        FILE,
        "route_sigmoid",
        lambda rng, *p: {**make_logits(rng, *p), "factor": np.float32(2.5)},
        route_sigmoid,
        ROUTES,
        lambda t, e, s: {"S": s},
    ),
    Kernel(FILE, "experts_fp8", make_experts_fp8, experts_fp8, LAYERS),
    Kernel(FILE, "experts_i8", make_experts_i8, experts_i8, LAYERS),
]
