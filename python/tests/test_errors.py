"""Every mistake of a caller raises the exception of its kind, with a message that names
the argument; nothing that is passed ends the process."""

import os
import pickle

import ml_dtypes
import numpy as np
import pytest

import tilec
from conftest import EXAMPLES, TEXTS, load, raised
from tilec import (
    ArgumentError,
    ChipError,
    CompileError,
    DataError,
    DTypeError,
    DriverError,
    Error,
    LayoutError,
    OutOfMemoryError,
    RankError,
    SizeError,
    SourceError,
    _native,
)

X = np.arange(6, dtype=np.float32)
TABLE = np.zeros((4, 6), np.float32)


def cpu(text, **more):
    return tilec.load(text, target="cpu", **more)


def frozen():
    z = np.empty(6, np.float32)
    z.flags.writeable = False
    return z


def shared():
    z = np.empty(12, np.float32)
    return z[:6], z[5:11]


def misaligned():
    return np.zeros(25, np.uint8)[1:].view(np.float32)


def presumes():
    text = "kernel rows[M, N](x: f32[M, N]) -> (y: f32[M, N]) where sorted(x), finite(x) { y[m, n] = x[m, n] }"
    return cpu(text, check=True)


class NoArray:
    def __float__(self):
        raise RuntimeError("asked")


