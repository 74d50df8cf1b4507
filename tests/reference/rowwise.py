"""Norms, softmax, scans, reductions and block quantization: one row at a time."""

import numpy as np

from cases import Kernel, cover
from compare import TINY, UNIT, Close, Exact, Judged, dot_bound
from data import heavy
from formats import BF16, E4M3, convert, wide
from moe import silu
from tilec import IDIOMS

QUANTIZE = f"{IDIOMS}/block_quantize.tile"
REDUCTIONS = f"{IDIOMS}/reductions.tile"


def make_rmsnorm(rng, m, n):
    w = convert(rng.standard_normal(n, np.float32), BF16)
    return {"x": convert(heavy(rng, m, n), BF16), "w": w, "eps": np.float32(1e-5)}


def rmsnorm(x, w, eps):
    x, w = wide(x), wide(w)
    n = max(x.shape[1], 1)
    y = x / np.sqrt(np.sum(x * x, axis=1, keepdims=True) / n + float(eps)) * w
    return {"y": Close(y, (n + 16) * UNIT * np.abs(y), BF16)}


def make_matrix(rng, m, n):
    return {"x": heavy(rng, m, n)}


def softmax(x):
    x = wide(x)
    top = np.max(x, axis=1, keepdims=True, initial=-np.inf)
    z = np.exp(x - top)
    y = z / np.sum(z, axis=1, keepdims=True)
    # The error of x - top becomes relative in exp; then a sum and a quotient.
    relative = 2 * UNIT * np.abs(x - top) + (x.shape[1] + 32) * UNIT
    return {"y": Close(y, relative * y + TINY)}


def make_prefix_sum(rng, m, n):
    return {"p": heavy(rng, m, n), "q": rng.integers(-(2**31), 2**31, (m, n)).astype(np.int32)}


def prefix_sum(p, q):
    wide_p, n = wide(p), p.shape[1]
    before = np.cumsum(q.astype(np.int64), axis=1) - q

    def scan(x):
        return np.cumsum(x, axis=1)

    def backward(x):
        return scan(x[:, ::-1])[:, ::-1]

    return {
        "upto": Close(scan(wide_p), dot_bound(scan(np.abs(wide_p)), n)),
        "before": Exact(before.astype(np.int32)),
        "after": Close(backward(wide_p), dot_bound(backward(np.abs(wide_p)), n)),
    }


