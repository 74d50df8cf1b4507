"""`operator`: a kernel of one's own as an operator of PyTorch."""

import torch

from .. import errors
from .._native import Kernel, load
from ._library import ELEMENTS, refuse

#: How the schemas of torch write a scalar of each type.
SCALARS = {"i32": "int", "i8": "int", "u8": "int", "idx": "int", "bool": "bool"}
DTYPES = {element: dtype for dtype, element in ELEMENTS.items()} | {
    "idx": torch.int32,
    "i8": torch.int8,
    "u8": torch.uint8,
    "bool": torch.bool,
}
#: Libraries live as long as their operators.
LIBRARIES = []


def operator(name: str, kernel: Kernel) -> torch._ops.OpOverload:
    """A kernel as a custom operator of `torch.library`, with a fake implementation.

    Under `torch.compile(fullgraph=True)` a call of the kernel itself is no part of the
    graph; one of the operator is a node of it.

    Args:
        name: the operator's name, with its namespace: `"mine::rmsnorm"` becomes
            `torch.ops.mine.rmsnorm`. It must not exist.
        kernel: its inputs become the operator's, its outputs a tensor or a tuple. All of
            its sizes must be told by shapes, or be fixed.

    Returns:
        The operator. It takes tensors on the kernel's target, and numbers for scalars.

    Raises:
        tilec.ArgumentError: a name without a namespace.
        tilec.SizeError: a size that no shape tells.
    """
    namespace, _, short = name.partition("::")
    if not (namespace.isidentifier() and short.isidentifier()):
        refuse(errors.ArgumentError, "name", f"name is {name!r}, and one such as 'mine::{kernel.name}' is expected")
    arguments = _manifest(kernel)["arguments"]
    inputs = [argument for argument in arguments if not argument["output"]]
    outputs = [argument for argument in arguments if argument["output"]]
    _check_sizes(kernel, inputs, outputs)
    library = torch.library.Library(namespace, "FRAGMENT")
    LIBRARIES.append(library)
    library.define(f"{short}({', '.join(map(_parameter, inputs))}) -> {_results(outputs)}")
    library.impl(short, lambda *given: kernel(*given), kernel.target.upper())
    torch.library.register_fake(name, lambda *given: _fake(inputs, outputs, given), lib=library)
    return getattr(getattr(torch.ops, namespace), short).default


def _manifest(kernel):
    """What is known of a kernel's shapes; that of a kernel for the CPU is told by the same
    kernel for a chip."""
    fixed = {name: size for name, size in kernel.sizes.items() if size is not None}
    chip = kernel.chip or "h200"
    return kernel.manifest or load(kernel.text, kernel=kernel.name, target="cuda", chip=chip, **fixed).manifest


def _parameter(argument):
    kind = "Tensor" if argument["shape"] else SCALARS.get(argument["element"], "float")
    return f"{kind} {argument['name']}"


def _results(outputs):
    return "Tensor" if len(outputs) == 1 else f"({', '.join('Tensor' for _ in outputs)})"


def _check_sizes(kernel, inputs, outputs):
    told = _sizes(inputs, [[1] * len(argument["shape"]) for argument in inputs])
    for argument in outputs:
        for formula in argument["shape"]:
            for size in _names(formula):
                if size not in told:
                    message = f"no shape of an input is plainly {size}, which the shape of {argument['name']} needs"
                    refuse(errors.SizeError, size, f"{message}: fix it, as in tilec.load(.., {size}=..)")


def _names(formula):
    if isinstance(formula, list):
        return [name for part in formula[1:] for name in _names(part)]
    return [formula] if isinstance(formula, str) else []


def _sizes(inputs, shapes):
    """The sizes that shapes tell: a dimension that is a size, or a multiple of one."""
    sizes = {}
    for argument, shape in zip(inputs, shapes):
        for formula, dimension in zip(argument["shape"], shape):
            match formula:
                case str():
                    sizes.setdefault(formula, dimension)
                case ["*", str() as name, int() as factor] | ["*", int() as factor, str() as name]:
                    sizes.setdefault(name, dimension // factor)
    return sizes


def _fake(inputs, outputs, given):
    tensors = [value for value in given if isinstance(value, torch.Tensor)]
    sizes = _sizes(inputs, [value.shape if isinstance(value, torch.Tensor) else () for value in given])
    made = []
    for argument in outputs:
        shape = [_value(formula, sizes) for formula in argument["shape"]]
        made.append(tensors[0].new_empty(shape, dtype=DTYPES[argument["element"]]))
    return made[0] if len(made) == 1 else tuple(made)


def _value(formula, sizes):
    """A formula of the manifest, also of sizes that torch only knows by name."""
    if not isinstance(formula, list):
        return sizes[formula] if isinstance(formula, str) else formula
    left, right = (_value(part, sizes) for part in formula[1:])
    match formula[0]:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left // right
        case "min":
            return torch.sym_min(left, right)
        case "max":
            return torch.sym_max(left, right)
    raise errors.InternalError(f"the manifest has no operator {formula[0]}")
