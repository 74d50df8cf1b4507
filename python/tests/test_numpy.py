"""Kernels on arrays of NumPy compute what NumPy computes."""

import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import tilec
from conftest import EXAMPLES, example, interprets, load

TYPES = {
    "f32": np.float32,
    "bf16": ml_dtypes.bfloat16,
    "f16": np.float16,
    "f8e4m3": ml_dtypes.float8_e4m3fn,
    "f8e5m2": ml_dtypes.float8_e5m2,
    "i32": np.int32,
    "i8": np.int8,
    "u8": np.uint8,
    "bool": np.bool_,
}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("element", TYPES)
@pytest.mark.parametrize("shape", [(0,), (1,), (17,), (1000,)])
def test_every_type_goes_in_and_comes_out(element, shape):
    value = "x[n]" if element == "bool" else f"{element}(x[n])"
    copy = tilec.load(f"kernel copy[N](x: {element}[N]) -> (y: {element}[N]) {{ y[n] = {value} }}", target="cpu")
    x = np.arange(shape[0]).astype(np.float32).astype(TYPES[element])
    y = copy(x)
    assert isinstance(y, np.ndarray) and y.dtype == x.dtype and y.shape == x.shape
    assert y.tobytes() == x.tobytes()


def test_gemm_fp8_with_block_scales():
    m, n, k = 70, 130, 300
    a = normal(m, k).astype(ml_dtypes.float8_e4m3fn)
    b = normal(n, k, seed=1).astype(ml_dtypes.float8_e4m3fn)
    sa = np.abs(normal(m, 3, seed=2)) + 0.5
    sb = np.abs(normal(2, 3, seed=3)) + 0.5
    c = example("gemm_fp8/gemm_fp8.tile")(a, b, sa, sb)
    left = a.astype(np.float64) * np.repeat(sa, 128, axis=1)[:, :k]
    right = b.astype(np.float64) * np.repeat(np.repeat(sb, 128, axis=0), 128, axis=1)[:n, :k]
    expected = left @ right.T
    assert c.dtype == ml_dtypes.bfloat16 and c.shape == (m, n)
    # bf16 rounds to 2^-9; sums of f32 cancel to within a few of their own roundings.
    bound = np.abs(expected) * 2.0**-8 + np.abs(left) @ np.abs(right).T * 2.0**-20
    assert (np.abs(c.astype(np.float64) - expected) <= bound).all()


def test_several_outputs_come_as_a_tuple():
    x = normal(40, 100)
    value, index = example("topk/topk.tile", "topk")(x, S=5)
    order = np.argsort(-x, axis=1, kind="stable")[:, :5]
    assert index.dtype == np.int32 and np.array_equal(index, order)
    assert np.array_equal(value, np.take_along_axis(x, order, axis=1))


def test_softmax():
    x = normal(9, 257)
    y = example("softmax/softmax.tile")(x)
    z = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    assert np.allclose(y, z / z.sum(axis=1, keepdims=True), rtol=2e-6, atol=1e-9)


def test_inputs_go_by_position_and_by_name():
    x, y = normal(5), normal(5, seed=1)
    add = load("add")
    for z in (add(x, y), add(x, y=y), add(y=y, x=x)):
        assert np.array_equal(z, x + y)


@pytest.mark.parametrize("s", [2, 2.5, np.float32(2.5), np.float64(2.5), np.array(2.5, np.float32), True + 1])
def test_scalars_are_numbers_or_arrays_without_dimensions(s):
    x = normal(3, 4)
    assert np.array_equal(load("scale")(x, s), x * np.float32(s))


def test_scalars_of_integers_and_bools():
    x = np.array([-128, 0, 127], np.int8)
    assert np.array_equal(load("small")(x, -128, 255), [-1, 127, 254])
    assert np.array_equal(load("small")(x, np.int8(3), np.uint8(4)), [-121, 7, 134])
    flags = np.array([True, False])
    assert np.array_equal(load("flags")(flags, True), [True, False])
    assert np.array_equal(load("flags")(flags, np.False_), [False, False])


def test_any_byte_but_0_is_true():
    flags = np.array([0, 1, 2, 255], np.uint8).view(np.bool_)
    assert np.array_equal(load("flags")(flags, True), [False, True, True, True])


def test_out_is_filled_and_returned():
    x = normal(6)
    z = np.full(6, np.nan, np.float32)
    assert load("add")(x, x, out=z) is z
    assert np.array_equal(z, 2 * x)


@pytest.mark.parametrize("form", ["tuple", "list", "dict", "partial tuple", "partial dict"])
def test_several_outs(form):
    x = normal(6)
    twice, half = np.empty(6, np.float32), np.empty(6, np.float32)
    out = {
        "tuple": (twice, half),
        "list": [twice, half],
        "dict": {"half": half, "twice": twice},
        "partial tuple": (None, half),
        "partial dict": {"half": half},
    }[form]
    first, second = load("both")(x, out=out)
    assert second is half and (first is twice) == (not form.startswith("partial"))
    assert np.array_equal(first, 2 * x) and np.array_equal(second, x / 2)


COPIES = """
import resource, sys
import numpy as np
sys.path.insert(0, {tests!r})
from conftest import load

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10

add = load("add")
add(np.ones(1 << 16, np.float32), np.ones(1 << 16, np.float32))
x, z = np.ones(1 << 26, np.float32), np.zeros(1 << 26, np.float32)
z += 1
before = peak()
assert add(x, x, out=z) is z and z[0] == 2 and z[-1] == 2
print(peak() - before)
"""


@pytest.mark.skipif(interprets(), reason="the interpreter copies")
def test_nothing_is_copied():
    # In a process of its own, whose peak of memory nothing else has raised. A copy of x or
    # of z would take 256 MiB.
    code = COPIES.format(tests=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 32 << 20


def test_read_only_inputs_are_read():
    x = normal(6)
    x.flags.writeable = False
    assert np.array_equal(load("add")(x, x), 2 * x)


def test_strides_of_dimensions_of_one_don_t_matter():
    x = normal(4, 8)[:1, :]
    assert np.array_equal(load("scale")(x, 2.0), 2 * x)
    column = normal(4, 8)[:, :0]
    assert load("scale")(column, 2.0).shape == (4, 0)


def test_subclasses_are_read_by_numpy_s_own_rules():
    class Liar(np.ndarray):
        @property
        def __array_interface__(self):
            return {"data": (8, False), "shape": (10**9,), "typestr": "<f4", "strides": None}

    x = normal(6).view(Liar)
    assert np.array_equal(load("add")(x, x), 2 * np.asarray(normal(6)))


def test_sizes_can_be_fixed_when_loading():
    fixed = example("topk/topk.tile", "topk", S=4, N=50)
    assert fixed.sizes == {"M": None, "N": 50, "S": 4}
    x = normal(3, 50)
    value, index = fixed(x)
    assert value.shape == (3, 4) and np.array_equal(value[:, 0], x.max(axis=1))


def test_defaults_of_sizes_hold_unless_the_call_says_otherwise():
    topk = example("topk/topk.tile", "topk")
    x = normal(3, 50)
    assert topk(x)[0].shape == (3, 32)
    assert topk(x, S=2)[0].shape == (3, 2)


def test_paths_and_texts_load():
    path = EXAMPLES / "softmax" / "softmax.tile"
    for source in (path, str(path), path.read_text()):
        assert tilec.load(source, target="cpu").name == "softmax"
