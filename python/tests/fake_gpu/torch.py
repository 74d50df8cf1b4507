"""As much of PyTorch as calls on CUDA tensors ask for, on a machine without a GPU: tensors
with addresses but no contents, DLPack's exchange API on their type, and streams."""

import ctypes
from types import SimpleNamespace

strided = "torch.strided"
float32, bfloat16, float16, uint8, int32 = "f32", "bf16", "f16", "u8", "i32"
float8_e4m3fn, float8_e5m2, int8, bool = "f8e4m3", "f8e5m2", "i8", "b8"

#: DLPack's codes and bits.
DLPACK = {"f32": (2, 32), "bf16": (4, 16), "f16": (2, 16), "u8": (1, 8), "i32": (0, 32), "f8e4m3": (10, 8)}

#: What a test sets: the current stream, and whether gradients are recorded. What is
#: counted: tensors that were made, and how often one was asked for its address.
state = SimpleNamespace(stream=0x500, grad=True, made=0, asked=0, next=0x7000_0000)


class DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("offset", ctypes.c_uint64),
    ]


class Tensor:
    def __init__(self, *shape, dtype=float32, device=0, address=None, strides=None, requires_grad=False):
        if address is None:
            address, state.next = state.next, state.next + 0x100000
        self.shape, self.dtype, self.requires_grad = shape, dtype, requires_grad
        self.device, self.layout, self.address = SimpleNamespace(type="cuda", index=device), strided, address
        self.strides = strides or tuple(_strides(shape))
        self.negated, self.tangent = False, None
        self.held = (ctypes.c_int64 * len(shape))(*shape), (ctypes.c_int64 * len(shape))(*self.strides)

    def data_ptr(self):
        state.asked += 1
        return self.address

    def dim(self):
        return len(self.shape)

    def is_contiguous(self):
        return tuple(self.strides) == tuple(_strides(self.shape))

    def reshape(self, *shape):
        shape = shape[0] if isinstance(shape[0], tuple) else shape
        return Tensor(*shape, dtype=self.dtype, device=self.device.index, address=self.address)

    def stride(self):
        return self.strides

    def untyped_storage(self):
        return SimpleNamespace(data_ptr=lambda: self.address, nbytes=lambda: 1 << 40)

    def storage_offset(self):
        return 0

    def is_neg(self):
        return self.negated


class Library:
    """`torch.library.Library`, whose operators are found by name and run on CUDA."""

    def __init__(self, namespace, kind):
        self.operators = ops.__dict__.setdefault(namespace, SimpleNamespace())

    def define(self, schema):
        pass

    def impl(self, name, run, key):
        if key == "CUDA":
            setattr(self.operators, name, SimpleNamespace(default=run))


ops = SimpleNamespace()
library = SimpleNamespace(Library=Library, register_fake=lambda name, fake, lib: None)
#: Only named, in the types of arguments.
dtype, _ops = str, SimpleNamespace(OpOverload=None)


def _strides(shape):
    stride, strides = 1, []
    for size in reversed(shape):
        strides.insert(0, stride)
        stride *= size
    return strides


class Parameter(Tensor):
    pass


#: No gradient is carried forward unless a test sets a level and a tangent.
forward_ad = SimpleNamespace(_current_level=-1, unpack_dual=lambda tensor: SimpleNamespace(tangent=tensor.tangent))
autograd = SimpleNamespace(forward_ad=forward_ad)
nn = SimpleNamespace(Parameter=Parameter)
cuda = SimpleNamespace(current_stream=lambda device: SimpleNamespace(cuda_stream=state.stream))


def is_grad_enabled():
    return state.grad


def empty(*shape, dtype, device):
    state.made += 1
    index = int(device.split(":")[1]) if isinstance(device, str) else device.index
    shape = shape[0] if isinstance(shape[0], tuple) else shape
    return Tensor(*shape, dtype=dtype, device=index)


@ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(DLTensor))
def _show(tensor, out):
    code, bits = DLPACK[tensor.dtype]
    shape, strides = tensor.held
    out[0] = DLTensor(tensor.address, 2, tensor.device.index, len(tensor.shape), code, bits, 1, shape, strides, 0)
    return 0


@ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p))
def _stream(kind, device, out):
    out[0] = state.stream
    return 0


def _address(function):
    return ctypes.cast(function, ctypes.c_void_p).value


_table = (ctypes.c_uint64 * 7)(1 | 3 << 32, 0, 0, 0, 0, _address(_show), _address(_stream))
_new = ctypes.pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_names = {}


def capsule(held, name):
    """A capsule around a structure; a capsule doesn't copy its name."""
    name = _names.setdefault(name, name)
    return _new(ctypes.addressof(held), name, None)


Tensor.__dlpack_c_exchange_api__ = capsule(_table, b"dlpack_exchange_api")
