"""Trials of emitted programs: which, on what, and whether the results are right.

    python bench/cuda/trials.py OUT CHIPS SEED KERNEL..

As a program it runs the trials of kernels and prints a line of JSON for each kernel
that it begins, for each failure, and for each kernel that it has finished. It ends
where the GPU is lost or a kernel hangs; check.py then goes on with the others.
"""

import json
import multiprocessing
import os
import sys
import threading
import traceback
import zlib
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")  # there are as many processes as cores

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/reference"), str(ROOT / "bench")]

import compare  # noqa: E402
import conftest  # noqa: E402
import contract  # noqa: E402
import gpu  # noqa: E402
import program  # noqa: E402
from cases import cover  # noqa: E402
from formats import E4M3, E5M2, F32  # noqa: E402

SIZES = [0, 1, 63, 65, 77, 127, 129, 2112, 4097]
# Rows of whole 16 bytes, which copy engines take, beside ragged other sizes.
WHOLE_ROWS = [(77, 129, 2112), (4097, 65, 640), (1, 2112, 1024), (65, 4097, 192), (127, 136, 128), (300, 520, 4096)]
WHOLE = [*WHOLE_ROWS, (16, 256, 2048), (129, 384, 144), (256, 384, 512), (1000, 1000, 1000)]
LONG_ROWS = [(4097, 129), (3, 16384), (2, 70001), (1000, 4096), (129, 8192)]
# The largest product of a point, so that references in f64 stay quick.
LARGEST = 3e9
# Trials that are prepared while others run.
AHEAD = 64
KINDS = ["random", "extreme", "special"]
FP8 = (E4M3, E5M2)
# Seconds after which a kernel is taken to hang; the largest take less than one.
PATIENCE = 30


def points(kernel) -> list[tuple[tuple[int, ...], str]]:
    """Where a kernel is tried, and on what data."""
    product = find_product(kernel)
    if product is None:
        long = LONG_ROWS if is_rowwise(kernel) else []
        return [(point, "random") for point in [*kernel.points, *long]]
    count = len(contract.letters(product))
    dense = [*cover(3, SIZES), *WHOLE]
    tried = {
        1: [(s,) for s in SIZES],
        2: [*cover(2, SIZES), (640, 64), (129, 192)],
        3: dense,
        4: [(b, *rest) for b, rest in zip([2, 3, 1, 5, 0] * 9, dense)],
    }[count]
    tried = [point for point in tried if np.prod([float(max(s, 1)) for s in point]) <= LARGEST]
    special = [(point, kind) for kind in KINDS[1:] for point in [tried[3], *tried[-3:]]]
    linear = kernel.name not in contract.SMALL
    return [(point, "random") for point in tried] + (special if linear else [])


def find_product(kernel):
    return next((found[kernel.name] for found in contract.PRODUCTS.values() if kernel.name in found), None)


def is_rowwise(kernel) -> bool:
    if any(len(point) != 2 for point in kernel.points):
        return False
    named = ("rmsnorm", "layernorm", "softmax", "quantize_strips", "quantize_rows", "log_sum_exp")
    return kernel.name.startswith(named) or kernel.name == "residual_rmsnorm"


def table() -> dict:
    """All references; the example's FP8 GEMM by the reference that knows matrix units."""
    blocks = contract.nt(contract.FP8, contract.BF16, contract.BLOCKS)
    contract.PRODUCTS["examples"] = {"gemm_fp8": blocks}

    def make(rng, *point, **kind):
        return contract.make("gemm_fp8", blocks, rng, *point, **kind)

    found = {kernel.name: kernel for table in conftest.TABLES for kernel in table.KERNELS}
    found["gemm_fp8"] = replace(found["gemm_fp8"], make=make, reference=blocks.reference)
    return found


@dataclass
class Trial:
    """A kernel at one point, with what goes in and what must come out."""

    point: tuple[int, ...]
    kind: str
    inputs: dict
    sizes: dict
    expected: dict


def prepare(name: str, point, kind, seed: int) -> Trial:
    kernel = KERNELS[name]
    rng = np.random.default_rng([zlib.crc32(name.encode()), *point, KINDS.index(kind), seed])
    made = kernel.make(rng, *point, kind=kind) if kind != "random" else kernel.make(rng, *point)
    inputs = {name: np.asarray(array) for name, array in made.items()}
    sizes = kernel.sizes(*point)
    with np.errstate(all="ignore"):
        return Trial(point, kind, inputs, sizes, kernel.reference(**inputs, **sizes))


