"""What the operators share: the library that they are registered in, the kernels of the
`.tile` files, and refusals."""

import functools
import operator
import re
from pathlib import Path

import torch

from .. import errors
from .._native import load

LIBRARY = torch.library.Library("tilec", "DEF")

#: The names of element types in the language.
ELEMENTS = {
    torch.float8_e4m3fn: "f8e4m3",
    torch.float8_e5m2: "f8e5m2",
    torch.bfloat16: "bf16",
    torch.float16: "f16",
    torch.float32: "f32",
    torch.int32: "i32",
}


@functools.lru_cache(maxsize=None)
def kernel(file, name, target, replaced=()):
    """A kernel of one of the files, with words of its text replaced: pairs of a pattern
    and what is meant."""
    text = (Path(__file__).parent / f"{file}.tile").read_text()
    for old, new in replaced:
        text = re.sub(old, new, text)
    return load(text, kernel=name, target=target)


def register(schema, run, fake):
    """Defines an operator, what it does on CUDA and CPU tensors, and what it gives
    without doing it."""
    LIBRARY.define(schema)
    name = schema.split("(")[0]
    LIBRARY.impl(name, run, "CUDA")
    LIBRARY.impl(name, run, "CPU")
    torch.library.register_fake(f"tilec::{name}", fake, lib=LIBRARY)
    return getattr(torch.ops.tilec, name).default


def refuse(kind, argument, message):
    """Raises an error of this kind about an argument."""
    error = kind(message)
    error.argument = argument
    raise error


def check_tensor(name, tensor, dtypes, ranks=None):
    """A tensor of one of these types, with one of these numbers of dimensions (or with any),
    that wants no gradient."""
    if not isinstance(tensor, torch.Tensor):
        refuse(errors.ArgumentError, name, f"{name} is a {type(tensor).__name__}, and a torch.Tensor is expected")
    if tensor.dtype not in dtypes:
        expected = " or ".join(str(dtype) for dtype in dtypes)
        refuse(errors.DTypeError, name, f"{name} is of {tensor.dtype}, and {expected} is expected; convert it")
    if ranks is not None and tensor.dim() not in ranks:
        expected = " or ".join(str(rank) for rank in ranks)
        refuse(
            errors.RankError,
            name,
            f"{name} has {tensor.dim()} dimensions, and {expected} are expected; reshape it",
        )
    if tensor.requires_grad and torch.is_grad_enabled():
        refuse(
            errors.GradError,
            name,
            f"{name} requires a gradient, and this operator has none: pass {name}.detach(), or call it under torch.no_grad()",
        )


def integer(name, value):
    """An argument as an integer."""
    # What torch.compile knows by name only is an int to it, and stays a name.
    if type(value) is int:
        return value
    return converted(name, value, operator.index, "an integer")


def converted(name, value, to, expected):
    """An argument that is a number, as what `to` makes of it."""
    # The number in a tensor would have to be waited for.
    if isinstance(value, torch.Tensor):
        refuse(errors.ArgumentError, name, f"{name} is a tensor, and {expected} is expected; give {name}.item()")
    try:
        return to(value)
    except (TypeError, ValueError, OverflowError):
        refuse(errors.ArgumentError, name, f"{name} is {value!r}, and {expected} is expected")
