"""What the references of contractions are made of: a sum of products over any
letters, with scales that lie on blocks of them, on data of several kinds.

A product is described as einsum does it, one letter per dimension. Sums are f64;
the bound comes from the number of terms and the same sum over magnitudes. The two
functions at the top may be replaced, by what runs on a GPU and by what is known
of the errors of its matrix units.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from compare import Close, Exact, dot_bound
from data import heavy
from formats import BF16, E4M3, E5M2, F16, F32, LARGEST, convert, wide

# From here on, f16 is infinite.
OVERFLOW = 65520.0

I8, U8, I32 = (np.dtype(t) for t in (np.int8, np.uint8, np.int32))


def einsum(spec: str, x, y):
    """The exact sum of products."""
    return np.einsum(spec, x, y, optimize=True)


def slack(product, x, y):
    """What may be added to the bound of f32 arithmetic."""
    return 0.0


@dataclass(frozen=True)
class Factor:
    """An operand: its name, a letter per dimension, and its type."""

    name: str
    letters: str
    dtype: np.dtype


@dataclass(frozen=True)
class Product:
    """acc[result] = sum of a * b * scales, and `finish(acc, bound, inputs)` makes the outputs.

    A scale is written as its indices: `"m k/128"`. `more` are inputs of the epilogue.
    """

    a: Factor
    b: Factor
    result: str
    finish: Callable
    scales: dict[str, str] = field(default_factory=dict)
    more: tuple[Factor, ...] = ()
    # Whether partial sums stay in the matrix unit for all of k.
    in_place: bool = False

    @property
    def spec(self) -> str:
        return f"{self.a.letters},{self.b.letters}->{self.result}"

    def make(self, rng, sizes: dict[str, int], kind: str = "random") -> dict[str, np.ndarray]:
        def values(factor: Factor, kind: str):
            return draw(rng, factor.dtype, kind, *(sizes[letter] for letter in factor.letters))

        inputs = {factor.name: values(factor, kind) for factor in (self.a, self.b)}
        width = 30 if kind == "extreme" else 4
        for name, indices in self.scales.items():
            shape = [-(-sizes[index[0]] // block(index)) for index in indices.split()]
            inputs[name] = np.exp2(rng.uniform(-width, width, shape)).astype(np.float32)
        return inputs | {factor.name: values(factor, "random") for factor in self.more}

    def reference(self, **inputs) -> dict:
        x, y = wide(inputs[self.a.name]), wide(inputs[self.b.name])
        for name, indices in self.scales.items():
            if all(index[0] in self.a.letters for index in indices.split()):
                x = scaled(x, self.a.letters, inputs[name], indices)
            else:
                y = scaled(y, self.b.letters, inputs[name], indices)
        reduced = [s for letter, s in zip(self.a.letters, x.shape) if letter not in self.result]
        with np.errstate(invalid="ignore"):
            acc = einsum(self.spec, x, y)
            magnitude = einsum(self.spec, np.abs(x), np.abs(y))
            bound = dot_bound(magnitude, math.prod(reduced), 1 + len(self.scales))
            return self.finish(acc, np.nan_to_num(bound + slack(self, x, y)), inputs)


def block(index: str) -> int:
    """The length that one scale covers: 128 for `k/128`."""
    return int(index[2:] or 1)


def scaled(x, letters: str, scale, indices: str):
    """x times the scale, spread over its blocks."""
    scale = wide(np.asarray(scale))
    for axis, index in enumerate(indices.split()):
        size = x.shape[letters.index(index[0])]
        scale = np.repeat(scale, block(index), axis).take(range(size), axis)
    there = [index[0] for index in indices.split()]
    shape = [size if letter in there else 1 for letter, size in zip(letters, x.shape)]
    order = sorted(range(len(there)), key=lambda at: letters.index(there[at]))
    with np.errstate(invalid="ignore"):
        return x * scale.transpose(order).reshape(shape)


def draw(rng, dtype, kind: str, *shape: int) -> np.ndarray:
    """`random` data as in practice; `extreme` of all magnitudes that a sum can take
    without leaving f32; `special`, random with NaN and, where the type has them, infinities."""
    if dtype in (I8, U8):
        ends = np.iinfo(dtype)
        if kind == "extreme":
            return rng.choice(np.array([ends.min, ends.max], dtype), shape)
        return rng.integers(ends.min, ends.max, shape, dtype, endpoint=True)
    if kind == "extreme":
        return extreme(rng, dtype, *shape)
    x = heavy(rng, *shape) if shape and dtype in (BF16, F32) else rng.standard_normal(shape, np.float32)
    x = x * np.float32(64) if dtype in (E4M3, E5M2) else x
    x = x if dtype == F32 else convert(x, dtype)
    if kind == "special" and x.size:
        where = rng.choice(x.size, 1 + x.size // 5000)
        values = [np.nan] if dtype == E4M3 else [np.nan, np.inf, -np.inf]
        x.reshape(-1)[where] = rng.choice(values, where.size).astype(dtype)
    return x


def extreme(rng, dtype, *shape):
    if dtype in (BF16, F32):
        x = np.exp2(rng.uniform(-40, 40, shape)) * rng.choice([-1, 1], shape)
        return x.astype(np.float32).astype(dtype)
    codes = np.arange(2 ** (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}").view(dtype)
    return rng.choice(codes[np.isfinite(wide(codes))], shape)


def stored(value, bound, dtype) -> Close:
    """As it is stored: FP8 saturates, f16 overflows."""
    if dtype in (E4M3, E5M2):
        value = np.clip(value, -LARGEST[dtype], LARGEST[dtype])
    if dtype == F16:
        largest = np.abs(value) + bound
        over, near = np.abs(value) - bound >= OVERFLOW, largest >= OVERFLOW
        value = np.where(over, np.copysign(np.inf, value), value)
        bound = np.where(near & ~over, np.inf, bound)
    return Close(value, bound, dtype)


def plain(name: str, dtype) -> Callable:
    """The sum itself, in the given type."""
    if dtype == I32:
        return lambda acc, bound, inputs: {name: Exact(wrapped(acc))}
    return lambda acc, bound, inputs: {name: stored(acc, bound, dtype)}


def wrapped(acc) -> np.ndarray:
    """An exact sum of products of bytes, as i32."""
    return acc.astype(np.int64).astype(np.int32)