def quantize_rows(h, block):
    """Codes and scales, operation by operation in f32, as the kernel is written."""
    m, n = h.shape
    groups = -(-n // block)
    peak = np.zeros((m, groups), np.float32)
    for g in range(groups):
        peak[:, g] = np.max(np.abs(h[:, g * block : (g + 1) * block]), axis=1, initial=0)
    scale = np.maximum(peak, np.float32(1e-6)) / np.float32(448)
    return convert(h / np.repeat(scale, block, axis=1)[:, :n], E4M3), scale


def block_quantize(h):
    q, scale = quantize_rows(h, 128)
    return {"q": Exact(q), "scale": Exact(scale)}


def tensor_quantize(h):
    peak = np.max(np.abs(h), initial=0)
    scale = np.float32(max(peak, np.float32(1e-6)) / np.float32(448))
    return {"q": Exact(convert(h / scale, E4M3)), "scale": Exact(scale)}


def make_swiglu(rng, m, n):
    return {"gate": convert(heavy(rng, m, n), BF16), "up": convert(heavy(rng, m, n), BF16)}


def swiglu_quantize(gate, up):
    """silu is an approximation in f32, so codes near the middle of two may go either way:
    all within one rounding, and nearly all the same."""
    h = silu(wide(gate)) * wide(up)
    q, scale = quantize_rows(h.astype(np.float32), 64)
    per_element = np.repeat(wide(scale), 64, axis=1)[:, : h.shape[1]]

    def judge(got):
        error = np.abs(wide(got) * per_element - h)
        assert np.all(error <= (2.0**-4 + 1e-4) * np.abs(h) + 2.0**-10 * per_element * 1.0001)
        assert not got.size or np.mean(wide(got) == wide(q)) > 0.995

    return {"q": Judged(E4M3, q.shape, judge), "scale": Close(wide(scale), 32 * UNIT * wide(scale))}


def make_reduction(rng, m, n):
    """Mostly harmless rows, then some with infinities, NaN, zeros of both signs."""
    x = (np.exp(0.1 * rng.standard_normal((m, n))) * rng.choice([-1, 1], (m, n))).astype(np.float32)
    fillers = {2: [np.inf], 3: [np.nan], 4: [np.inf, -np.inf], 5: [0.0, -0.0]}
    for row, values in fillers.items():
        if row < m and n:
            x[row, rng.integers(0, n, 2)] = rng.choice(values, 2)
    if m > 6:
        x[6] = rng.choice([0.0, -0.0], n)
    if m > 7:
        x[7] = -0.0
    return {"x": x}


def extreme(x, largest):
    """NaN if there is any; -0 is below +0; of nothing the infinity that loses."""
    out = np.full(len(x), -np.inf if largest else np.inf, np.float32)
    for i, row in enumerate(x):
        if np.any(np.isnan(row)):
            out[i] = np.nan
        elif row.size:
            best = np.max(row) if largest else np.min(row)
            negative = np.signbit(row[row == best])
            out[i] = np.copysign(best, -1.0 if (np.all(negative) if largest else np.any(negative)) else 1.0)
    return out


def reduce_floats(x):
    with np.errstate(invalid="ignore"):
        total, product = np.sum(wide(x), axis=1), np.prod(wide(x), axis=1)
        relative = (x.shape[1] + 4) * UNIT
        return {
            "total": Close(total, np.nan_to_num(dot_bound(np.sum(np.abs(wide(x)), axis=1), x.shape[1]))),
            "product": Close(product, np.nan_to_num(relative * np.abs(product)) + TINY),
            "top": Exact(extreme(x, True)),
            "bottom": Exact(extreme(x, False)),
        }


def make_reduce_integers(rng, m, n):
    return {"x": rng.integers(-(2**31), 2**31, (m, n)).astype(np.int32) | 1}


def reduce_integers(x):
    low, high = np.iinfo(np.int32).min, np.iinfo(np.int32).max
    return {
        "total": Exact(np.sum(x, axis=1, dtype=np.int64).astype(np.int32)),
        "product": Exact(np.prod(x.view(np.uint32), axis=1, dtype=np.uint32).view(np.int32)),
        "top": Exact(np.max(x, axis=1, initial=low)),
        "bottom": Exact(np.min(x, axis=1, initial=high)),
    }


def reduce_shapes(x):
    x = wide(x)
    size = np.abs(x)
    m, n = x.shape
    return {
        "all": Close(np.sum(x), dot_bound(np.sum(size), m * n)),
        "columns": Close(np.sum(x, axis=0), dot_bound(np.sum(size, axis=0), m)),
        "head": Close(x[:, 0] + x[:, 1], dot_bound(size[:, 0] + size[:, 1], 2)),
        "square": Close(np.sum(x * x, axis=1), dot_bound(np.sum(x * x, axis=1), n)),
        "trace": Close(np.trace(x), dot_bound(np.trace(size), m)),
    }


def make_pairs(rng):
    special = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, 2.5], np.float32)
    a, b = np.meshgrid(special, special)
    return {"a": a.reshape(-1), "b": b.reshape(-1)}


def pairs(a, b):
    both = np.stack([a, b], axis=1)
    return {"larger": Exact(extreme(both, True)), "smaller": Exact(extreme(both, False))}


KERNELS = [
    Kernel("examples/rmsnorm/rmsnorm.tile", "rmsnorm", make_rmsnorm, rmsnorm, cover(2)),
    Kernel("examples/softmax/softmax.tile", "softmax", make_matrix, softmax, cover(2) + [(3, 5000)]),
    Kernel(f"{IDIOMS}/prefix_sum.tile", "prefix_sum", make_prefix_sum, prefix_sum, cover(2) + [(2, 5000)]),
    Kernel(
        QUANTIZE, "block_quantize", lambda rng, m, g: {"h": heavy(rng, m, g * 128)}, block_quantize, [*cover(2), (9, 4)]
    ),
    Kernel(QUANTIZE, "tensor_quantize", lambda rng, m, n: {"h": heavy(rng, m, n)}, tensor_quantize, cover(2)),
    Kernel(QUANTIZE, "swiglu_quantize", make_swiglu, swiglu_quantize, cover(2)),
    Kernel(REDUCTIONS, "reduce_floats", make_reduction, reduce_floats, cover(2) + [(9, 3000)]),
    Kernel(REDUCTIONS, "reduce_integers", make_reduce_integers, reduce_integers, cover(2)),
    Kernel(REDUCTIONS, "reduce_shapes", make_matrix, reduce_shapes, [(m, max(m, n, 2)) for m, n in cover(2)]),
    Kernel(REDUCTIONS, "pairs", make_pairs, pairs, [()]),
]
