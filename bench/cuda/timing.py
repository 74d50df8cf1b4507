"""Times on a GPU: events around a launch, after the cache was flushed by writing
512 MB; the median of 20, candidates taking turns so that all see the same clocks."""

import ctypes
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path

import torch

import program

FLUSH_BYTES = 512 * 2**20
REPEATS, WARM_UP = 20, 3


def microseconds(candidates: dict[str, Callable[[], None]]) -> dict[str, float]:
    """The median time of each."""
    flush = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda")
    times = {name: [] for name in candidates}
    for run in candidates.values():
        for _ in range(WARM_UP):
            run()
    for _ in range(REPEATS):
        for name, run in candidates.items():
            flush.zero_()
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            times[name].append((begin, end))
    torch.cuda.synchronize()
    return {
        name: round(statistics.median(begin.elapsed_time(end) for begin, end in pairs) * 1000, 3)
        for name, pairs in times.items()
    }


class Ours:
    """An emitted program on given tensors, ready to be launched again and again."""

    def __init__(self, built: program.Program, sizes: dict[str, int], tensors: dict):
        self.abi = built.abi
        self.bytes = max(self.abi.workspace_bytes(sizes), 0)
        self.workspace = torch.zeros(self.bytes + 256, dtype=torch.uint8, device="cuda")
        self.start = -(-self.workspace.data_ptr() // 256) * 256
        self.tensors = tensors
        given = {name: t.data_ptr() if torch.is_tensor(t) else t for name, t in tensors.items()}
        self.packed = self.abi.pack(sizes, given)

    def __call__(self) -> None:
        stream = torch.cuda.current_stream().cuda_stream
        if told := self.abi.launch(self.packed, self.start, self.bytes, stream):
            raise program.Refused(told)


class Memory:
    """Reading and copying as fast as this GPU can."""

    def __init__(self, folder: Path):
        source = Path(__file__).with_name("bandwidth.cu")
        library = folder / "bandwidth.so"
        flags = program.compiler_flags("sm_90a")
        subprocess.run([program.nvcc(), *flags, "-shared", "-Xcompiler", "-fPIC", "-o", library, source], check=True)
        self.library = ctypes.CDLL(str(library))
        pointer, integer = ctypes.c_void_p, ctypes.c_int64
        for function in (self.library.read_all, self.library.copy_all):
            function.argtypes = [pointer, integer, pointer, ctypes.c_int, pointer]
        self.multiprocessors = torch.cuda.get_device_properties(0).multi_processor_count

    def read(self, source: torch.Tensor, out: torch.Tensor, blocks: int = 4) -> Callable[[], None]:
        return self.runner(self.library.read_all, source, out, blocks)

    def copy(self, source: torch.Tensor, out: torch.Tensor, blocks: int = 4) -> Callable[[], None]:
        return self.runner(self.library.copy_all, source, out, blocks)

    def runner(self, function, source, out, blocks) -> Callable[[], None]:
        size = source.numel() * source.element_size()
        count = self.multiprocessors * blocks
        return lambda: function(
            source.data_ptr(), size, out.data_ptr(), count, torch.cuda.current_stream().cuda_stream
        )

    def bandwidth(self) -> dict[str, float]:
        """Bytes per second, read and write together, of 2 GB; the best of some grids."""
        source = torch.randint(0, 255, (2**31,), dtype=torch.uint8, device="cuda")
        out = torch.empty_like(source)
        tried = {("read", n): self.read(source, out, n) for n in (2, 4, 8)}
        tried |= {("copy", n): self.copy(source, out, n) for n in (2, 4, 8)}
        tried["copy", 0] = lambda: out.copy_(source)
        times = microseconds(tried)
        best = {kind: min(us for (k, _), us in times.items() if k == kind) for kind in ("read", "copy")}
        return {"read": 2**31 / best["read"] * 1e6, "copy": 2 * 2**31 / best["copy"] * 1e6}
