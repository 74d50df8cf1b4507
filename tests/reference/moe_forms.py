"""Layers of experts in every form that rows are grouped in, activation, and type of weights.

Groups have 0, 1, 63, 65, 77, 100, 127 and 129 rows, in any order, one after the other, by
offsets, or as the first of a room for all; a token may choose the same expert twice.
"""

import math

import numpy as np

from cases import Kernel
from compare import UNIT, Close, Exact, Judged, calc_diff, dot_bound
from data import heavy
from formats import BF16, F16, HALF_ULP, SMALLEST, convert, wide
from moe import silu
from moe_layers import exact_logits, make_tokens, matrix
from moe_routers import SPREADS, make_logits, numbered, softmax
from selection import ranked_rows

PLANS = "tests/cases/grouped/plans"
GROUPS = [77, 0, 129, 1, 63, 127, 65, 100]


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2)))


def relu(x):
    return np.maximum(x, 0)


def hidden(x, gate, up, act, dtype):
    """act(gate x) * (up x), or act(up x) without a gate, in a narrow type, and its bound."""
    u = x @ up.T
    u_bound = dot_bound(np.abs(x) @ np.abs(up).T, x.shape[1], inputs=2)
    g, g_bound = (u, u_bound) if gate is None else (x @ gate.T, dot_bound(np.abs(x) @ np.abs(gate).T, x.shape[1], 2))
    by, by_bound = (np.ones_like(u), 0) if gate is None else (u, u_bound)
    exactly = act(g) * by
    # No activation stretches errors by more than 1.13; h may fall on the other side of a tie.
    h_bound = (1.13 * g_bound + 16 * UNIT * np.abs(g)) * (np.abs(by) + by_bound) + np.abs(act(g)) * by_bound
    step = 2 * HALF_ULP[dtype] * (np.abs(exactly) + h_bound) + SMALLEST[dtype]
    return wide(convert(exactly.astype(np.float32), dtype)), h_bound + step


def row_wise(x, gate, up, down, act, dtype):
    """Rows through one expert, with a bound for the f32 sums and for what lies between."""
    h, h_bound = hidden(x, gate, up, act, dtype)
    magnitude = (np.abs(h) + h_bound) @ np.abs(down).T
    return h @ down.T, h_bound @ np.abs(down).T + dot_bound(magnitude, h.shape[1], inputs=2)


def layer(x, expert, weight, relative, experts, act, dtype=BF16, kept=None):
    """The weighted sum over slots, and its bound; `experts` has gate, up and down of each."""
    out = np.zeros((len(x), experts[0][2].shape[0]))
    bound = np.zeros_like(out)
    for e, matrices in enumerate(experts):
        token, slot = np.nonzero((expert == e) & (True if kept is None else kept))
        y, y_bound = row_wise(x[token], *matrices, act, dtype)
        w = weight[token, slot][:, None].astype(np.float64)
        each = (1 + relative) * w * y_bound + (relative + (expert.shape[1] + 2) * UNIT) * w * np.abs(y)
        np.add.at(out, token, w * y)
        np.add.at(bound, token, each)
    return out, bound


def judged(out, bound, dtype=BF16, most=2e-5):
    def judge(got):
        allowed = bound + HALF_ULP[dtype] * (np.abs(out) + bound) + SMALLEST[dtype]
        off = ~(np.abs(wide(got) - out) <= allowed)
        assert not np.any(off), f"{np.sum(off)} of {off.size} elements are out of their bounds"
        assert not out.size or calc_diff(wide(got), out) < most

    return Judged(dtype, out.shape, judge)


def make_chosen(rng, d, f, gates):
    """Two slots for each of 281 tokens, so that every expert gets the rows of GROUPS."""
    e = len(GROUPS)
    expert = rng.permutation(np.repeat(np.arange(e, dtype=np.int32), GROUPS)).reshape(-1, 2)
    given = {"x": convert(heavy(rng, len(expert), d), BF16), "expert": expert}
    given |= {"weight": rng.random(expert.shape, np.float32), "w_down": matrix(rng, e, d, f)}
    return given | gates(rng, e, d, f)


