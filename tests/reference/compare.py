"""What a kernel's output must be, and how far it may be from it.

Selections, integers and conversions must be equal to the bit (any NaN is as good
as another). Sums of floats are f32 in no particular order, so a reference in f64
comes with a bound for every element, derived from the number of terms and the
sum of their magnitudes; `calc_diff` catches what stays within a generous bound.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from formats import F32, HALF_ULP, SMALLEST, bits, is_float, wide

UNIT = 2.0**-24
TINY = 2.0**-126  # results below the normal numbers of f32 may be flushed to 0

# calc_diff of the rounding of a result alone is less than this.
LARGEST_DIFF = {dtype: max(half**2, 1e-9) for dtype, half in HALF_ULP.items()}


@dataclass(frozen=True)
class Exact:
    """Equal to the bit."""

    value: np.ndarray


@dataclass(frozen=True)
class Close:
    """Within `bound` of `value` before it was rounded to `dtype`."""

    value: np.ndarray
    bound: np.ndarray
    dtype: np.dtype = F32


@dataclass(frozen=True)
class Judged:
    """Of this type and shape, and right if the function does not raise."""

    dtype: np.dtype
    shape: tuple
    judge: Callable[[np.ndarray], None]


def dot_bound(magnitude, terms, inputs=1):
    """Error of a f32 sum of `terms` products of `inputs` + 1 factors, whose magnitudes
    sum to `magnitude`, in any order."""
    return (terms + inputs + 2) * UNIT * 1.01 * magnitude + TINY


# What an FP8 matrix unit may add to the error of a sum, relative to its magnitude, where sums
# of 128 products are scaled: a check on a GPU sets it.
FP8_UNIT = 0.0


def blocks_bound(magnitude, terms, inputs=1):
    """The same for products of FP8 that are scaled by blocks of 128."""
    return dot_bound(magnitude, terms, inputs) + FP8_UNIT * magnitude


def calc_diff(x, y) -> float:
    """1 - 2 sum(xy) / sum(x^2 + y^2), without cancellation."""
    total = np.sum(x * x + y * y)
    return float(np.sum((x - y) ** 2) / total) if total else 0.0


def check(name: str, got: np.ndarray, expected) -> None:
    """Fails with the worst offender."""
    if isinstance(expected, Judged):
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape), name
        expected.judge(got)
    elif isinstance(expected, Close):
        check_close(name, got, expected)
    else:
        check_exact(name, got, expected.value)


def check_exact(name, got, value) -> None:
    value = np.asarray(value)
    assert (got.dtype, got.shape) == (value.dtype, value.shape), name
    same = bits(got) == bits(value)
    if is_float(got.dtype):
        same |= np.isnan(wide(got)) & np.isnan(wide(value))
    if not np.all(same):
        at = tuple(int(i[0]) for i in np.nonzero(~np.atleast_1d(same)))
        at = at[: got.ndim]
        raise AssertionError(
            f"{name}{list(at)} is {got[at]!r}, not {value[at]!r}; {np.sum(~same)} of {same.size} differ"
        )


def check_close(name, got, expected) -> None:
    value, bound = np.broadcast_arrays(np.asarray(expected.value, np.float64), expected.bound)
    assert (got.dtype, got.shape) == (expected.dtype, value.shape), name
    got = wide(got)
    special = ~np.isfinite(value)
    same = (got == value) | (np.isnan(got) & np.isnan(value))
    with np.errstate(invalid="ignore"):
        rounding = HALF_ULP[expected.dtype] * (np.abs(value) + bound) + SMALLEST[expected.dtype] / 2
        wrong = np.where(special, ~same, ~(np.abs(got - value) <= bound + rounding))
    if np.any(wrong):
        at = tuple(int(i[0]) for i in np.nonzero(np.atleast_1d(wrong)))[: got.ndim]
        raise AssertionError(
            f"{name}{list(at)} is {got[at]}, not {value[at]} +- {bound[at]}; {np.sum(wrong)} of {wrong.size} are off"
        )
    # Few elements say little together: a single one may be a difference of large terms.
    measured = ~special & np.isfinite(bound)
    diff = calc_diff(got[measured], value[measured]) if got.size >= 64 else 0.0
    assert diff <= LARGEST_DIFF[expected.dtype], f"calc_diff of {name} is {diff}"
