"""What Tensix cores compute exactly, by the emitted kernels in the emulator: FP8, whose own
formats differ, from every value of bf16 and to every value; 32-bit integers, which wrap around;
random bits, and rounding by them."""

import numpy as np
import pytest

import philox
import sampling
import tilec
from formats import BF16, NARROW, convert

CHIPS = ["wormhole_n150", "blackhole_p150"]
FILE = "tests/tensix_tiles/codes.tile"
KINDS = {"a": "f8e4m3", "b": "f8e5m2"}


def same(actual: np.ndarray, expected: np.ndarray) -> None:
    """The same numbers, infinities and NaN."""
    with np.errstate(invalid="ignore"):
        wide = [of.astype(np.float32) for of in (actual, expected)]
    np.testing.assert_array_equal(*wide)


def as_the_chip_has_it(values: np.ndarray) -> np.ndarray:
    """FIXME: 16-bit floats on their way to and from the registers have no NaN: it becomes an
    infinity (docs/tensix.md)."""
    return np.where(np.isnan(values), np.copysign(np.float32(np.inf), values), values)


@pytest.mark.parametrize("chip", CHIPS)
def test_every_bf16_has_its_code(chip):
    x = np.arange(2**16, dtype=np.uint16).view(BF16)
    got = tilec.run(FILE, "encode", {"x": x}, list(KINDS), target=f"tt:{chip}")
    with np.errstate(invalid="ignore"):
        arrives = as_the_chip_has_it(x.astype(np.float32))
    for name, kind in KINDS.items():
        same(got[name], convert(arrives, NARROW[kind]))


@pytest.mark.parametrize("chip", CHIPS)
def test_every_code_has_its_value(chip):
    codes = np.arange(2**8, dtype=np.uint8)
    given = {name: codes.view(NARROW[kind]) for name, kind in KINDS.items()}
    got = tilec.run(FILE, "decode", given, ["x", "y"], target=f"tt:{chip}")
    for result, code in zip("xy", KINDS):
        # The sign of a NaN is lost on the way.
        expected = np.abs(as_the_chip_has_it(given[code].astype(np.float32)))
        is_nan = np.isnan(given[code].astype(np.float32))
        expected = np.where(is_nan, expected, given[code].astype(np.float32))
        same(got[result], expected)


WORDS = "tests/tensix_tiles/words.tile"
ENDS = np.array([0, 1, -1, 2**31 - 1, -(2**31), 2**24, -(2**24) - 1, 65535, 65536, 2047, -2048], np.int32)