def one_tensor(apart, act):
    """A layer whose gate and up are parts of one tensor, as `apart` takes them out of it."""

    def reference(x, expert, weight, w_both, w_down):
        experts = [(*apart(both), down) for both, down in zip(wide(w_both), wide(w_down))]
        return {"out": judged(*layer(wide(x), expert, weight, 0, experts, act))}

    return reference


def drop(x, expert, weight, w_up, w_down, C):
    place, seen = np.zeros(expert.shape, int), np.zeros(len(w_up), np.int32)
    for at in np.ndindex(expert.shape):
        place[at] = seen[expert[at]]
        seen[expert[at]] += 1
    experts = [(None, up, down) for up, down in zip(wide(w_up), wide(w_down))]
    return {"out": judged(*layer(wide(x), expert, weight, 0, experts, silu, kept=place < C)), "count": Exact(seen)}


def make_rows(rng, d, f, order):
    """Rows that stand one group after the other, with their tokens."""
    e, rows = len(GROUPS), np.roll(GROUPS, order)
    group = np.repeat(np.arange(e, dtype=np.int32), rows)
    token = rng.integers(0, 50, len(group), np.int32)
    matrices = {"w_gate": matrix(rng, e, f, d), "w_up": matrix(rng, e, f, d), "w_down": matrix(rng, e, d, f)}
    return {"x": convert(heavy(rng, 50, d), BF16), "token": token, "group": group, **matrices}


def sorted_rows(x, token, group, w_gate, w_up, w_down):
    experts = list(zip(*map(wide, (w_gate, w_up, w_down))))
    once = np.ones((len(group), 1))
    return {"y": judged(*layer(wide(x)[token], group[:, None], once, 0, experts, silu))}


def make_by_offsets(rng, d, f, order):
    given = make_rows(rng, d, f, order)
    x, group = given["x"][given.pop("token")], given.pop("group")
    return {**given, "x": x, "offset": np.searchsorted(group, np.arange(len(GROUPS) + 1)).astype(np.int32)}


def by_offsets(x, offset, w_gate, w_up, w_down):
    group = np.repeat(np.arange(len(w_up), dtype=np.int32), np.diff(offset))
    return sorted_rows(x, np.arange(len(x)), group, w_gate, w_up, w_down)


def make_by_count(rng, d, f, order):
    count = np.roll(GROUPS, order).astype(np.int32)
    x = convert(heavy(rng, len(count), 129, d), BF16)
    for e, rows in enumerate(count):
        x[e, rows:] = np.nan  # never read
    return {"x": x, "count": count, "w_up": matrix(rng, len(count), f, d), "w_down": matrix(rng, len(count), d, f)}


def by_count(x, count, w_up, w_down):
    y = np.zeros(x.shape)
    bound = np.zeros(x.shape)
    for e, rows in enumerate(count):
        matrices = (None, wide(w_up[e]), wide(w_down[e]))
        y[e, :rows], bound[e, :rows] = row_wise(wide(x[e, :rows]), *matrices, relu, BF16)
    return {"y": judged(y, bound)}


def make_f16(rng, t, d, f, e, s, spread):
    """The tokens of other layers, and matrices without outliers, whose products f16 holds."""
    given = {name: convert(wide(x).astype(np.float32), F16) for name, x in make_tokens(rng, spread, t, d, e).items()}
    for name, shape in {"gate": (f, d), "up": (f, d), "down": (d, f)}.items():
        for kind, more in {"w": (e,), "shared": ()}.items():
            by = np.float32(max(shape[1], 1) ** 0.5)
            given[f"{kind}_{name}"] = convert(rng.standard_normal((*more, *shape), np.float32) / by, F16)
    return given


def fused_moe_f16(x, router, w_gate, w_up, w_down, shared_gate, shared_up, shared_down, S):
    logit = exact_logits(x, router)
    expert = ranked_rows(logit, True, S)
    share, relative = softmax(logit)
    weight = np.take_along_axis(share, expert, 1)
    experts = list(zip(*map(wide, (w_gate, w_up, w_down))))
    out, bound = layer(wide(x), expert, weight, relative, experts, silu, F16)
    own, own_bound = row_wise(wide(x), *map(wide, (shared_gate, shared_up, shared_down)), silu, F16)
    bound += own_bound + (S + 4) * UNIT * (np.abs(out) + np.abs(own))
    count = np.bincount(expert.reshape(-1), minlength=len(w_up)).astype(np.int32)
    busiest = np.float64(np.max(count)) * len(count) / max(expert.size, 1)
    counted = {"count": Exact(count), "busiest": Close(busiest, 4 * UNIT * busiest)}
    return {"out": judged(out + own, bound, F16), **counted}


