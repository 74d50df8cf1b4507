"""Contractions of every type, layout, scale and epilogue: tests/cases/contract."""

import numpy as np

from cases import Kernel, cover
from compare import UNIT, Close, Exact, dot_bound
from data import heavy, quantize
from formats import BF16, E4M3, E5M2, F16, F32, convert, wide
from gemm import gelu_exactly
from moe import silu
from products import I8, I32, U8, Factor, Product, einsum, plain, stored, wrapped
from rowwise import quantize_rows

CASES = "tests/cases/contract"


def column(x):
    return wide(x)[None, :]


def row(x):
    return wide(x)[:, None]


def bias_gelu(acc, bound, inputs):
    v = acc + column(inputs["bias"])
    return {"c": stored(gelu_exactly(v), 1.13 * (bound + UNIT * np.abs(v)) + 16 * UNIT * np.abs(v), BF16)}


def biased(acc, bound, inputs):
    v = acc + column(inputs["bias"])
    return {"c": stored(v, bound + 2 * UNIT * np.abs(v), BF16)}


def residual(acc, bound, inputs):
    v = acc + wide(inputs["r"])
    return {"c": stored(v, bound + 2 * UNIT * np.abs(v), BF16)}


def all_at_once(acc, bound, inputs):
    inner = acc + column(inputs["bias"])
    gain, r = row(inputs["gain"]), wide(inputs["r"])
    v = silu(inner) * gain
    error = np.abs(gain) * (1.1 * (bound + UNIT * np.abs(inner)) + 16 * UNIT * np.abs(inner))
    return {"c": stored(v + r, error + 4 * UNIT * (np.abs(v) + np.abs(r)), BF16)}


def times(name, out):
    """Scaled by an input before it is stored."""

    def finish(acc, bound, inputs):
        s = abs(float(inputs[name]))
        return {"c": stored(acc * float(inputs[name]), bound * s + 2 * UNIT * s * np.abs(acc), out)}

    return finish


def to_i8(acc, bound, inputs):
    return {"c": Exact(np.clip(np.floor_divide(wrapped(acc), 256), -128, 127).astype(np.int8))}


def to_u8(acc, bound, inputs):
    return {"c": Exact(np.clip(np.floor_divide(wrapped(acc), 512), 0, 255).astype(np.uint8))}


def to_bool(acc, bound, inputs):
    return {"c": Exact(wrapped(acc) > 0)}


def two_outputs(acc, bound, inputs):
    positive = np.where(np.isnan(acc), acc, np.maximum(acc, 0))
    return {"c": stored(acc, bound, F32), "positive": stored(positive, bound, BF16)}


def causal(acc, bound, inputs):
    kept = np.tri(*acc.shape, dtype=bool)
    return {"score": Close(np.where(kept, acc, -np.inf), np.where(kept, bound, 0), F32)}


def i8_scaled(acc, bound, inputs):
    v = acc * row(inputs["sa"]) * column(inputs["sb"])
    return {"c": stored(v, 4 * UNIT * np.abs(v), BF16)}


def tf32(acc, bound, inputs):
    # Each factor is cut to 10 fraction bits: the license that the tile block gives.
    size = einsum("mk,nk->mn", np.abs(wide(inputs["a"])), np.abs(wide(inputs["b"])))
    return {"c": stored(acc, bound + np.nan_to_num(2.0**-9 * size), F32)}


def operands(a, b, types, names="a b"):
    first, second = names.split()
    return Factor(first, a, types[0]), Factor(second, b, types[1])


FP8, MIXED = (E4M3, E4M3), (E5M2, E4M3)
STRIPS = {"sa": "m k/128"}
BLOCKS = STRIPS | {"sb": "n/128 k/128"}
ROWS, SCALARS = {"sa": "m", "sb": "n"}, {"sa": "", "sb": ""}


def nt(types, out, scales=None, finish=None, more=(), **rest):
    """c[m, n] from a[m, k] and b[n, k]."""
    more = tuple(Factor(*factor) for factor in more)
    return Product(*operands("mk", "nk", types), "mn", finish or plain("c", out), scales or {}, more, **rest)


def laid(a, b, result, types, out, names="a b c", scales=None):
    first, second, c = names.split()
    return Product(*operands(a, b, types, f"{first} {second}"), result, plain(c, out), scales or {})