def words(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Integers of every length, and the ends."""
    some = rng.integers(-(2**31), 2**31, shape) >> rng.integers(0, 32, shape)
    return np.where(rng.random(shape) < 0.3, rng.choice(ENDS, shape), some).astype(np.int32)


@pytest.mark.parametrize("chip", CHIPS)
def test_integers_wrap_around(chip):
    rng = np.random.default_rng(0)
    a, b, c = words(rng, 65, 130), words(rng, 130), rng.integers(0, 256, 65).astype(np.uint8)
    b[:40] = rng.choice(ENDS, 40)
    a[:, :20] = b[:20]
    expected = {
        "product": a * b,
        "mixed": np.maximum(a, b) - np.minimum(np.abs(a), -b) + 7 * c[:, None].astype(np.int32),
        "place": np.where(b < 0, a, np.int32(70000000))
        + ((np.arange(65)[:, None] * 10000 + np.arange(130)) * 1000).astype(np.int32),
        "parts": a // 256 - a % 65536 * 3 + b // 2**30,
        "low": np.clip(a, -128, 127).astype(np.int8),
        "wide": a.astype(np.float32),
    }
    got = tilec.run(WORDS, "arithmetic", {"a": a, "b": b, "c": c}, list(expected), target=f"tt:{chip}")
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, name)
    relations = {
        "less": a < b,
        "equal": a == b,
        "any": ((a >= b) & (a != 17)) | ((a <= -5) & (b > a)),
    }
    got = tilec.run(WORDS, "relations", {"a": a, "b": b}, list(relations), target=f"tt:{chip}")
    for name, value in relations.items():
        np.testing.assert_array_equal(got[name], value, name)


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("seed", [0, 1, -1, 2**31 - 1, -(2**31), 20261121])
def test_random_bits(chip, seed):
    a = words(np.random.default_rng(7), 70)
    m, n = np.mgrid[:3, :70]
    sizes, inputs = {"M": 3}, {"seed": np.int32(seed), "a": a}
    expected = {
        "none": philox.random(seed & 0xFFFFFFFF, *[np.zeros((3, 70), np.int64)]),
        "one": np.broadcast_to(philox.random(seed & 0xFFFFFFFF, a.view(np.uint32)), (3, 70)),
        "two": philox.random(a.view(np.uint32), m, n),
        "four": philox.random(
            seed & 0xFFFFFFFF, n, np.int64(seed & 0xFFFFFFFF), a.view(np.uint32), np.int64(0xFFFFFFFF)
        ),
        "part": philox.uniform(seed & 0xFFFFFFFF, m, n),
    }
    got = tilec.run(WORDS, "bits", inputs, list(expected), sizes, target=f"tt:{chip}")
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, name)


def some_bits(rng: np.random.Generator, x: np.ndarray, fraction: int) -> np.ndarray:
    """Random bits: any, the ends, and those that decide whether x goes up, with `fraction` bits."""
    lost = (x.astype(np.float32).view(np.uint32) << np.uint32(9 + fraction)).astype(np.int64)
    near = lost + rng.integers(-1, 2, x.size)
    ends = rng.choice(np.array([0, 2**32 - 1, 2**31, 2**31 - 1]), x.size)
    any_ = rng.integers(0, 2**32, x.size)
    return (np.choose(rng.integers(0, 3, x.size), [near, ends, any_]) % 2**32).astype(np.uint32).view(np.int32)


def rounded(x: np.ndarray, r: np.ndarray, kind: str) -> np.ndarray:
    """The reference on what arrives: subnormal numbers count as 0."""
    normal = np.where(np.abs(x) < 2.0**-126, np.copysign(np.float32(0), x), x)
    value = sampling.round_stochastic(normal, r, NARROW[kind]).astype(np.float32)
    if kind in KINDS.values():
        return value
    # Beyond the largest, the neighbor above is infinity, where the next power of two would be.
    largest, beyond = {"f16": (65504.0, 2.0**16), "bf16": (2.0**128 - 2.0**120, 2.0**128)}[kind]
    size = np.abs(normal.astype(np.float64))
    up = r.view(np.uint32) < (size - largest) / (beyond - largest) * 2.0**32
    return np.where((size > largest) & up, np.copysign(np.float32(np.inf), x), value)


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("fraction", [2, 3, 7, 10])
def test_every_bf16_is_rounded_by_bits(chip, fraction):
    x = np.arange(2**16, dtype=np.uint16).view(BF16)
    with np.errstate(over="ignore", invalid="ignore"):
        arrives = as_the_chip_has_it(x.astype(np.float32))
        arrives = np.where(np.abs(arrives) < 2.0**-126, 0, arrives).astype(np.float32)
        more = arrives * np.float32(1.01)
    r = some_bits(np.random.default_rng(fraction), more if fraction >= 7 else arrives, fraction)
    got = tilec.run(WORDS, "rounded", {"x": x, "r": r}, list("abcd"), target=f"tt:{chip}")
    for name, kind in {**KINDS, "c": "bf16", "d": "f16"}.items():
        same(got[name], rounded(arrives if name in KINDS else more, r, kind))


@pytest.mark.parametrize("seed", range(3))
def test_any_f32_is_rounded_by_bits(seed):
    """On Blackhole, where an f32 arrives with all its bits."""
    rng = np.random.default_rng(seed)
    inputs = sampling.near_boundaries(rng) if seed == 0 else sampling.make_bits(rng, 20_000)
    got = tilec.run(WORDS, "rounded_wide", inputs, list("abcd"), target="tt:blackhole_p150")
    for name, kind in {**KINDS, "c": "bf16", "d": "f16"}.items():
        expected = rounded(**inputs, kind=kind)
        same(got[name], as_the_chip_has_it(expected) if name == "c" else expected)


TYPES = "tests/cases/contract/types.tile"
INTEGERS = {"gemm_i8_plain": np.int8, "gemm_u8_i8": np.uint8}


def products(kernel: str, m: int, n: int, k: int, chip: str, seed: int | None) -> None:
    """Products of any integers, or of the ones of greatest magnitude."""
    rng = np.random.default_rng(seed)
    drawn = lambda kind, *shape: rng.integers(np.iinfo(kind).min, np.iinfo(kind).max + 1, shape).astype(kind)
    a, b = drawn(INTEGERS[kernel], m, k), drawn(np.int8, n, k)
    if seed is None:
        a[:], b[:] = np.iinfo(a.dtype).max if a.dtype == np.uint8 else -128, -128
    got = tilec.run(TYPES, kernel, {"a": a, "b": b}, ["c"], target=f"tt:{chip}")
    exact = a.astype(np.int64) @ b.astype(np.int64).T
    np.testing.assert_array_equal(got["c"], exact.astype(np.int32))


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("lengths, seed", [((33, 65, 127), 0), ((65, 31, 1200), 0), ((1, 33, 1200), None)])
def test_products_of_integers_are_exact(name, lengths, seed, chip):
    products(name, *lengths, chip, seed)


def test_sums_of_products_of_integers_wrap_around():
    """Past 131071 products of -128 the sum leaves i32."""
    products("gemm_i8_plain", 1, 1, 140_000, "wormhole_n150", None)
