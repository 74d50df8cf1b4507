"""Runs a selection of every type of key in both directions and compares it with
selection_cases: values and indices equal to the bit, and the first is the argmax.
"""

import numpy as np

import tilec
from formats import BF16, bits
from selection_cases import TYPES, Case, keys, select, values

DIRECTIONS = {"desc": True, "asc": False}
DTYPES = {"f32": np.float32, "f16": np.float16, "bf16": BF16, "i32": np.int32}


def program(types) -> str:
    """One kernel with a selection for each type and direction, so that one run tries them all."""
    inputs = ", ".join(f"x_{t}: {t}[M, N]" for t in types)
    outputs, equations = [], []
    for t in types:
        for d in DIRECTIONS:
            outputs += [f"value_{t}_{d}: {t}[M, S]", f"index_{t}_{d}: idx<N>[M, S]"]
            value = f"x_{t}[m, index_{t}_{d}[m, s]]"
            equations += [
                f"index_{t}_{d}[m, s] = argsort[n {d}](x_{t}[m, n])[s]",
                f"value_{t}_{d}[m, s] = {value if t in ('f32', 'i32') else f'{t}({value})'}",
            ]
        outputs.append(f"first_{t}: idx<N>[M]")
        equations.append(f"first_{t}[m] = argmax[n](x_{t}[m, n])")
    body = "\n    ".join(equations)
    return f"kernel select[M, N, S]({inputs})\n-> ({', '.join(outputs)})\nwhere S <= N, 1 <= N\n{{\n    {body}\n}}\n"


def check(case: Case, folder, types=tuple(TYPES), seed: int = 0) -> None:
    """Fails with the first place that is wrong."""
    file = folder / "select.tile"
    file.write_text(program(types))
    codes = {name: keys(seed, TYPES[name], case.rows, case.n, case.first) for name in types}
    inputs = {f"x_{name}": array.view(DTYPES[name]) for name, array in codes.items()}
    outputs = [f"{what}_{t}_{d}" for what in ("value", "index") for t in types for d in DIRECTIONS]
    outputs += [f"first_{t}" for t in types]
    got = tilec.run(file, "select", inputs, outputs, {"S": case.k})
    for name in types:
        t = TYPES[name]
        for d, largest in DIRECTIONS.items():
            value, index = select(codes[name], t, case.k, largest)
            suffix = f"{name}_{d}"
            same(f"index_{suffix}", got[f"index_{suffix}"], index)
            if largest:
                same(f"first_{name}", got[f"first_{name}"], index[:, 0])
            same_values(f"value_{suffix}", bits(got[f"value_{suffix}"]), value, t)


def same(name: str, got: np.ndarray, expected: np.ndarray) -> None:
    assert got.shape == expected.shape, f"{name} has the shape {got.shape}, not {expected.shape}"
    if not np.array_equal(got, expected):
        at = tuple(int(i[0]) for i in np.nonzero(got != expected))
        raise AssertionError(f"{name}{list(at)} is {got[at]}, not {expected[at]}")


def same_values(name: str, got: np.ndarray, expected: np.ndarray, t) -> None:
    """The bits, or both NaN: which one is not told."""
    both_nan = np.isnan(values(got, t)) & np.isnan(values(expected, t))
    same(name, np.where(both_nan, 0, got), np.where(both_nan, 0, expected))
