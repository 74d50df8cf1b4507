"""What selections are tried on, and what must come out: numpy only, so that scripts on
other machines can import it.

Keys are made as *codes*, the bits of one key, since what matters lies there: neighbors one
ulp apart, denormals, signed zeros, NaN of both signs. A matrix of codes has rows of all
kinds, one after the other. `values` gives what the codes stand for, `select` what a
selection of them must give: numpy's stable sort, which keeps the lower index of equal keys
first, takes -0 and +0 as equal, and puts NaN last.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

LENGTHS = [1, 2, 31, 32, 33, 1000, 4096, 32768, 129280, 131072, 1048577]
COUNTS = [1, 2, 8, 31, 64, 65, 512, 2048]  # and all of them
ROWS = [0, 1, 3, 128, 4096]


@dataclass(frozen=True)
class Type:
    """A type of keys: the unsigned type of its codes, and the bits of its mantissa."""

    name: str
    code: type
    mantissa: int | None  # None: an integer

    @property
    def bits(self) -> int:
        return 8 * np.dtype(self.code).itemsize

    @property
    def sign(self) -> int:
        return 1 << (self.bits - 1)

    @property
    def infinity(self) -> int:
        return self.sign - (1 << self.mantissa)


F32 = Type("f32", np.uint32, 23)
F16 = Type("f16", np.uint16, 10)
BF16 = Type("bf16", np.uint16, 7)
I32 = Type("i32", np.uint32, None)
TYPES = {t.name: t for t in (F32, F16, BF16, I32)}


def random(rng, t, n):
    """Every finite value, whatever its magnitude."""
    if t.mantissa is None:
        return rng.integers(0, 2**32, n)
    return rng.integers(0, t.infinity, n) | rng.integers(0, 2, n) * t.sign


def normal(rng, t, n):
    """As activations are: many keys of few magnitudes."""
    x = rng.standard_normal(n).astype(np.float32)
    if t.mantissa is None:
        return (1000 * x).astype(np.int32).view(np.uint32)
    if t is F16:
        return x.astype(np.float16).view(np.uint16)
    return x.view(np.uint32) >> (32 - t.bits)


def ascending(rng, t, n):
    return _ordered(t, np.sort(_signed(t, random(rng, t, n))))


def descending(rng, t, n):
    return ascending(rng, t, n)[::-1]


def constant(rng, t, n):
    return np.full(n, random(rng, t, 1)[0])


def two_values(rng, t, n):
    return rng.choice(random(rng, t, 2), n)


def one_ulp(rng, t, n):
    """All are one of two neighbors."""
    if t.mantissa is None:
        return 12345 + rng.integers(0, 2, n)
    return rng.integers(1, t.infinity - 1) + rng.integers(0, 2, n)


def outlier(rng, t, n):
    """One key stands out, and is the largest or the smallest."""
    codes = one_ulp(rng, t, n)
    largest = t.sign - 1 if t.mantissa is None else t.infinity - 1
    codes[rng.integers(n)] = largest | rng.integers(0, 2) * t.sign
    return codes


def zeros(rng, t, n):
    return rng.integers(0, 2, n) * t.sign


def infinities(rng, t, n):
    some = [t.sign - 1, t.sign] if t.mantissa is None else [t.infinity, t.infinity | t.sign]
    return np.where(rng.random(n) < 0.5, rng.choice(some, n), normal(rng, t, n))


def nans(rng, t, n):
    """NaN of both signs and every payload, in a third of the places; integers have none."""
    if t.mantissa is None:
        return random(rng, t, n)
    payload = rng.integers(1, 1 << t.mantissa, n) | t.infinity | rng.integers(0, 2, n) * t.sign
    return np.where(rng.random(n) < 1 / 3, payload, normal(rng, t, n))


def only_nans(rng, t, n):
    if t.mantissa is None:
        return constant(rng, t, n)
    return rng.integers(1, 1 << t.mantissa, n) | t.infinity | rng.integers(0, 2, n) * t.sign


def denormals(rng, t, n):
    if t.mantissa is None:
        return rng.integers(0, 4, n)
    return rng.integers(0, 1 << t.mantissa, n) | rng.integers(0, 2, n) * t.sign


KINDS = [
    random, normal, ascending, descending, constant, two_values, one_ulp,
    outlier, zeros, infinities, nans, only_nans, denormals,
]  # fmt: skip


def _signed(t, codes):
    """Finite codes as integers in the order of their values."""
    codes = np.asarray(codes, np.int64)
    if t.mantissa is None:
        return np.where(codes >= t.sign, codes - 2 * t.sign, codes)
    return np.where(codes >= t.sign, t.sign - codes, codes)


def _ordered(t, signed):
    negative = 2 * t.sign + signed if t.mantissa is None else t.sign - signed
    return np.where(signed < 0, negative, signed)


def keys(seed, t: Type, rows: int, n: int, first: int = 0) -> np.ndarray:
    """Codes of `rows` rows of n keys; row r is of kind `first` + r."""
    rng = np.random.default_rng([seed, rows, n, first])
    kinds = [KINDS[(first + r) % len(KINDS)] for r in range(rows)]
    out = np.empty((rows, n), t.code)
    for row, kind in zip(out, kinds):
        row[:] = kind(rng, t, n)
    return out


def values(codes: np.ndarray, t: Type) -> np.ndarray:
    """What the codes stand for: i32 as i32, every float exactly as f32."""
    if t is BF16:
        return (codes.astype(np.uint32) << np.uint32(16)).view(np.float32)
    if t is F16:
        return codes.view(np.float16).astype(np.float32)
    return codes.view(np.int32 if t is I32 else np.float32)


def select(codes: np.ndarray, t: Type, k: int, largest: bool) -> tuple[np.ndarray, np.ndarray]:
    """The codes and the indices (i32) of the first k of every row in order."""
    x = values(codes, t)
    x = x.astype(np.int64) if t is I32 else x  # the smallest i32 has no negative in i32
    index = np.argsort(-x if largest else x, axis=1, kind="stable")[:, :k].astype(np.int32)
    return np.take_along_axis(codes, index, 1), index


@dataclass(frozen=True)
class Case:
    """Sizes, and which kind of row comes first."""

    rows: int
    n: int
    k: int
    first: int


def cases(elements: int, rows=ROWS, lengths=LENGTHS, counts=COUNTS) -> Iterator[Case]:
    """All sizes of at most so many keys. Kinds take turns, so that few rows see all of them."""
    first = 0
    for n in lengths:
        for k in sorted({k for k in counts if k < n} | {n}):
            for r in rows:
                if r * n <= elements:
                    yield Case(r, n, k, first)
                    first = (first + min(r, 5)) % len(KINDS)