ALL = ("bias", "n", F32), ("r", "mn", BF16), ("gain", "m", F32)
PRODUCTS = {
    "scaled": {
        "scaled_blocks": nt(MIXED, F32, {"sa": "m/128 k/128", "sb": "n/128 k/128"}),
        "scaled_usual": nt(FP8, BF16, BLOCKS),
        "scaled_strips": nt(FP8, F16, STRIPS | {"sb": "n k/128"}),
        "scaled_short": nt(FP8, BF16, {"sa": "m k/64"}),
        "scaled_rows": nt(FP8, BF16, ROWS),
        "scaled_rows_e5m2": nt(MIXED, F32, ROWS),
        "scaled_tensor": nt(FP8, BF16, SCALARS),
        "scaled_tensor_never": nt(FP8, BF16, SCALARS, in_place=True),
        "unscaled": nt(FP8, BF16),
        "unscaled_e5m2": nt(MIXED, F32),
    },
    "types": {
        "gemm_bf16": nt((BF16, BF16), BF16),
        "gemm_f16": nt((F16, F16), F16),
        "gemm_f32": nt((F32, F32), F32),
        "gemm_tf32": nt((F32, F32), F32, finish=tf32),
        "gemm_i8_plain": nt((I8, I8), I32),
        "gemm_i8_scaled": nt((I8, I8), None, finish=i8_scaled, more=[("sa", "m", F32), ("sb", "n", F32)]),
        "gemm_u8_i8": nt((U8, I8), I32),
        "gemm_bf16_f8": nt((BF16, E4M3), BF16, {"sb": "n"}),
        "gemm_bf16_f32": nt((BF16, F32), F32),
    },
    "layouts": {
        "bf16_nn": laid("mk", "kn", "mn", (BF16, BF16), BF16),
        "bf16_tn": laid("km", "kn", "mn", (BF16, BF16), F32),
        "bf16_tt": laid("km", "nk", "mn", (BF16, BF16), BF16),
        "fp8_nn": laid("mk", "kn", "mn", FP8, BF16, scales=ROWS),
        "fp8_tn": laid("km", "kn", "mn", FP8, F32),
        "i8_nn": laid("mk", "kn", "mn", (I8, I8), I32),
        "f32_nn": laid("mk", "kn", "mn", (F32, F32), F32),
        "bf16_transposed": laid("mk", "nk", "nm", (BF16, BF16), BF16),
        "fp8_batched": laid("bmk", "bnk", "bmn", FP8, BF16, scales={"sa": "b m k/128", "sb": "b n/128 k/128"}),
        "bf16_heads": laid("shd", "thd", "hst", (BF16, BF16), F32, "q key score"),
        "bf16_shared": laid("bmk", "nk", "bmn", (BF16, BF16), BF16, "x w y"),
        "bf16_two_sums": laid("mhd", "nhd", "mn", (BF16, BF16), BF16, "x w y"),
        "bf16_vector": laid("k", "nk", "n", (BF16, BF16), F32, "x w y"),
        "f32_outer": laid("km", "kn", "mn", (F32, F32), F32),
    },
    "few": {
        "few_scaled": nt(FP8, BF16, BLOCKS),
        "few_short": nt(FP8, BF16, {"sa": "m k/64"}),
        "few_split": nt(MIXED, F32, ROWS),
        "few_same_rows": nt(FP8, BF16, BLOCKS),
        "few_same_columns": nt(FP8, BF16),
        "few_heads": laid("shd", "thd", "hst", (BF16, BF16), F32, "q key score"),
        "few_i8": laid("mk", "nk", "nm", (I8, I8), I32),
        "few_names": laid("mk", "nk", "mn", (BF16, BF16), BF16, "ring staging place"),
    },
    "boxes": {
        "boxes_odd": nt((BF16, BF16), None, finish=biased, more=[("bias", "n", F32)]),
        "boxes_batch": laid("bmk", "bnk", "bmn", (E4M3, E5M2), F16, scales={"sa": "b m", "sb": "b n"}),
    },
    "epilogues": {
        "bias_gelu": nt((BF16, BF16), None, finish=bias_gelu, more=[("bias", "n", F32)]),
        "residual": nt(FP8, None, ROWS, residual, [("r", "mn", BF16)]),
        "all_at_once": nt(FP8, None, BLOCKS, all_at_once, ALL),
        "to_e4m3": nt(FP8, None, SCALARS, times("sc", E4M3), [("sc", "", F32)]),
        "to_e5m2": nt((BF16, BF16), None, finish=times("sc", E5M2), more=[("sc", "", F32)]),
        "to_f16": nt(FP8, None, finish=times("s", F16), more=[("s", "", F32)]),
        "to_i8": nt((I8, I8), None, finish=to_i8),
        "to_u8": nt((U8, I8), None, finish=to_u8),
        "to_bool": nt((I8, I8), None, finish=to_bool),
        "two_outputs": nt((BF16, BF16), None, finish=two_outputs),
        "causal": Product(*operands("sd", "td", (BF16, BF16), "q key"), "st", causal),
    },
}
# What keeps activations where they are not straight lines, and f16 from overflowing.
SMALL = {"bias_gelu": ["a", "b"], "all_at_once": ["sa", "sb"], "scaled_strips": ["sa"], "to_f16": ["s"]}


