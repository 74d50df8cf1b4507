"""Calls on CUDA tensors, on the fake GPU of this folder: `python cases.py NAME` runs one
case. `test_cuda_calls.py` builds the driver and runs them all."""

import ctypes
import os
import sys
import threading

import torch

import tilec

TEXTS = {
    "add": "kernel add[N](x: f32[N], y: f32[N]) -> (z: f32[N])\n{\n    z[n] = x[n] + y[n]\n}\n",
    "both": "kernel both[N](x: f32[N]) -> (twice: f32[N], half: f32[N])\n"
    "{\n    twice[n] = x[n] * 2\n    half[n]  = x[n] / 2\n}\n",
    "scale": "kernel scale[N](x: f32[N], s: f32) -> (y: f32[N])\n{\n    y[n] = x[n] * s\n}\n",
    # The largest of all is found in a launch of its own, and kept in scratch memory.
    "whole": "kernel whole[M, N](x: f32[M, N]) -> (y: f32[M, N])\n{\n    high[m] = max[n](abs(x[m, n]))\n"
    "    y[m, n] = x[m, n] / max(max[i](high[i]), 1e-12)\n}\n",
    "gemm": "kernel gemm[M, N, K](a: bf16[M, K], b: bf16[N, K]) -> (c: f32[M, N])\n"
    "{\n    c[m, n] = sum[k](a[m, k] * b[n, k])\n}\n",
}


class Fake(ctypes.Structure):
    """`fake` of driver.c."""

    _fields_ = [
        *((name, ctypes.c_long) for name in ("launches", "maps_encoded", "maps_moved", "modules_loaded")),
        *((name, ctypes.c_long) for name in ("allocations", "frees", "waits")),
        ("stream", ctypes.c_uint64),
        ("context", ctypes.c_uint64),
        ("words", ctypes.c_uint64 * 8),
        ("grid", ctypes.c_uint * 3),
        ("capturing", ctypes.c_long),
        ("words_wanted", ctypes.c_long),
        ("full", ctypes.c_long),
    ]


gpu = Fake.in_dll(ctypes.CDLL("libcuda.so"), "fake")
driver = ctypes.CDLL("libcuda.so")
T = torch.Tensor


def load(name, **keywords):
    return tilec.load(TEXTS[name], **keywords)


def refused(kind, argument, *says):
    """A context in which this is raised."""

    class Refused:
        def __enter__(self):
            self.before = gpu.launches

        def __exit__(self, found, error, trace):
            assert found is kind, (found, error)
            assert error.argument == argument, (error.argument, error)
            assert all(part in str(error) for part in says), error
            assert gpu.launches == self.before, "it was launched all the same"
            return True

    return Refused()


def case_first_and_later_calls_pass_the_same():
    add, seen = load("add"), []
    gpu.words_wanted = 4
    for _ in range(3):
        x, y, z = T(1000), T(1000), T(1000)
        assert add(x, y, out=z) is z
        seen.append((list(gpu.words[3:4]), list(gpu.grid), gpu.stream))
        assert list(gpu.words[:3]) == [x.address, y.address, z.address]
    assert seen[0] == seen[1] == seen[2] == ([1000], [4, 1, 1], 0x500)
    assert (gpu.launches, gpu.modules_loaded, gpu.waits) == (3, 1, 0)
    assert torch.state.asked == 3, "only the first call goes the long way"


def case_shapes_are_told_apart():
    add = load("add")
    gpu.words_wanted = 4
    for n in (100, 200, 100, 0, 200, 300):
        before = gpu.launches
        z = add(T(n), T(n))
        assert z.shape == (n,)
        assert (gpu.launches - before, gpu.words[3] if n else 0) == ((1, n) if n else (0, 0))


def case_the_current_stream_is_used():
    add, x = load("add"), T(8)
    for stream in (0x500, 0x600, 0, 0x500):
        torch.state.stream = stream
        add(x, x)
        assert gpu.stream == stream


def case_outputs_are_made_by_the_framework():
    add, both = load("add"), load("both")
    for _ in range(2):
        before = torch.state.made
        z = add(T(10), T(10))
        twice, half = both(T(10))
        assert torch.state.made == before + 3
        assert (type(z), z.shape, z.dtype, twice.shape, half.dtype) == (T, (10,), "f32", (10,), "f32")
        outs = (T(10), T(10))
        got = both(T(10), out=outs)
        assert got[0] is outs[0] and got[1] is outs[1]
        assert torch.state.made == before + 3