def trials(pool, names: list[str], seed: int):
    """All trials in order; references of products are computed ahead, by other processes."""
    jobs = [(name, point, kind, seed) for name in names for point, kind in points(KERNELS[name])]
    ahead = deque()
    for at in range(len(jobs) + AHEAD):
        if at < len(jobs):
            # What judges by a function of its own cannot come from another process.
            far = find_product(KERNELS[jobs[at][0]]) is not None
            ahead.append((jobs[at], pool.submit(prepare, *jobs[at]) if far else None))
        if at >= AHEAD and ahead:
            job, future = ahead.popleft()
            yield job[0], future.result() if future else prepare(*job)


def check(kernel, trial: Trial, programs) -> dict[str, float]:
    """The worst error over its bound, by chip."""
    worst = {}
    for chip, built in programs.items():
        got = built.run(trial.inputs, trial.sizes)
        ratios = [judge(kernel, name, got[name], value, trial.kind) for name, value in trial.expected.items()]
        worst[chip] = max(ratios)
    return worst


def judge(kernel, name, got, expected, kind) -> float:
    """Fails where it differs; else the largest error over what is allowed."""
    product = find_product(kernel)
    usual = dict(compare.LARGEST_DIFF)
    loose = product and (product.a.dtype in FP8 and product.b.dtype in FP8 or kernel.name == "gemm_tf32")
    if kind != "random":
        # Most of what is stored may be below or above what the type holds.
        compare.LARGEST_DIFF.update(dict.fromkeys(usual, np.inf))
    elif loose:
        compare.LARGEST_DIFF[F32] = 1e-5
    try:
        compare.check(name, got, expected)
    finally:
        compare.LARGEST_DIFF.update(usual)
    return gpu.ratio(got, expected)


KERNELS = table()


def place(folder: Path, chip: str, name: str) -> Path:
    """Where emit.sh put a program."""
    return folder / chip / f"{Path(KERNELS[name].file).stem}__{name}"


def say(**what) -> None:
    print(json.dumps(what), flush=True)


def give_up(why: str) -> None:
    """Ends this process with its helpers, which would keep its output open."""
    say(failure=why)
    for helper in multiprocessing.active_children():
        helper.kill()
    os._exit(1)


def run_trial(name: str, trial: Trial, programs, worst: dict[str, float]) -> bool:
    where = f"{name} {'x'.join(map(str, trial.point))} {trial.kind}"

    watch = threading.Timer(PATIENCE, give_up, [f"{where}: no end after {PATIENCE} s"])
    watch.start()
    try:
        for chip, ratio in check(KERNELS[name], trial, programs).items():
            worst[chip] = round(max(worst.get(chip, 0.0), ratio), 4)
        return True
    except Exception as error:  # a fault of one kernel must not hide the others
        say(failure=f"{where}: {error!s:.500}")
        if not isinstance(error, (AssertionError, program.Refused)):
            traceback.print_exc(limit=4)
        if gpu.is_lost():
            give_up(f"{where}: the GPU was lost")
        return False
    finally:
        watch.cancel()


def run_kernels(folder: Path, chips: list[str], seed: int, names: list[str], pool) -> None:
    row, programs, worst = None, {}, {}
    for name, trial in trials(pool, names, seed):
        if row is None or row["kernel"] != name:
            if row:
                say(row=row)
            say(begin=name)
            at = {chip: place(folder, chip, name) for chip in chips}
            programs = {chip: program.Program(f) for chip, f in at.items() if (f / "program.so").exists()}
            worst = {}
            row = {"kernel": name, "file": KERNELS[name].file, "points": 0, "passed": 0, "worst": worst}
        row["points"] += 1
        row["passed"] += run_trial(name, trial, programs, worst)
    if row:
        say(row=row)


def main(folder: str, chips: str, seed: str, *names: str) -> None:
    gpu.install()
    # Other processes start before this one has anything to do with the GPU.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(abs, range(4 * os.cpu_count())))
        run_kernels(Path(folder), chips.split(","), int(seed), list(names), pool)


if __name__ == "__main__":
    main(*sys.argv[1:])
