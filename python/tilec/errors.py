"""What can go wrong, one exception type per kind.

Each is also of the built-in type that Python code expects for it, so that `except
ValueError` catches a wrong shape. Every message names the argument that is wrong, says
what was found and what was expected, and gives a way out.
"""


class Error(Exception):
    """The base of everything that tilec raises.

    Attributes:
        argument: the name of the argument that is wrong, if it is one argument's fault.
    """

    argument: "str | None" = None


class SourceError(Error, OSError):
    """A file that cannot be read."""


class CompileError(Error, ValueError):
    """A program with mistakes, or one that the target cannot express.

    Attributes:
        diagnostics: every mistake, as a tuple of `tilec.Diagnostic`.
    """

    diagnostics: tuple = ()


class ArgumentError(Error, TypeError):
    """An argument too many or too few, of an unknown name, or of a type that is neither
    an array nor a number."""


class DTypeError(Error, TypeError):
    """An array whose elements are not of the type that the kernel declares."""


class RankError(Error, ValueError):
    """An array with more or fewer dimensions than the kernel declares."""


class SizeError(Error, ValueError):
    """Shapes or sizes that contradict each other, or a fact of the kernel."""


class DeviceError(Error, ValueError):
    """An array on a device that the kernel was not loaded for, or arrays on several."""


class LayoutError(Error, ValueError):
    """An array that is not contiguous, misaligned, read-only where it is written, or
    that shares memory with another one."""


class DataError(Error, ValueError):
    """A value that the kernel presumes to be otherwise: an index that is out of range, or
    data that is not sorted or not finite as its facts say."""


class GradError(Error, RuntimeError):
    """A tensor that requires a gradient, which kernels don't have."""


class ChipError(Error, ValueError):
    """A chip that no table describes, or one of another target."""


class DriverError(Error, RuntimeError):
    """No GPU, no NVIDIA driver, no CUDA compiler, or one of them that failed."""


class OutOfMemoryError(Error, MemoryError):
    """Tensors that don't fit into memory."""


class InternalError(Error, RuntimeError):
    """A mistake of tilec itself, caught before it could do harm; please report it."""
