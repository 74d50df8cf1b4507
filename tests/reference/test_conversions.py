"""Conversions to narrow floats: every code, every midpoint, and what surrounds them;
and stochastic rounding, which must be right on average.
"""

import numpy as np
import pytest

import compare
import sampling
import tilec
from formats import NARROW, convert, wide
from tilec import IDIOMS

NAMES = {"a": "f8e4m3", "b": "f8e5m2", "c": "bf16", "d": "f16"}


def interesting(dtype) -> np.ndarray:
    """All values, the midpoints between neighbors, the place where overflow begins, and
    for each of these the f32 before and after it."""
    values = sampling.grid(dtype)
    past_the_end = values[-1] + (values[-1] - values[-2])
    values = np.append(values, past_the_end)
    with np.errstate(over="ignore"):
        points = np.concatenate([values, (values[:-1] + values[1:]) / 2]).astype(np.float32)
        after, before = (np.nextafter(points, np.float32(end)) for end in (np.inf, -1))
    points = np.concatenate([points, after, before])
    return np.concatenate([points, -points])


SPECIAL = np.float32([np.inf, -np.inf, np.nan, 3.4e38, -3.4e38, 1e-45, -1e-45, 1e-38, -0.0, 1e5, 1e6])
SETS = {name: interesting(dtype) for name, dtype in NARROW.items()}
SETS["special"] = SPECIAL


@pytest.mark.parametrize("points", SETS)
def test_narrowing(points):
    x = SETS[points]
    got = tilec.run(f"{IDIOMS}/convert.tile", "narrow", {"x": x}, list(NAMES))
    for name, kind in NAMES.items():
        compare.check(kind, got[name], compare.Exact(convert(x, NARROW[kind])))


@pytest.mark.parametrize("seed", range(3))
def test_narrowing_of_any_bits(seed):
    x = np.random.default_rng(seed).integers(0, 2**32, 200_000, np.uint32).view(np.float32)
    got = tilec.run(f"{IDIOMS}/convert.tile", "narrow", {"x": x}, list(NAMES))
    for name, kind in NAMES.items():
        compare.check(kind, got[name], compare.Exact(convert(x, NARROW[kind])))


def test_stochastic_rounding_at_its_boundaries():
    inputs = sampling.near_boundaries(np.random.default_rng(0))
    expected = sampling.stochastic_bits(**inputs)
    got = tilec.run(f"{IDIOMS}/stochastic.tile", "stochastic_bits", inputs, list(expected))
    for name, value in expected.items():
        compare.check(name, got[name], value)


# Ordinary, near the ends, subnormal in FP8, representable, and past the largest.
DRAWN = [1.03, -1.03, 1.0, 0.3, -17.7, 200.1, 440.5, 447.99, 0.001, 0.0137, -0.0005, 3e-6, 1e-3 / 3, 0.0]


def test_stochastic_rounding_is_unbiased():
    """Of many draws, only the two neighbors occur, and the mean is the value: within five
    standard errors, so that a bias of a hundredth of a step fails."""
    draws = 40_000
    x = np.array(DRAWN, np.float32)
    inputs = {"x": x, "seed": np.int32(20)}
    got = tilec.run(f"{IDIOMS}/stochastic.tile", "stochastic_draws", inputs, list(NAMES), {"N": draws})
    for name, kind in NAMES.items():
        check_unbiased(wide(got[name]), wide(x), sampling.grid(NARROW[kind]))


def check_unbiased(rounded, x, values) -> None:
    for row, value in zip(rounded, x):
        at = np.searchsorted(values, abs(value), side="right") - 1
        lo, hi = values[at], values[min(at + 1, len(values) - 1)]
        assert set(np.unique(row)) <= {np.copysign(lo, value), np.copysign(hi, value)}, value
        fraction = (abs(value) - lo) / (hi - lo)
        error = np.mean(np.abs(row) - lo) / (hi - lo) - fraction
        allowed = 5 * np.sqrt(fraction * (1 - fraction) / row.size)
        assert abs(error) <= allowed + 1e-12, f"{value}: off by {error} of a step"


def test_a_bias_is_noticed():
    """The test above can fail: rounding to nearest is biased."""
    x = np.full(1, 1.03)
    nearest = wide(convert(np.full((1, 40_000), 1.03, np.float32), NARROW["f8e4m3"]))
    with pytest.raises(AssertionError, match="off by"):
        check_unbiased(nearest, x, sampling.grid(NARROW["f8e4m3"]))
