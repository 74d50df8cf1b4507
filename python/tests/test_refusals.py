"""The column of docs/refusals.md for Python, cell by cell. The other columns are tried by
tests/reference/test_refusals.py."""

import mmap
import re
import runpy

import numpy as np
import pytest
from conftest import EXAMPLES, raised

import tilec

PAGE = runpy.run_path(str(EXAMPLES.parent / "tests/reference/refusals.py"))
TABLE = PAGE["column"]("Python")
SCORE, AT = np.zeros((3, 4), np.float32), np.zeros(3, np.int32)
KERNEL = tilec.load(PAGE["PROGRAM"], target="cpu")
CLAMPED = tilec.load(PAGE["PROGRAM"], target="cpu", check=False)


def misaligned():
    return np.zeros(49, np.uint8)[1:].view(np.float32).reshape(3, 4)


def frozen():
    own = np.zeros(3, np.float32)
    own.flags.writeable = False
    return own


def far_too_many():
    """More zeros than any memory holds, of which none is ever touched."""
    no_reserve = 0x4000
    memory = mmap.mmap(-1, 1 << 42, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve)
    return np.frombuffer(memory, np.float32).reshape(1 << 20, 1 << 20)


CALLS = {
    "shapes that contradict each other": lambda: KERNEL(SCORE, np.zeros(5, np.int32)),
    "a dimension too many": lambda: KERNEL(SCORE[:, :, None], AT),
    "another type": lambda: KERNEL(SCORE.astype(np.float64), AT),
    "more places than a row has": lambda: KERNEL(SCORE, AT, S=5),
    "a negative size": lambda: KERNEL(SCORE, AT, S=-1),
    "a size of 2^31": lambda: KERNEL(SCORE, AT, S=1 << 31),
    "a size by name that shapes contradict": lambda: KERNEL(SCORE, AT, T=4),
    "an input of no such name": lambda: KERNEL(scroe=SCORE, at=AT),
    "an input that is missing": lambda: KERNEL(at=AT),
    "more than memory holds": lambda: KERNEL(far_too_many(), np.zeros(1 << 20, np.int32), S=1 << 20),
    "strides that are not row-major": lambda: KERNEL(np.asfortranarray(SCORE), AT),
    "an address that is not aligned": lambda: KERNEL(misaligned(), AT),
    "an output that cannot be written": lambda: KERNEL(SCORE, AT, out={"own": frozen()}),
    "an output of another shape": lambda: KERNEL(SCORE, AT, out={"own": np.zeros(4, np.float32)}),
    "an output in the memory of an input": lambda: KERNEL(SCORE, AT, out={"own": SCORE.ravel()[:3]}),
    "no arguments": lambda: KERNEL(),
    "an index out of range": lambda: KERNEL(SCORE, np.array([0, 7, 1], np.int32)),
    "the same with `--clamp` or `check=False`": lambda: CLAMPED(np.eye(4, dtype=np.float32)[1:], np.array([9, -7, 2**31 - 1], np.int32)),
}


def test_every_cell_is_tried():
    assert set(CALLS) == set(TABLE)


@pytest.mark.parametrize("mistake", CALLS)
def test_python_says_it(mistake):
    expected, _, says = TABLE[mistake].partition(": ")
    if expected == "runs":
        # The nearest index is the last column of the identity's rows 1 to 3, then the first.
        assert CALLS[mistake]()[1].tolist() == [0, 0, 1]
        return
    kind, _, argument = expected.rstrip(")").partition(" (")
    raised(CALLS[mistake], getattr(tilec, kind), re.escape(says), argument or None)