def case_scratch_memory_is_kept_by_stream():
    whole = load("whole")
    made = []
    for stream in (0x500, 0x500, 0x600, 0x500, 0x600):
        torch.state.stream = stream
        before = torch.state.made
        whole(T(64, 64), out=T(64, 64))
        made.append(torch.state.made - before)
    assert made == [1, 0, 1, 0, 0]
    before = torch.state.made
    whole(T(640, 64), out=T(640, 64))
    whole(T(64, 64), out=T(64, 64))
    assert torch.state.made == before + 1, "it only grows"
    assert (gpu.allocations, gpu.waits) == (0, 0)


def case_a_graph_has_scratch_memory_of_its_own():
    whole = load("whole")
    whole(T(64, 64))
    gpu.capturing = 1
    before = torch.state.made
    whole(T(64, 64), out=T(64, 64))
    whole(T(64, 64), out=T(64, 64))
    assert torch.state.made == before + 2
    gpu.capturing = 0
    whole(T(64, 64), out=T(64, 64))
    assert torch.state.made == before + 2


def case_a_first_call_may_be_captured():
    gpu.capturing = 1
    add = load("add")
    add(T(10), T(10), out=T(10))
    assert (gpu.launches, gpu.modules_loaded) == (1, 1)


def case_maps_are_encoded_once():
    gemm = load("gemm")
    a, b = T(256, 512, dtype="bf16"), T(256, 512, dtype="bf16")
    gemm(a, b)
    encoded = gpu.maps_encoded
    assert encoded > 0 and gpu.maps_moved == 0
    gemm(T(256, 512, dtype="bf16"), b)
    assert gpu.maps_encoded == encoded and gpu.maps_moved == encoded


def case_numbers_take_the_quick_way_too():
    scale = load("scale")
    gpu.words_wanted = 4
    x, y = T(100), T(100)
    scale(x, 0.5, out=y)
    asked = torch.state.asked
    for number, bits in ((0.5, 0x3F000000), (2, 0x40000000), (-1.0, 0xBF800000)):
        assert scale(x, number, out=y) is y
        assert {bits, x.address, y.address, 100} == {word & 0xFFFF_FFFF for word in gpu.words[:4]}, list(gpu.words)
    assert torch.state.asked == asked
    for _ in range(2):
        with refused(tilec.DTypeError, "s", "a float"):
            scale(x, True)
        with refused(tilec.ArgumentError, "s", "beyond"):
            scale(x, 1e300)


def case_functions_are_compiled_when_they_are_needed():
    gemm = load("gemm")
    functions = gemm.source.count("__global__ void")
    assert gemm.loaded == [] and functions > 4
    seen = []
    for m, k in ((1, 512), (1, 512), (1, 511), (256, 512), (1, 511), (0, 512)):
        gemm(T(m, k, dtype="bf16"), T(256, k, dtype="bf16"))
        ((device, compiler, loaded, compiled),) = gemm.loaded
        assert (device, compiler, loaded, compiled) == (0, "NVRTC 13.0", gpu.modules_loaded, loaded)
        seen.append(loaded)
    assert 0 < seen[0] == seen[1] < seen[2] < seen[3] == seen[4] == seen[5] < functions, seen
    again = load("gemm")
    again(T(1, 512, dtype="bf16"), T(256, 512, dtype="bf16"))
    assert again.loaded == [(0, "NVRTC 13.0", seen[0], 0)], again.loaded


def case_a_whole_is_three_functions():
    whole = load("whole")
    whole(T(64, 64), out=T(64, 64))
    ((_, _, loaded, _),) = whole.loaded
    assert loaded == gpu.launches == 3


def case_other_sizes_may_be_captured_first():
    gemm, b = load("gemm"), T(256, 512, dtype="bf16")
    gemm(T(1, 512, dtype="bf16"), b)
    gpu.capturing, before = 1, gpu.modules_loaded
    gemm(T(256, 512, dtype="bf16"), b, out=T(256, 256))
    assert gpu.modules_loaded == before + 1


PICK = """kernel pick[T, E](x: f32[T, E], at: idx<E>[T]) -> (y: f32[T])
where finite(x)
{
    y[t] = x[t, at[t]]
}
"""


