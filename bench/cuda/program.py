"""An emitted program on a GPU: compiled with nvcc, called through its C launcher.

Every tensor lies between guard zones. Outputs are poisoned before a launch, and a
program runs twice, over other poison and with tensors that are only as aligned as
the manifest asks for: both runs must give the same bits and leave the zones alone.
"""

import ctypes
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

import launcher
from formats import BF16, E4M3, E5M2, F16, F32, bits

ELEMENTS = {
    "f32": F32,
    "bf16": BF16,
    "f16": F16,
    "f8e4m3": E4M3,
    "f8e5m2": E5M2,
    "i32": np.dtype(np.int32),
    "idx": np.dtype(np.int32),
    "i8": np.dtype(np.int8),
    "u8": np.dtype(np.uint8),
    "bool": np.dtype(bool),
}
GUARD = 4096  # bytes before and after each tensor
ALIGNED = 256
# NaN in every float format, and a pattern of finite numbers.
POISONS = [0xFF, 0xA5]


class Refused(Exception):
    """The launcher's own sentence."""


def nvcc() -> str:
    return os.environ.get("TILEC_NVCC") or shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"


def compiler_flags(arch: str) -> list[str]:
    """An `sm_90a` runs as it is; older code is compiled from its own PTX for this GPU."""
    own = arch.removeprefix("sm_")
    real = own if own.startswith("9") else "90"
    host = ["-ccbin", "/usr/bin/g++"] if Path("/usr/bin/g++").exists() else []
    return ["-std=c++17", "-O3", "-fmad=false", *host, f"-gencode=arch=compute_{own},code=sm_{real}"]


def build(folder: Path) -> tuple[Path, str]:
    """Compiles a program beside its source; what went wrong, if something did."""
    manifest = json.loads((folder / "manifest.json").read_text())
    library = folder / "program.so"
    command = [nvcc(), *compiler_flags(manifest["arch"]), "-shared", "-Xcompiler", "-fPIC"]
    done = subprocess.run(
        [*command, "-o", library, folder / f"{manifest['kernel']}.cu"], capture_output=True, text=True
    )
    return folder, done.stderr + done.stdout if done.returncode else ""


def build_all(folders: list[Path]) -> dict[Path, str]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(pool.map(build, folders))