def make_i8(rng, t, d, f, e, s, spread):
    given = {"x": convert(heavy(rng, t, d), BF16), "logit": make_logits(rng, spread, t, e)}
    for name, shape in {"both": (2 * f, d), "down": (d, f)}.items():
        given[f"w_{name}"] = rng.integers(-128, 128, (e, *shape), np.int8)
    for name, (rows, columns) in {"up": (f, d), "gate": (f, d), "down": (d, f)}.items():
        given[f"s_{name}"] = rng.random((e, rows), np.float32) / np.float32(64 * max(columns, 1) ** 0.5)
    return given


def fused_moe_i8(x, logit, w_both, s_up, s_gate, w_down, s_down, S):
    expert = ranked_rows(logit, True, S)
    weight, relative = softmax(np.take_along_axis(logit, expert, 1))
    f = s_up.shape[1]
    matrices = ((w_both[:, f:], s_gate), (w_both[:, :f], s_up), (w_down, s_down))
    experts = list(zip(*(wide(w) * wide(s)[:, :, None] for w, s in matrices)))
    return {"out": judged(*layer(wide(x), expert, weight, relative, experts, gelu))}


def pair(rng, e, d, f):
    return {"w_both": matrix(rng, e, 2 * f, d)}


def stacked(rng, e, d, f):
    return {"w_both": matrix(rng, e, 2, f, d)}


def up(rng, e, d, f):
    return {"w_up": matrix(rng, e, f, d)}


def halves(both):
    return both[: len(both) // 2], both[len(both) // 2 :]


def chosen(file, name, gates, reference, points, sizes=lambda *point: {}):
    def make(rng, d, f, *_):
        return make_chosen(rng, d, f, gates)

    return Kernel(f"{PLANS}/{file}.tile", name, make, reference, points, sizes)


def whole(name, make, reference, points):
    def spread(rng, *point):
        return make(rng, *point[:-1], SPREADS[point[-1]])

    file = f"examples/fusedmoe/{name}.tile"
    return Kernel(file, f"fused_moe_{name}", spread, reference, points, lambda *p: {"S": p[4]})


# T, D, F, E, S, spread
LAYERS = [
    (0, 64, 32, 4, 2, "any"),
    (1, 65, 33, 8, 8, "any"),
    (7, 63, 77, 4, 2, "ties"),
    (128, 40, 32, 64, 8, "one"),
    (65, 96, 64, 1, 1, "any"),
    (300, 33, 16, 256, 2, "zipf"),
    (9, 24, 0, 4, 4, "any"),
]
WIDTHS = [(65, 33), (24, 130), (1, 1)]
ORDERS = [(65, 33, 0), (24, 130, 3)]

KERNELS = [
    chosen("one_tensor", "offset", pair, one_tensor(halves, silu), WIDTHS),
    chosen("one_tensor", "stacked", stacked, one_tensor(tuple, gelu), WIDTHS),
    chosen("one_tensor", "interleaved", pair, one_tensor(lambda w: (w[::2], w[1::2]), relu), WIDTHS),
    chosen("drop", "drop", up, drop, [(65, 33, 1000), (24, 130, 64), (3, 2, 0)], lambda d, f, c: {"C": c}),
    Kernel(f"{PLANS}/explicit_groups.tile", "sorted_rows", make_rows, sorted_rows, ORDERS),
    Kernel(f"{PLANS}/explicit_groups.tile", "by_offsets", make_by_offsets, by_offsets, ORDERS),
    Kernel(f"{PLANS}/explicit_groups.tile", "by_count", make_by_count, by_count, ORDERS),
    whole("f16", make_f16, fused_moe_f16, numbered(LAYERS)),
    whole("i8", make_i8, fused_moe_i8, numbered(LAYERS)),
]