def with_values(kind, *values, shape):
    """A tensor that has contents, and what holds them."""
    held = (kind * len(values))(*values)
    return T(*shape, dtype={ctypes.c_float: "f32", ctypes.c_int32: "i32"}[kind], address=ctypes.addressof(held)), held


def case_values_are_checked_where_that_is_asked_for():
    right, _a = with_values(ctypes.c_int32, 0, 3, 1, shape=(3,))
    wrong, _b = with_values(ctypes.c_int32, 0, 7, 1, shape=(3,))
    x, _c = with_values(ctypes.c_float, *range(12), shape=(3, 4))
    nan, _d = with_values(ctypes.c_float, *range(11), float("nan"), shape=(3, 4))
    kernel = tilec.load(PICK, check=True)
    for _ in range(2):
        kernel(x, right)
        with refused(tilec.DataError, "at", "at[1] = 7 is not in 0 .. 3", "nearest"):
            kernel(x, wrong)
        with refused(tilec.DataError, "x", "x[2, 3] = NaN", "finite(x)"):
            kernel(nan, right)
    assert (gpu.launches, gpu.waits) == (2, 12), "each call waits for each of two inputs"
    gpu.capturing = 1
    with refused(tilec.DataError, None, "captured"):
        kernel(x, right)
    gpu.capturing = 0
    for check in (None, False):
        kernel = tilec.load(PICK, check=check)
        for _ in range(2):
            kernel(nan, wrong)
    assert (gpu.launches, gpu.waits) == (6, 12), "nothing else waits"


def case_an_index_by_value_is_always_checked():
    text = "kernel one[E](x: f32[E], at: idx<E>) -> (y: f32[1])\n{\n    y[i < 1] = x[at]\n}\n"
    kernel, x = tilec.load(text), T(4)
    kernel(x, 3)
    for at in (4, -1):
        with refused(tilec.DataError, "at", f"at = {at} is not in 0 .. 3"):
            kernel(x, at)
    tilec.load(text, check=False)(x, 9)
    assert (gpu.launches, gpu.waits) == (2, 0)


def case_code_for_another_chip_is_refused():
    add = load("add", chip="rtx_pro_6000")
    with refused(tilec.ChipError, None, "sm_120", "compute capability 9.0"):
        add(T(10), T(10))


def case_another_gpu_is_used_and_the_context_stays():
    add = load("add")
    before = ctypes.c_void_p()
    for device in (0, 1, 0, 1):
        x = T(10, device=device)
        driver.cuCtxGetCurrent(ctypes.byref(before))
        add(x, x)
        after = ctypes.c_void_p()
        driver.cuCtxGetCurrent(ctypes.byref(after))
        assert gpu.context == device
        assert after.value == before.value, "the caller's context was changed"
    assert [device for device, *_ in add.loaded] == [0, 1]
    with refused(tilec.DeviceError, None, "no GPU 2", "has 2"):
        add(T(10, device=2), T(10, device=2))
    with refused(tilec.DeviceError, "y", "cuda:1", "cuda:0"):
        add(T(10), T(10, device=1))


def case_refusals_come_before_and_after_a_good_call():
    add = load("add")
    for _ in range(2):
        x, y = T(100), T(100)
        with refused(tilec.DTypeError, "y", "bf16", "f32"):
            add(x, T(100, dtype="bf16"))
        with refused(tilec.RankError, "y"):
            add(x, T(10, 10))
        with refused(tilec.SizeError, "y", "99", "100"):
            add(x, T(99))
        with refused(tilec.LayoutError, "x", "contiguous"):
            add(T(100, strides=(2,)), y)
        with refused(tilec.LayoutError, "x", "misaligned"):
            add(T(100, address=0x10002), y)
        with refused(tilec.LayoutError, "x", "no memory"):
            add(T(100, address=0), y)
        with refused(tilec.LayoutError, "z", "shares memory", "`x`"):
            add(x, y, out=x)
        with refused(tilec.LayoutError, "z", "shares memory", "`y`"):
            add(x, y, out=T(100, address=y.address + 396))
        with refused(tilec.SizeError, "z", "99"):
            add(x, y, out=T(99))
        with refused(tilec.GradError, "y", "detach"):
            add(x, T(100, requires_grad=True))
        with refused(tilec.ArgumentError, None, "3 inputs"):
            add(x, y, x)
        with refused(tilec.ArgumentError, "y", "missing"):
            add(x)
        with refused(tilec.ArgumentError, "y", "list"):
            add(x, [1.0])
        negated = T(100)
        negated.negated = True
        with refused(tilec.LayoutError, "y", "negated"):
            add(x, negated)
        torch.forward_ad._current_level, y.tangent = 0, T(100)
        with refused(tilec.GradError, "y", "gradient"):
            add(x, y)
        torch.forward_ad._current_level, y.tangent = -1, None
        add(x, y)
        add(x, torch.Parameter(100))
        torch.state.grad = False
        add(x, torch.Parameter(100, requires_grad=True))
        torch.state.grad = True


