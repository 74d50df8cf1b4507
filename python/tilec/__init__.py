"""Kernels written as equations, as callables on NumPy arrays and PyTorch tensors.

    kernel = tilec.load("gemm.tile", target="cuda")
    c = kernel(a, b)

`load` compiles a kernel, `check` says what is wrong with a text, and `tilec.ops` holds
ready-made operators for PyTorch. Importing this package imports neither NumPy nor
PyTorch; each is used when a caller passes its arrays.
"""

from importlib import import_module as _import_module

from ._native import Diagnostic, Kernel, __version__, check, load
from .errors import (
    ArgumentError,
    ChipError,
    CompileError,
    DataError,
    DeviceError,
    DriverError,
    DTypeError,
    Error,
    GradError,
    InternalError,
    LayoutError,
    OutOfMemoryError,
    RankError,
    SizeError,
    SourceError,
)

__all__ = [
    "ArgumentError",
    "ChipError",
    "CompileError",
    "DTypeError",
    "DataError",
    "DeviceError",
    "Diagnostic",
    "DriverError",
    "Error",
    "GradError",
    "InternalError",
    "Kernel",
    "LayoutError",
    "OutOfMemoryError",
    "RankError",
    "SizeError",
    "SourceError",
    "__version__",
    "check",
    "load",
    "ops",
]


def __getattr__(name):
    # Its operators are PyTorch's, so it is imported when it is first used.
    if name == "ops":
        return _import_module(".ops", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
