"""FP8 on Tensix cores, whose own formats differ: every value of bf16 to its codes, every code to
its value, computed by the emitted kernels in the emulator."""

import numpy as np
import pytest

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