def case_scalars_are_numbers():
    scale = load("scale")
    gpu.words_wanted = 3
    scale(T(100), 2.5)
    assert ctypes.c_float.from_buffer(ctypes.c_uint32(gpu.words[2] & 0xFFFFFFFF)).value == 2.5, list(gpu.words)
    with refused(tilec.DeviceError, "s", "by value", "item()"):
        scale(T(100), T())


class Foreign:
    """An array that knows the CUDA array interface alone."""

    def __init__(self, shape, address, typestr="<f4", stream=None, strides=None, read_only=False):
        data = {"shape": shape, "typestr": typestr, "data": (address, read_only), "version": 3}
        self.__cuda_array_interface__ = data | {"stream": stream, "strides": strides}


def case_arrays_of_other_frameworks():
    add = load("add")
    gpu.words_wanted = 3
    x, y, z = (Foreign((50,), 0x10000 * at, stream=1) for at in (1, 2, 3))
    assert add(x, y, out=z) is z
    assert list(gpu.words[:3]) == [0x10000, 0x20000, 0x30000] and gpu.stream == 1
    with refused(tilec.ArgumentError, "z", "`out`", "[50]"):
        add(x, y)
    with refused(tilec.DTypeError, "y", "<f8", "f32"):
        add(x, Foreign((50,), 0x20000, "<f8"), out=z)
    with refused(tilec.LayoutError, "y", "contiguous"):
        add(x, Foreign((50,), 0x20000, strides=(8,)), out=z)
    with refused(tilec.LayoutError, "z", "read-only"):
        add(x, y, out=Foreign((50,), 0x30000, read_only=True))
    with refused(tilec.DeviceError, None, "different streams"):
        add(x, Foreign((50,), 0x20000, stream=7), out=z)
    with refused(tilec.ArgumentError, "y", "one framework"):
        add(x, T(50), out=z)


def case_scratch_memory_of_other_frameworks():
    whole = load("whole")
    x, y = Foreign((64, 64), 0x100000), Foreign((64, 64), 0x200000)
    for _ in range(3):
        whole(x, out=y)
    assert gpu.allocations == 1
    gpu.full = 1
    with refused(tilec.OutOfMemoryError, None, "bytes more"):
        whole(Foreign((6400, 64), 0x1000000), out=Foreign((6400, 64), 0x2000000))
    gpu.full = 0
    gpu.capturing = 1
    with refused(tilec.DeviceError, None, "captured"):
        whole(x, out=y)


class Exported:
    """An array that knows DLPack's capsules alone."""

    def __init__(self, n, address, device=0, versioned=True, kind=2):
        self.device, self.versioned, self.kind = device, versioned, kind
        self.shape = (ctypes.c_int64 * 1)(n)
        self.tensor = torch.DLTensor(address, kind, device, 1, 2, 32, 1, self.shape, None, 0)
        self.asked = []

    def __dlpack_device__(self):
        return (self.kind, self.device)

    def __dlpack__(self, stream=None, **versions):
        if versions and not self.versioned:
            raise TypeError("no versions here")
        self.asked.append(stream)

        class Versioned(ctypes.Structure):
            _fields_ = [("head", ctypes.c_uint64 * 4), ("tensor", torch.DLTensor)]

        if self.versioned:
            self.held = Versioned((1, 0, 0, 0), self.tensor)
            return torch.capsule(self.held, b"dltensor_versioned")
        return torch.capsule(self.tensor, b"dltensor")


