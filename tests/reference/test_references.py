"""The references themselves, against definitions and published values. Needs no tilec."""

import numpy as np
import pytest

import compare
import philox
import sampling
from formats import BF16, E4M3, E5M2, F16, F32, NARROW, convert, wide

# From the known-answer tests of the authors' library, Random123.
KNOWN = [
    ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize("counter, key, words", KNOWN)
def test_philox(counter, key, words):
    assert [int(word) for word in philox.philox4x32(counter, key)] == words


def decode(code, exponent_bits, mantissa_bits) -> float:
    """A value from its sign, exponent and mantissa."""
    bias = 2 ** (exponent_bits - 1) - 1
    mantissa = code & (2**mantissa_bits - 1)
    exponent = code >> mantissa_bits & (2**exponent_bits - 1)
    sign = -1.0 if code >> (exponent_bits + mantissa_bits) else 1.0
    if exponent == 0:
        return sign * mantissa * 2.0 ** (1 - bias - mantissa_bits)
    return sign * (1 + mantissa * 2.0**-mantissa_bits) * 2.0 ** (exponent - bias)


@pytest.mark.parametrize("dtype, parts, special", [(E4M3, (4, 3), 0x7F), (E5M2, (5, 2), 0x7C), (F16, (5, 10), 0x7C00)])
def test_codes_mean_what_their_bits_say(dtype, parts, special):
    sign = 1 << sum(parts)
    codes = np.arange(2 * sign, dtype=f"u{dtype.itemsize}")
    for code, value in zip(codes, wide(codes.view(dtype))):
        if int(code) & (sign - 1) < special:
            assert value == decode(int(code), *parts)
        else:
            assert not np.isfinite(value)


@pytest.mark.parametrize("dtype", [E4M3, E5M2, BF16, F16])
def test_nearest_is_nearest(dtype):
    values = sampling.grid(dtype)
    x = np.random.default_rng(0).uniform(0, 40, 3000).astype(np.float32)
    nearest = np.min(np.abs(values[None, :2**15] - wide(x)[:, None]), axis=1) if dtype.itemsize == 1 else None
    error = np.abs(wide(convert(x, dtype)) - wide(x))
    if nearest is None:
        at = np.clip(np.searchsorted(values, x), 1, len(values) - 1)
        nearest = np.minimum(np.abs(values[at] - x), np.abs(values[at - 1] - x))
    assert np.array_equal(error, nearest)


def test_fp8_saturates():
    huge = np.array([1e30, -1e30, np.inf, -np.inf], np.float32)
    assert wide(convert(huge, E4M3)).tolist() == [448, -448, 448, -448]
    assert wide(convert(huge, E5M2)).tolist() == [57344, -57344, 57344, -57344]
    assert np.isnan(wide(convert(np.array([np.nan], np.float32), E4M3)))[0]


def test_stochastic_rounding_goes_both_ways():
    x = np.full(4, 1 + 2.0**-5, np.float32)  # a quarter of the way from 1 to 1.125
    r = np.array([0, 2**30 - 1, 2**30, -1], np.int32)
    assert wide(sampling.round_stochastic(x, r, NARROW["f8e4m3"])).tolist() == [1.125, 1.125, 1, 1]


WRONG = [
    (compare.Exact(np.zeros(3, np.float32)), np.array([0, 0, -0.0], np.float32)),
    (compare.Exact(np.zeros(3, np.int32)), np.zeros(3, np.float32)),
    (compare.Close(np.ones(3), np.full(3, 1e-9)), np.array([1, 1, 1.001], np.float32)),
    (compare.Close(np.ones(3), np.full(3, 1e-9)), np.array([1, 1, np.nan], np.float32)),
    (compare.Close(np.array([1, np.inf]), np.ones(2)), np.array([1, 3e38], np.float32)),
    (compare.Close(np.ones(100), np.ones(100)), np.full(100, 1.5, np.float32)),
    (compare.Close(np.ones((2, 3)), np.ones((2, 3))), np.ones(6, np.float32)),
]


@pytest.mark.parametrize("expected, got", WRONG)
def test_differences_are_noticed(expected, got):
    with pytest.raises(AssertionError):
        compare.check("x", got, expected)


def test_rounding_is_no_difference():
    compare.check("x", np.array([1.0078125], np.float32).astype(BF16), compare.Close(np.array([1.005]), 0.0, BF16))
    compare.check("x", np.float32([np.nan, 1]), compare.Exact(np.float32([np.nan, 1])))
    assert compare.calc_diff(np.ones(3), np.ones(3)) == 0
    assert F32.itemsize == 4
