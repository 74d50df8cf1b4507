"""Contractions: inputs and references of the GEMM kernels, dense and grouped.

Products are taken and summed in f64; `magnitude` is the same sum over absolute
values, which the bounds of the f32 sums are made of.
"""

import math

import numpy as np

from cases import SIZES, Kernel, cover
from compare import UNIT, Close, Exact, dot_bound
from data import heavy, quantize, spread
from formats import BF16, convert, wide
from tilec import IDIOMS

gelu_exactly = np.vectorize(lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))), otypes=[float])


def bf16(rng, *shape):
    return convert(heavy(rng, *shape), BF16)


def make_gemm_fp8(rng, m, n, k):
    a, sa = quantize(heavy(rng, m, k), 1)
    b, sb = quantize(heavy(rng, n, k), 128)
    return {"a": a, "b": b, "sa": sa, "sb": sb}


def gemm_fp8(a, b, sa, sb):
    x = wide(a) * spread(a, wide(sa), 1)
    y = wide(b) * spread(b, wide(sb), 128)
    bound = dot_bound(np.abs(x) @ np.abs(y).T, a.shape[1], inputs=3)
    return {"c": Close(x @ y.T, bound, BF16)}


def make_batched_gemm(rng, b, m, n, k):
    # Small enough that GELU is used in all of its range.
    w = convert(rng.standard_normal((b, n, k), np.float32) / np.float32(math.sqrt(max(k, 1))), BF16)
    return {"x": bf16(rng, b, m, k), "w": w, "bias": rng.standard_normal((b, n), np.float32)}


def batched_gemm(x, w, bias):
    acc = np.einsum("bmk,bnk->bmn", wide(x), wide(w)) + wide(bias)[:, None, :]
    magnitude = np.einsum("bmk,bnk->bmn", np.abs(wide(x)), np.abs(wide(w))) + np.abs(wide(bias))[:, None, :]
    # gelu stretches errors by at most 1.13, and adds the error of 1 + erf times its argument.
    bound = 1.13 * dot_bound(magnitude, x.shape[2]) + 8 * UNIT * np.abs(acc)
    return {"y": Close(gelu_exactly(acc), bound, BF16)}


def make_grouped(rng, r, n, k, e):
    return {"x": bf16(rng, r, k), "w": bf16(rng, e, n, k), "group": rng.integers(0, e, r, np.int32)}


def make_grouped_sorted(rng, r, n, k, e):
    inputs = make_grouped(rng, r, n, k, e)
    return {**inputs, "group": np.sort(inputs["group"])}


def grouped(x, w, group):
    y = np.zeros((x.shape[0], w.shape[1]))
    magnitude = np.zeros_like(y)
    for row, g in enumerate(group):
        y[row] = wide(w[g]) @ wide(x[row])
        magnitude[row] = np.abs(wide(w[g])) @ np.abs(wide(x[row]))
    return {"y": Close(y, dot_bound(magnitude, x.shape[1]))}


def make_offsets(rng, r, n, k, e):
    cuts = np.sort(rng.integers(0, r + 1, e - 1))
    offset = np.concatenate([[0], cuts, [r]]).astype(np.int32)
    return {"x": bf16(rng, r, k), "w": bf16(rng, e, n, k), "offset": offset}


def offsets(x, w, offset):
    group = np.zeros(x.shape[0], np.int32)
    for e in range(w.shape[0]):
        group[offset[e] : offset[e + 1]] = e
    return grouped(x, w, group)


def make_masked(rng, g, r, n, k):
    # Counts below 0 and above R are allowed, and mean none and all.
    count = rng.integers(-1, r + 3, g, np.int32)
    x = bf16(rng, g, r, k)
    for group in range(g):
        x[group, max(count[group], 0) :] = np.nan  # never read
    return {"x": x, "w": bf16(rng, g, n, k), "count": count}


def masked(x, w, count):
    filled = np.arange(x.shape[1])[None, :, None] < count[:, None, None]
    x = np.where(filled, wide(x), 0)
    y = np.einsum("grk,gnk->grn", x, wide(w))
    magnitude = np.einsum("grk,gnk->grn", np.abs(x), np.abs(wide(w)))
    return {"y": Close(y, np.where(filled, dot_bound(magnitude, x.shape[2]), 0))}


def integers(rng, dtype, *shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def make_i8(rng, m, n, k):
    a, b = integers(rng, np.int8, m, k), integers(rng, np.int8, n, k)
    return {"a": a, "b": b, "za": rng.integers(-128, 128, m, np.int32), "zb": rng.integers(-128, 128, n, np.int32)}


def gemm_i8(a, b, za, zb):
    c = (a.astype(np.int64) - za[:, None]) @ (b.astype(np.int64) - zb[:, None]).T
    return {"c": Exact(c.astype(np.int32))}


def make_u8(rng, m, n, k):
    a, b = integers(rng, np.uint8, m, k), integers(rng, np.int8, n, k)
    za = rng.integers(0, 256, m, np.int32)
    return {"a": a, "b": b, "za": za, "sa": rng.random(m, np.float32), "sb": rng.random(n, np.float32)}


def gemm_u8(a, b, za, sa, sb):
    acc = (a.astype(np.int64) - za[:, None]) @ b.astype(np.int64).T
    return {"c": Exact(acc.astype(np.float32) * sa[:, None] * sb[None, :])}


DENSE = [*cover(3), (77, 200, 320), (3, 5, 2112), (129, 257, 1)]
GROUPS = [(r, n, k, e) for (r, n, k), e in zip(cover(3), [1, 2, 3, 8, 16, 5, 129])]
ROWS_OF_A_GROUP = [(3, r, n, k) for r, n, k in cover(3)] + [(g, 5, 3, 7) for g in SIZES]

KERNELS = [
    Kernel("examples/gemm_fp8/gemm_fp8.tile", "gemm_fp8", make_gemm_fp8, gemm_fp8, DENSE),
    Kernel(
        "examples/batched_gemm/batched_gemm.tile",
        "batched_gemm",
        make_batched_gemm,
        batched_gemm,
        [(2, m, n, k) for m, n, k in cover(3)] + [(b, 3, 5, 7) for b in SIZES],
    ),
    Kernel(f"{IDIOMS}/grouped_gemm.tile", "grouped_gemm", make_grouped, grouped, GROUPS),
    Kernel(f"{IDIOMS}/grouped_gemm.tile", "grouped_gemm_sorted", make_grouped_sorted, grouped, GROUPS),
    Kernel(f"{IDIOMS}/grouped_gemm_offsets.tile", "grouped_gemm_offsets", make_offsets, offsets, GROUPS),
    Kernel(f"{IDIOMS}/grouped_gemm_masked.tile", "grouped_gemm_masked", make_masked, masked, ROWS_OF_A_GROUP),
    Kernel(f"{IDIOMS}/gemm_i8.tile", "gemm_i8", make_i8, gemm_i8, DENSE),
    Kernel(f"{IDIOMS}/gemm_i8.tile", "gemm_u8", make_u8, gemm_u8, cover(3)),
]
