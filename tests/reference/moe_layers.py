"""Whole layers around a router, from their definitions: a shared expert, and a capacity.

Logits are exact in f32, whatever the order of their sums, because tokens and routers are small
integers and fractions of them. So experts are the same on every target, also where they tie.
"""

import numpy as np

from cases import Kernel
from compare import TINY, UNIT, Judged, blocks_bound, dot_bound
from data import heavy, quantize
from data import spread as spread_scales
from formats import BF16, E4M3, HALF_ULP, SMALLEST, convert, wide
from moe import judge, silu
from moe_routers import GRID, SPREADS, make_logits, near_ties, numbered, sigmoid, softmax
from selection import ranked_rows

# Of hidden numbers that fall on the other side of a tie between two of FP8.
FP8_DIFF = 2e-4

def make_tokens(rng, spread, t, d, e):
    """Tokens and a router whose products are exact, and the experts spread as asked: the first
    number of every token is 1, so that the router's first column is a bias."""
    x = rng.integers(-2, 3, (t, d)) / 2
    router = rng.integers(-2, 3, (e, d)) / GRID
    if d:
        x[:, 0] = 1
        zipf = -np.round(2 * np.log(np.arange(1, e + 1)))
        router[:, 0] = {"one": 16 * (np.arange(e) == 0), "zipf": zipf}.get(spread, 0)
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


def make_fp8(rng, t, d, f, e, s, spread):
    x = convert(heavy(rng, t, d), BF16)
    given = {"x": x, "logit": make_logits(rng, spread, t, e)}
    for name, (rows, columns) in {"gate": (f, d), "up": (f, d), "down": (d, f)}.items():
        pairs = [quantize(heavy(rng, rows, columns) / np.float32(max(columns, 1) ** 0.5), 128) for _ in range(e)]
        given |= {f"w_{name}": np.stack([w for w, _ in pairs]), f"s_{name}": np.stack([s for _, s in pairs])}
    return given


def strips(x, error):
    """Rows rounded to FP8 with a scale for each 128 numbers, and a bound of the error where
    they are off by so much; numbers may then fall on the other side of a tie, and scales
    follow their largest."""
    codes, scales = quantize(x.astype(np.float32), 1)
    by = spread_scales(codes, wide(scales), 1)
    value = wide(codes) * by
    _, off = quantize(error.astype(np.float32), 1)
    moved = spread_scales(codes, wide(off), 1) / np.maximum(by, TINY)
    step = 2 * HALF_ULP[E4M3] * (np.abs(x) + error) + SMALLEST[E4M3] * by
    return value, np.where(error > 0, error + step + 2 * moved * np.abs(x), 0)


def fused_moe_fp8(x, logit, w_gate, s_gate, w_up, s_up, w_down, s_down, S):
    expert = ranked_rows(logit, True, S)
    weight, relative = softmax(np.take_along_axis(logit, expert, 1))
    rows, _ = strips(wide(x), np.zeros(x.shape))
    out, bound = np.zeros(x.shape), np.zeros(x.shape)
    for e in range(len(w_gate)):
        token, slot = np.nonzero(expert == e)
        gate, up, down = (
            wide(w[e]) * spread_scales(w[e], wide(s[e]), 128) for w, s in ((w_gate, s_gate), (w_up, s_up), (w_down, s_down))
        )
        a = rows[token]
        g, u = a @ gate.T, a @ up.T
        g_bound, u_bound = (blocks_bound(np.abs(a) @ np.abs(m).T, a.shape[1], 4) for m in (gate, up))
        exactly = silu(g) * u
        h = wide(convert(exactly.astype(np.float32), BF16))
        h_bound = (1.1 * g_bound + 16 * UNIT * np.abs(g)) * (np.abs(u) + u_bound) + np.abs(silu(g)) * u_bound
        h_bound = h_bound + 2 * HALF_ULP[BF16] * (np.abs(exactly) + h_bound)
        p, p_bound = strips(h, h_bound)
        y = p @ down.T
        y_bound = p_bound @ np.abs(down).T + blocks_bound((np.abs(p) + p_bound) @ np.abs(down).T, p.shape[1], 4)
        w = weight[token, slot][:, None]
        each = w * (1 + relative) * y_bound + (relative + (S + 2) * UNIT) * w * np.abs(y)
        np.add.at(out, token, w * y)
        np.add.at(bound, token, each)
    return {"out": Judged(BF16, out.shape, lambda got: judge(got, out, bound, np.ones(len(out), bool), FP8_DIFF))}


# T, D, F, E, S, spread
FP8 = [
    (0, 128, 128, 4, 2, "any"),
    (1, 129, 77, 8, 8, "any"),
    (7, 64, 300, 4, 2, "ties"),
    (130, 256, 128, 2, 1, "any"),
    (128, 128, 256, 64, 8, "one"),
    (65, 160, 144, 1, 1, "any"),
    (300, 48, 32, 16, 4, "zipf"),
]
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
KERNELS = [
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
    Kernel(
        "examples/fusedmoe/fp8.tile",
        "fused_moe_fp8",
        lambda rng, *p: make_fp8(rng, *p[:-1], SPREADS[p[-1]]),
        fused_moe_fp8,
        numbered(FP8),
        lambda *p: {"S": p[4]},
    ),
]