def case_capsules_of_dlpack():
    add = load("add")
    gpu.words_wanted = 3
    for versioned in (True, False):
        x, y, z = (Exported(50, 0x10000 * at, versioned=versioned) for at in (1, 2, 3))
        assert add(x, y, out=z) is z
        assert list(gpu.words[:3]) == [0x10000, 0x20000, 0x30000]
        assert x.asked == [0x500], "the array is told the stream that follows"
    with refused(tilec.DeviceError, "x", "cuda:4", "no GPU 4"):
        add(*(Exported(50, 0x10000 * at, device=4) for at in (1, 2)), out=Exported(50, 0x30000, device=4))
    with refused(tilec.ArgumentError, "x", "not on a GPU"):
        add(Exported(50, 0x10000, kind=1), y, out=z)


def case_threads_compile_once():
    add = load("add")
    failures = []

    def work():
        try:
            for _ in range(20):
                add(T(100), T(100))
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert (gpu.launches, gpu.modules_loaded) == (160, 1)


def case_selections_are_launched_on_rows():
    gpu.words_wanted = 6
    x = T(2, 3, 4000)
    for k in (8, 64):
        values, places = tilec.ops.topk(x, k)
        assert values.shape == places.shape == (2, 3, k) and (values.dtype, places.dtype) == ("f32", "i32")
        assert {x.address, values.address, places.address, k} <= set(gpu.words), list(gpu.words)
    assert gpu.grid[0] == 6, "a block for each row"
    asked = torch.state.asked
    for k in (8, 64, 8):
        values, places = tilec.ops.topk(x, k)
        assert values.shape == places.shape == (2, 3, k) and k in list(gpu.words)
    assert torch.state.asked == asked, "sizes that were seen before take the quick way"
    before = gpu.launches, gpu.modules_loaded
    for dtype in (torch.bfloat16, torch.float16, torch.int32):
        for largest in (True, False):
            tilec.ops.topk(T(5, dtype=dtype), 5, largest)
    assert (gpu.launches, gpu.modules_loaded) == (before[0] + 6, before[1] + 6), "a kernel for each type and order"
    with refused(tilec.SizeError, "k", "4001", "4000"):
        tilec.ops.topk(x, 4001)
    with refused(tilec.LayoutError, "x", "x.contiguous()"):
        tilec.ops.topk(T(4, 8, strides=(1, 4)), 2)


def case_draws_take_what_was_asked():
    logits = T(2, 3, 1000)
    tokens = tilec.ops.sample(logits, seed=7, temperature=0.5)
    assert (tokens.shape, tokens.dtype) == ((2, 3), "i32")
    launches = gpu.launches
    assert tilec.ops.sample(T(10, dtype=torch.bfloat16), seed=-1, top_k=50).shape == ()
    assert gpu.launches == 2 * launches
    loaded = gpu.modules_loaded
    tilec.ops.sample(logits, seed=8)
    assert gpu.modules_loaded == loaded, "all seeds share a kernel"


def case_a_layer_of_experts_reaches_the_gpu():
    bf16, fp8 = torch.bfloat16, torch.float8_e4m3fn
    x, router = T(2, 3, 128, dtype=bf16), T(4, 128, dtype=bf16)
    plain = [T(4, 256, 128, dtype=bf16), T(4, 256, 128, dtype=bf16), T(4, 128, 256, dtype=bf16)]
    quantized = [(T(*part.shape, dtype=fp8), T(4, part.shape[1] // 128, part.shape[2] // 128)) for part in plain]
    for experts in (plain, quantized):
        for top_k in (2, 4):
            launches = gpu.launches
            out = tilec.ops.fused_moe(x, experts, router, top_k)
            assert (out.shape, out.dtype) == ((2, 3, 128), "bf16") and gpu.launches > launches
    assert gpu.waits == 0
    with refused(tilec.SizeError, "expert_weights[2]", "(4, 256, 128)", "(4, 128, 256)"):
        tilec.ops.fused_moe(x, (plain[0], plain[1], plain[1]), router, 2)
    with refused(tilec.DeviceError, "routing_weights", "move one of them"):
        tilec.ops.fused_moe(x, plain, T(4, 128, dtype=bf16, device=1), 2)


def without():
    """A call on a machine that lacks something; what, is in the environment."""
    with refused(tilec.DriverError, None, os.environ["FAKE_SAYS"]):
        load("add")(T(10), T(10))


if __name__ == "__main__":
    globals()[sys.argv[1]]()
