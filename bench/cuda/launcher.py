"""The C ABI of an emitted program, as its header describes it:

    struct NAME_args { int64_t sizes..; void *tensors..; scalar inputs by value..; };
    int64_t NAME_workspace_bytes(int64_t sizes..);
    const char *NAME_launch(const struct NAME_args *, void *workspace, int64_t bytes, stream);
"""

import ctypes

import numpy as np

SCALARS = {
    "f32": ctypes.c_float,
    "bf16": ctypes.c_uint16,
    "f16": ctypes.c_uint16,
    "i8": ctypes.c_int8,
    "u8": ctypes.c_uint8,
    "bool": ctypes.c_uint8,
    "f8e4m3": ctypes.c_uint8,
    "f8e5m2": ctypes.c_uint8,
    "i32": ctypes.c_int32,
    "idx": ctypes.c_int32,
}


def is_value(argument: dict) -> bool:
    """Whether it is passed by value."""
    return not argument["shape"] and not argument["output"]


def field(argument: dict):
    return SCALARS[argument["element"]] if is_value(argument) else ctypes.c_void_p


class Launcher:
    """The functions of a program in a loaded library."""

    def __init__(self, manifest: dict, library: ctypes.CDLL):
        name = manifest["kernel"]
        self.arguments = manifest["arguments"]
        self.sizes = [size["name"] for size in manifest["sizes"]]
        # Sizes and arguments may share names with each other's C names; positions cannot.
        fields = [(f"size{at}", ctypes.c_int64) for at, _ in enumerate(self.sizes)]
        fields += [(f"argument{at}", field(a)) for at, a in enumerate(self.arguments)]
        self.structure = type("Arguments", (ctypes.Structure,), {"_fields_": fields})
        self.start = getattr(library, f"{name}_launch")
        self.start.restype = ctypes.c_char_p
        self.start.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
        self.bytes = getattr(library, f"{name}_workspace_bytes")
        self.bytes.restype = ctypes.c_int64
        self.bytes.argtypes = [ctypes.c_int64] * len(self.sizes)

    def workspace_bytes(self, sizes: dict[str, int]) -> int:
        """-1 where a launch is refused."""
        return self.bytes(*(sizes[name] for name in self.sizes))

    def pack(self, sizes: dict[str, int], given: dict):
        """The structure: an address for a tensor; for a scalar, a number or an array of one element."""
        values = [sizes[name] for name in self.sizes]
        for argument in self.arguments:
            value = given[argument["name"]]
            if is_value(argument):
                # A number of Python has no type of its own; an array has the argument's.
                plain = isinstance(value, (int, float))
                raw = np.asarray(value, np.float32 if isinstance(value, float) else np.int32) if plain else np.asarray(value)
                value = field(argument).from_buffer_copy(raw.tobytes()).value
            values.append(value)
        return self.structure(*values)

    def launch(self, packed, workspace: int, workspace_bytes: int, stream: int) -> str | None:
        """A sentence where the launch was refused."""
        told = self.start(ctypes.byref(packed), workspace, workspace_bytes, stream)
        return told.decode() if told else None