def letters(product: Product) -> str:
    """The sizes of a point, in the order of their first use."""
    found = dict.fromkeys(product.result + product.a.letters + product.b.letters)
    # Both sides of a causal mask have the same length.
    return "".join(letter for letter in found if (product.result, letter) != ("st", "t"))


def make(name: str, product: Product, rng, *point: int, kind: str = "random"):
    sizes = dict(zip(letters(product), point))
    if product.result == "st":
        sizes["t"] = sizes["s"]
    inputs = product.make(rng, sizes, kind)
    terms = max(1, sizes.get("k", 1))
    for operand in SMALL.get(name, []):
        shrunk = wide(inputs[operand]) / (4096 if operand[0] == "s" else terms**0.25)
        inputs[operand] = shrunk.astype(np.float32).astype(inputs[operand].dtype)
    return inputs


def make_quantize(rng, m, n, g):
    b, sb = quantize(heavy(rng, n, g * 128), 128)
    return {"x": convert(heavy(rng, m, g * 128), BF16), "b": b, "sb": sb}


def quantize_gemm(x, b, sb):
    a, sa = quantize_rows(wide(x).astype(np.float32), 128)
    return nt(FP8, BF16, BLOCKS).reference(a=a, sa=sa, b=b, sb=sb)


def rounded(value, bound):
    """bf16(value), and how far it may fall where the error reaches over a tie."""
    low, high = (wide(convert((value + side * bound).astype(np.float32), BF16)) for side in (-1, 1))
    return wide(convert(value.astype(np.float32), BF16)), np.abs(high - low)


def times_weights(h, error, w):
    """h W^T where h is off by `error`."""
    y, size, off = (einsum("mk,nk->mn", p, q) for p, q in [(h, wide(w)), (abs(h), abs(wide(w))), (error, abs(wide(w)))])
    return y, dot_bound(size, h.shape[1]) + off


def make_silu(rng, m, n, k):
    return {"x": convert(heavy(rng, m, k), BF16), "w": convert(heavy(rng, n, k), BF16)}


def silu_gemm(x, w):
    value = silu(wide(x))
    return {"y": stored(*times_weights(*rounded(value, 16 * UNIT * np.abs(value)), w), BF16)}


def make_mlp(rng, m, d, f):
    def weights(*shape):
        return convert(rng.standard_normal(shape, np.float32) / np.float32(max(shape[1], 1) ** 0.5), BF16)

    return {"x": convert(rng.standard_normal((m, d), np.float32), BF16), "up": weights(f, d), "down": weights(d, f)}


def mlp(x, up, down):
    inner, bound = times_weights(wide(x), np.zeros(x.shape), up)
    h = rounded(gelu_exactly(inner), 1.13 * bound + 16 * UNIT * np.abs(inner))
    return {"y": stored(*times_weights(*h, down), BF16)}


def table() -> list[Kernel]:
    found = []
    for file, products in PRODUCTS.items():
        for name, product in products.items():
            points = cover(len(letters(product)), [0, 1, 65, 127, 129] if len(letters(product)) == 3 else [0, 1, 3, 65])

            def draw(rng, *point, name=name, product=product, **kind):
                return make(name, product, rng, *point, **kind)

            found.append(Kernel(f"{CASES}/{file}.tile", name, draw, product.reference, points))
    more = [("quantize_gemm", make_quantize, quantize_gemm, [(0, 3, 1), (1, 65, 2), (77, 129, 3), (5, 1, 0)])]
    more += [("silu_gemm", make_silu, silu_gemm, cover(3)), ("mlp", make_mlp, mlp, cover(3))]
    return found + [Kernel(f"{CASES}/prologues.tile", *row) for row in more]


KERNELS = table()