class Program:
    """A compiled program."""

    def __init__(self, folder: Path):
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.name = self.manifest["kernel"]
        self.library = ctypes.CDLL(str(folder / "program.so"))
        self.abi = launcher.Launcher(self.manifest, self.library)
        self.inputs = [a for a in self.manifest["arguments"] if not a["output"]]
        self.outputs = [a for a in self.manifest["arguments"] if a["output"]]

    def run(self, inputs: dict[str, np.ndarray], sizes: dict[str, int]) -> dict[str, np.ndarray]:
        """The outputs of two launches that agree."""
        sizes = self.sizes({name: array.shape for name, array in inputs.items()}, sizes)
        first, second = (self.launch(inputs, sizes, attempt) for attempt in (0, 1))
        for name in first:
            assert np.array_equal(bits(first[name]), bits(second[name])), f"{name} differs from run to run"
        return first

    def sizes(self, shapes: dict[str, tuple], given: dict[str, int]) -> dict[str, int]:
        """Solved from the shapes, one unknown at a time; else given, else the default."""
        sizes = {p["name"]: p["default"] for p in self.manifest["sizes"] if p["default"] is not None} | given
        asked = [(formula, size) for a in self.inputs for formula, size in zip(a["shape"], shapes[a["name"]])]
        for _ in self.manifest["sizes"]:
            for formula, size in asked:
                unknown = names(formula) - set(sizes)
                if len(unknown) == 1:
                    name = unknown.pop()
                    at = [evaluate(formula, sizes | {name: n}) for n in (0, 1, 2)]
                    if at[1] != at[0] and at[2] - at[1] == at[1] - at[0]:
                        sizes[name] = (size - at[0]) // (at[1] - at[0])
        return sizes

    def launches(self, sizes: dict[str, int]) -> int:
        """How many kernels a launch with these sizes puts into the stream."""

        def holds(condition) -> bool:
            left, right = evaluate(condition["left"], sizes), evaluate(condition["right"], sizes)
            return {"==": left == right, "<=": left <= right, "<": left < right}[condition["relation"]]

        def chosen(step) -> dict:
            return next(variant for variant in step["variants"] if all(map(holds, variant["when"])))

        launches = [launch for step in self.manifest["steps"] for launch in chosen(step)["launches"]]
        return sum(all(evaluate(blocks, sizes) > 0 for blocks in launch["grid"]) for launch in launches)

    def launch(self, inputs, sizes, attempt: int) -> dict[str, np.ndarray]:
        poison = POISONS[attempt]
        places, shapes = {}, {}
        for argument in self.manifest["arguments"]:
            name = argument["name"]
            shapes[name] = [evaluate(formula, sizes) for formula in argument["shape"]]
            aligned = ALIGNED if attempt == 0 else max(16, argument["alignment"])
            if argument["output"]:
                dtype = ELEMENTS[argument["element"]]
                places[name] = Place(int(np.prod(shapes[name], dtype=np.int64)) * dtype.itemsize, aligned, poison)
            elif argument["shape"]:
                array = np.ascontiguousarray(inputs[name])
                assert list(array.shape) == shapes[name], f"{name} is {array.shape}, not {shapes[name]}"
                places[name] = Place(array.nbytes, aligned, poison, array)
            else:
                places[name] = inputs[name]
        needed = max(self.abi.workspace_bytes(sizes), 0)
        workspace = Place(needed, ALIGNED, poison)
        given = {name: place.pointer if isinstance(place, Place) else place for name, place in places.items()}
        packed = self.abi.pack(sizes, given)
        for _ in range(1 + attempt):
            told = self.abi.launch(packed, workspace.pointer, needed, torch.cuda.current_stream().cuda_stream)
            if told:
                raise Refused(told)
        torch.cuda.synchronize()
        for name, place in [*places.items(), ("the workspace", workspace)]:
            if isinstance(place, Place):
                assert place.guarded(), f"something was written beside {name}"
        types = {a["name"]: ELEMENTS[a["element"]] for a in self.outputs}
        return {name: places[name].array(types[name], shapes[name]) for name in types}


class Place:
    """Bytes on the GPU between guard zones."""

    def __init__(self, size: int, aligned: int, poison: int, array: np.ndarray | None = None):
        self.size, self.poison = size, poison
        self.memory = torch.full((size + 2 * GUARD + 2 * ALIGNED,), poison, dtype=torch.uint8, device="cuda")
        base = self.memory.data_ptr() + GUARD
        start = -(-base // ALIGNED) * ALIGNED + aligned % ALIGNED
        self.pointer, self.at = start, start - self.memory.data_ptr()
        if array is not None and size:
            self.inside().copy_(torch.from_numpy(array.reshape(-1).view(np.uint8)))

    def inside(self) -> torch.Tensor:
        return self.memory[self.at : self.at + self.size]

    def guarded(self) -> bool:
        before, after = self.memory[: self.at], self.memory[self.at + self.size :]
        return bool((before == self.poison).all()) and bool((after == self.poison).all())

    def array(self, dtype: np.dtype, shape) -> np.ndarray:
        return self.inside().cpu().numpy().view(dtype).reshape(shape)


def names(formula) -> set[str]:
    """The sizes that a formula of a manifest depends on."""
    if isinstance(formula, list):
        return names(formula[1]) | names(formula[2])
    return {formula} if isinstance(formula, str) else set()


def evaluate(formula, sizes: dict[str, int]) -> int:
    """A formula of a manifest."""
    if isinstance(formula, list):
        operator, left, right = formula[0], evaluate(formula[1], sizes), evaluate(formula[2], sizes)
        apply = {
            "+": lambda a, b: a + b,
            "-": lambda a, b: a - b,
            "*": lambda a, b: a * b,
            "/": lambda a, b: a // b,
            "min": min,
            "max": max,
        }
        return apply[operator](left, right)
    return sizes[formula] if isinstance(formula, str) else formula