# What is done, what it raises, what the message says, and the argument that it names.
CASES = {
    # Loading.
    "no such file": (lambda: cpu("nothing.tile"), SourceError, "no file `nothing.tile`", "path_or_text"),
    "a folder": (lambda: cpu(EXAMPLES), SourceError, "is a directory", "path_or_text"),
    "neither path nor text": (lambda: cpu(3), ArgumentError, "`path_or_text` is a path or .* not int", "path_or_text"),
    "no text": (lambda: cpu("\n"), ArgumentError, "no kernel", "kernel"),
    "a mistake in the program": (
        lambda: cpu("kernel k[N](x: f32[N]) -> (y: f32[N]) { y[n] = z[n] }"),
        CompileError,
        "`z`",
        None,
    ),
    "which kernel": (
        lambda: cpu(EXAMPLES / "topk" / "topk.tile"),
        ArgumentError,
        "several kernels; choose one with the keyword `kernel`: topk, topk_staged",
        "kernel",
    ),
    "no such kernel": (lambda: cpu(TEXTS["add"], kernel="sub"), ArgumentError, "no kernel `sub`, only add", "kernel"),
    "no such target": (lambda: tilec.load(TEXTS["add"], target="tpu"), ArgumentError, '"cuda" or "cpu", not "tpu"', "target"),
    "no such chip": (lambda: tilec.load(TEXTS["add"], chip="h300"), ChipError, '"h300"; those of cuda are .*h200', "chip"),
    "a chip of another target": (
        lambda: tilec.load(TEXTS["add"], chip="wormhole_n150"),
        ChipError,
        'belongs to target "tt", not to "cuda"',
        "chip",
    ),
    "a chip on the cpu": (lambda: cpu(TEXTS["add"], chip="zen"), ChipError, '"cpu" has no chips', "chip"),
    "an unknown chip of a tile block": (
        lambda: cpu(TEXTS["add"] + "\ntile add on h300 { add: m = 1 }"),
        CompileError,
        "no chip is called `h300`",
        None,
    ),
    "a setting that cannot be": (
        lambda: tilec.load(
            (EXAMPLES / "gemm_fp8" / "gemm_fp8.tile").read_text().replace("m = 128,", "m = 100,"), chip="h200"
        ),
        CompileError,
        "`m`",
        None,
    ),
    "no such size when loading": (lambda: cpu(TEXTS["head"], T=3), ArgumentError, "no size `T`", None),
    "a size that is no integer": (lambda: cpu(TEXTS["head"], S=2.5), ArgumentError, "`S` is a size, .* not 2.5", "S"),
    "a size that is a bool": (lambda: cpu(TEXTS["head"], S=True), ArgumentError, "`S` is a size, .* not True", "S"),
    "a size past 64 bits": (lambda: cpu(TEXTS["head"], S=1 << 70), ArgumentError, "`S` is a size", "S"),
    "a negative size": (lambda: cpu(TEXTS["head"], S=-1), SizeError, "S = -1", None),
    "fixed sizes against a fact": (lambda: cpu(TEXTS["head"], S=4, N=3), SizeError, "`S <= N` does not hold", None),
    # Which arguments.
    "an input too few": (lambda: load("add")(X), ArgumentError, "`y` is missing: add takes x, y", "y"),
    "an input too many": (lambda: load("add")(X, X, X), ArgumentError, "3 inputs are given, and add takes 2: x, y", None),
    "an input twice": (lambda: load("add")(X, X, x=X), ArgumentError, "`x` is given by position and by name", "x"),
    "an unknown name": (lambda: load("add")(X, why=X), ArgumentError, "add has no input and no size `why`", "why"),
    "a misspelled name": (lambda: load("matmul")(a=X, bb=X), ArgumentError, "`bb`; did you mean `b`", "bb"),
    "a list": (lambda: load("add")([1.0], X), ArgumentError, "`x` is list, and should be an array", "x"),
    "None": (lambda: load("add")(None, X), ArgumentError, "`x` is NoneType", "x"),
    "a number for an array": (lambda: load("add")(X, 1.0), ArgumentError, "`y` is float", "y"),
    "an object": (lambda: load("add")(X, NoArray()), ArgumentError, "`y` is test_errors.NoArray", "y"),
    # Values.
    "an index past the end": (
        lambda: load("gather")(X, np.array([0, 6], np.int32)),
        DataError,
        r"at\[1\] = 6 is not in 0 .. 5",
        "at",
    ),
    "a negative index": (lambda: load("gather")(X, np.array([-1], np.int32)), DataError, r"at\[0\] = -1 is not in", "at"),
    "rows that are not sorted": (lambda: presumes()(x=TABLE - np.arange(6, dtype=np.float32)), DataError, "`sorted.x.`", "x"),
    "a NaN that was excluded": (lambda: presumes()(x=np.full_like(TABLE, np.nan)), DataError, "`finite.x.` does not hold", "x"),
    "a check that is no bool": (lambda: cpu(TEXTS["add"], check=3), ArgumentError, "`check` is True, False or None", "check"),
    # Types.
    "f64 for f32": (
        lambda: load("add")(X.astype(np.float64), X),
        DTypeError,
        r"`x` holds float64, and the kernel declares it f32; convert it with x.astype\(numpy.float32\)",
        "x",
    ),
    "f32 for FP8": (
        lambda: cpu(EXAMPLES / "gemm_fp8" / "gemm_fp8.tile")(TABLE, TABLE, TABLE, TABLE),
        DTypeError,
        "`a` holds float32, .*f8e4m3; .*ml_dtypes.float8_e4m3fn",
        "a",
    ),
    "the other FP8": (
        lambda: cpu(EXAMPLES / "gemm_fp8" / "gemm_fp8.tile")(*[TABLE.astype(ml_dtypes.float8_e5m2)] * 4),
        DTypeError,
        "`a` holds float8_e5m2",
        "a",
    ),
    "i64 for indices": (
        lambda: load("gather")(X, np.array([0, 1])),
        DTypeError,
        r"`at` holds int64, and the kernel declares it i32; .*at.astype\(numpy.int32\)",
        "at",
    ),
    "the other byte order": (lambda: load("add")(X.astype(">f4"), X), DTypeError, "`x` .* byte order", "x"),
    "objects": (lambda: load("add")(np.array([None] * 6), X), DTypeError, "`x` holds object", "x"),
    "records": (lambda: load("add")(np.zeros(6, "f4,f4"), X), DTypeError, "`x` holds void64", "x"),
    "an out of another type": (
        lambda: load("add")(X, X, out=np.empty(6, np.float16)),
        DTypeError,
        "`z` holds float16, and the kernel declares it f32",
        "z",
    ),
    # Scalars.
    "a text for a scalar": (lambda: load("scale")(TABLE, "2"), DTypeError, "`s` is a scalar of type f32: give a float, not '2'", "s"),
    "a complex number": (lambda: load("scale")(TABLE, 2j), DTypeError, "`s` is a scalar of type f32", "s"),
    "a bool for a float": (lambda: load("scale")(TABLE, True), DTypeError, "`s` is a scalar of type f32", "s"),
    "a scalar past f32": (lambda: load("scale")(TABLE, 1e39), ArgumentError, "`s` is 1e.39, .* beyond the range of f32", "s"),
    "an int past f64": (lambda: load("scale")(TABLE, 10**400), ArgumentError, "`s` is .* beyond the range", "s"),
    "an array of f64 for a scalar": (lambda: load("scale")(TABLE, np.array(2.0)), DTypeError, "`s` holds float64", "s"),
    "a row for a scalar": (lambda: load("scale")(TABLE, X), RankError, "`s` has no dimensions but is given 1 dimension", "s"),
    "a float for an int": (lambda: load("small")(X.astype(np.int8), 1.0, 2), DTypeError, "`a` is a scalar of type i8: give an int", "a"),
    "an int past i8": (lambda: load("small")(X.astype(np.int8), 128, 2), ArgumentError, "`a` is 128: .* -128 ..= 127", "a"),
    "a negative u8": (lambda: load("small")(X.astype(np.int8), 1, -1), ArgumentError, "`b` is -1: .* 0 ..= 255", "b"),
    "an int for a bool": (lambda: load("flags")(X > 1, 1), DTypeError, "`flag` is a scalar of type bool: give True or False", "flag"),
    # Ranks and sizes.
    "a rank too many": (lambda: load("add")(TABLE, TABLE), RankError, r"`x` has 1 dimension but is given 2 dimensions, of shape \[4, 6\]", "x"),
    "a rank too few": (lambda: load("scale")(X, 1.0), RankError, "`x` has 2 dimensions but is given 1", "x"),
    "shapes that differ": (
        lambda: load("add")(X, X[:5]),
        SizeError,
        r"dimension 1 of `y` \(`N`\) is 5, but N = 6 \(dimension 1 of `x`\)",
        "y",
    ),
    "a product that does not fit": (
        lambda: load("matmul")(TABLE, TABLE),
        SizeError,
        r"dimension 1 of `b` \(`K`\) is 4, but K = 6 \(dimension 2 of `a`\)",
        "b",
    ),
    "a shape against a fixed size": (lambda: load("add", N=5)(X, X), SizeError, r"dimension 1 of `x` \(`N`\) is 6, but N = 5", "x"),
    "a fact that does not hold": (
        lambda: load("blocks")(X),
        SizeError,
        "`K % 4 == 0` does not hold: K = 6\nhelp: choose another `K`, with the keyword `K=..` or by the shape of `x`",
        None,
    ),
    "a fact of two sizes": (lambda: load("head")(X, S=7), SizeError, "`S <= N` does not hold", None),
    "a size that nothing tells": (lambda: load("head")(X), SizeError, "nothing tells the size `S` .*\nhelp: .*the keyword `S=..`", "S"),
    "a size in a call that is no integer": (lambda: load("head")(X, S="7"), ArgumentError, "`S` is a size", "S"),
    "a fixed size that the call changes": (lambda: load("head", S=2)(X, S=3), SizeError, "`S` is set to 2 and to 3", "S"),
    "indices into nothing": (
        lambda: load("gather")(X[:0], np.zeros(2, np.int32)),
        SizeError,
        "`at` holds indices below `N`, which is 0",
        "at",
    ),
    # Layouts.
    "every other element": (
        lambda: load("add")(np.zeros(12, np.float32)[::2], X),
        LayoutError,
        r"`x` is not contiguous: shape \[6\] with strides \[2\] in elements; give numpy.ascontiguousarray\(x\)",
        "x",
    ),
    "backwards": (lambda: load("add")(X[::-1], X), LayoutError, r"`x` is not contiguous", "x"),
    "transposed": (lambda: load("scale")(TABLE.T, 1.0), LayoutError, "`x` is not contiguous", "x"),
    "column-major": (lambda: load("scale")(np.asfortranarray(TABLE), 1.0), LayoutError, "`x` is not contiguous", "x"),
    "repeated by a stride of 0": (lambda: load("add")(np.broadcast_to(X[0], 6), X), LayoutError, "`x` is not contiguous", "x"),
    "a field of records": (lambda: load("add")(np.zeros(6, "f4,u1")["f0"], X), LayoutError, "`x` is not contiguous", "x"),
    "misaligned": (lambda: load("add")(misaligned(), X), LayoutError, "`x` is misaligned: .* no multiple of 4 bytes", "x"),
    # Outputs.
    "an out that is read-only": (lambda: load("add")(X, X, out=frozen()), LayoutError, "the output `z` is read-only", "z"),
    "an out with gaps": (lambda: load("add")(X, X, out=np.empty(12, np.float32)[::2]), LayoutError, "`z` is not contiguous", "z"),
    "an out of another shape": (
        lambda: load("add")(X, X, out=np.empty(7, np.float32)),
        SizeError,
        r"the output `z` has shape \[7\], and these inputs make \[6\]",
        "z",
    ),
    "an out of another rank": (lambda: load("add")(X, X, out=TABLE), RankError, "the output `z` has shape", "z"),
    "an out that is an input": (lambda: load("add")(X, X, out=X), LayoutError, "the output `z` shares memory with `x`", "z"),
    "outs that overlap": (lambda: load("both")(X, out=shared()), LayoutError, "the output `twice` shares memory with `half`", "twice"),
    "an out twice": (
        lambda: load("both")(X, out=(shared()[0],) * 2),
        LayoutError,
        "the output `twice` shares memory with `half`",
        "twice",
    ),
    "outs too few": (lambda: load("both")(X, out=(None,)), ArgumentError, "`out` holds 1 arrays, and there are 2 outputs: twice, half", "out"),
    "one array for two outs": (lambda: load("both")(X, out=np.empty(6, np.float32)), ArgumentError, "`out` holds 1 arrays", "out"),
    "an unknown out": (lambda: load("both")(X, out={"third": X}), ArgumentError, "`out` names 'third', and the outputs are twice, half", "out"),
    "an out without a name": (lambda: load("both")(X, out={0: X}), ArgumentError, "`out` names 0, and the outputs are", "out"),
    "an array for a size": (lambda: load("head")(X, S=X), ArgumentError, "`S` is a size, .* not an object of type numpy.ndarray", "S"),
    "an out that is no array": (lambda: load("add")(X, X, out="z"), ArgumentError, "`z` is str", "z"),
    # Memory.
    "more than there is": (
        lambda: load("outer")(np.zeros(1 << 22, np.float32), np.zeros(1 << 22, np.float32)),
        OutOfMemoryError,
        "the largest, `z`, takes",
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_mistakes_raise(case):
    raised(*CASES[case])


def test_there_are_many_cases():
    assert len(CASES) >= 40


def test_a_failed_call_leaves_the_kernel_usable():
    add = load("add")
    for _ in range(3):
        with pytest.raises(SizeError):
            add(X, X[:5])
        assert np.array_equal(add(X, X), 2 * X)


def test_compile_errors_carry_diagnostics():
    with pytest.raises(CompileError) as caught:
        cpu("kernel k[N](x: f32[N]) -> (y: f32[N]) { y[n] = z[n] }")
    (mistake,) = caught.value.diagnostics
    assert isinstance(mistake, tilec.Diagnostic) and mistake.kind == "unknown-name"
    assert "kernel k[N]" in str(caught.value)


def test_mistakes_in_files_name_the_file(tmp_path):
    path = tmp_path / "wrong.tile"
    path.write_text("kernel k")
    with pytest.raises(CompileError, match="wrong.tile:1"):
        cpu(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CompileError, match="not UTF-8"):
        cpu(path)
    path.write_bytes(b"\0")
    with pytest.raises(CompileError, match="binary file"):
        cpu(path)


def test_unreadable_files(tmp_path):
    if os.geteuid() == 0:
        path = "/proc/self/mem"
    else:
        path = tmp_path / "secret.tile"
        path.write_text("kernel")
        path.chmod(0)
    with pytest.raises(SourceError, match="cannot be read"):
        cpu(str(path))


def test_every_kind_is_also_what_python_calls_it():
    kinds = {
        SourceError: OSError,
        CompileError: ValueError,
        ArgumentError: TypeError,
        DTypeError: TypeError,
        RankError: ValueError,
        SizeError: ValueError,
        tilec.DeviceError: ValueError,
        LayoutError: ValueError,
        DataError: ValueError,
        tilec.GradError: RuntimeError,
        ChipError: ValueError,
        DriverError: RuntimeError,
        OutOfMemoryError: MemoryError,
        tilec.InternalError: RuntimeError,
    }
    for kind, builtin in kinds.items():
        assert issubclass(kind, Error) and issubclass(kind, builtin)
        assert str(pickle.loads(pickle.dumps(kind("text")))) == "text"
    assert set(kinds) | {Error} == {value for value in vars(tilec).values() if isinstance(value, type) and issubclass(value, Error)}


@pytest.mark.parametrize("is_detached", [False, True])
def test_a_mistake_of_ours_is_an_exception_too(is_detached, capfd):
    with pytest.raises(tilec.InternalError, match=r"please report it: on purpose \(python/src/failure.rs:\d+") as caught:
        _native._panic(is_detached)
    assert isinstance(caught.value, Error)
    assert capfd.readouterr() == ("", "")


def test_without_a_gpu_cuda_says_what_is_missing():
    try:
        tilec.load(TEXTS["add"])
    except DriverError as error:
        assert "libcuda.so.1" in str(error) or "driver" in str(error)
    except tilec.DeviceError as error:
        assert "no GPU" in str(error)
    else:
        pytest.skip("this machine has a GPU")
