"""Selections of all sizes and kinds of rows; `bench/topk_cpu.py` tries every combination."""

import numpy as np
import pytest

import selection_runs
from selection_cases import BF16, F16, F32, I32, KINDS, LENGTHS, ROWS, cases, keys, select, values


def some():
    """Every length with every count, and the numbers of rows in turn; no rows at all."""
    by_size = {}
    for case in cases(2**19, rows=ROWS[1:]):
        by_size.setdefault((case.n, case.k), []).append(case)
    turns = [of[turn % len(of)] for turn, of in enumerate(by_size.values())]
    empty = cases(0, rows=[0], counts=[8])
    return [*turns, *empty, *cases(2**21, rows=[1], lengths=LENGTHS[-1:], counts=[1, 64, 2048])]


def some_types():
    """f32, and the other types in turn."""
    others = ["f16", "bf16", "i32"]
    return [(case, ("f32", others[turn % 3])) for turn, case in enumerate(some())]


def name(value) -> str:
    return "-".join(value) if isinstance(value, tuple) else f"{value.rows}x{value.n}-{value.k}"


@pytest.mark.parametrize("case, types", some_types(), ids=name)
def test_selection(case, types, tmp_path):
    selection_runs.check(case, tmp_path, types)


def order_of(x, largest):
    """By the sort of Python, from the words of the language: NaN last, equal keys in the order
    of their indices."""

    def place(i):
        is_nan = bool(np.isnan(x[i]))
        return is_nan, 0.0 if is_nan else float(-np.float64(x[i]) if largest else x[i]), i

    return sorted(range(len(x)), key=place)


@pytest.mark.parametrize("t", [F32, F16, BF16, I32], ids=lambda t: t.name)
@pytest.mark.parametrize("largest", [True, False])
def test_the_reference_orders_as_the_language_says(t, largest):
    codes = keys(1, t, len(KINDS), 200)
    index = select(codes, t, 200, largest)[1]
    assert [order_of(x, largest) for x in values(codes, t)] == index.tolist()


@pytest.mark.parametrize("t", [F32, F16, BF16, I32], ids=lambda t: t.name)
def test_rows_are_of_their_kind(t):
    rows = {kind.__name__: values(row[None], t)[0] for kind, row in zip(KINDS, keys(1, t, len(KINDS), 500))}
    distinct = {name: len(np.unique(row)) for name, row in rows.items()}
    assert np.all(np.diff(rows["ascending"].astype(np.float64)) >= 0)
    assert np.all(np.diff(rows["descending"].astype(np.float64)) <= 0)
    assert (distinct["constant"], distinct["two_values"], distinct["one_ulp"], distinct["outlier"]) == (1, 2, 2, 3)
    if t is not I32:
        assert 100 < np.sum(np.isnan(rows["nans"])) < 300 and np.all(np.isnan(rows["only_nans"]))
        assert np.any(np.isinf(rows["infinities"])) and np.all(rows["zeros"] == 0)
        assert 0 < np.max(np.abs(rows["denormals"])) < (2.0**-14 if t is F16 else 2.0**-126)
        assert set(np.signbit(rows["zeros"])) == set(np.signbit(rows["only_nans"])) == {False, True}
