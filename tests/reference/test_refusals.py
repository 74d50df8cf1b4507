"""The columns of docs/refusals.md for the command line and for C, cell by cell. The column for
Python is tried by python/tests/test_refusals.py."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import refusals
import tilec

SHELL, C = refusals.column("command line"), refusals.column("C")
SCORE, AT = np.zeros((3, 4), np.float32), np.zeros(3, np.int32)

#: The inputs, and further words.
COMMANDS = {
    "shapes that contradict each other": ({"score": SCORE, "at": np.zeros(5, np.int32)}, ""),
    "a dimension too many": ({"score": SCORE[:, :, None], "at": AT}, ""),
    "another type": ({"score": SCORE.astype(np.float64), "at": AT}, ""),
    "more places than a row has": ({"score": SCORE, "at": AT}, "--set S=5"),
    "a negative size": ({"score": SCORE, "at": AT}, "--set S=-1"),
    "a size of 2^31": ({}, "--set T=2147483648 --set E=4"),
    "a size by name that shapes contradict": ({"score": SCORE, "at": AT}, "--set T=4"),
    "an input of no such name": ({"scroe": SCORE, "at": AT}, ""),
    "an input that is missing": ({"at": AT}, ""),
    "more than memory holds": ({}, "--set T=1000000000 --set E=1000"),
    "strides that are not row-major": ({"score": np.asfortranarray(SCORE), "at": AT}, "--check"),
    "an output that cannot be written": ({"score": SCORE, "at": AT}, "--output own=no/such/own.npy"),
    "an index out of range": ({"score": SCORE, "at": np.array([0, 7, 1], np.int32)}, ""),
    "the same with `--clamp` or `check=False`": ({"score": SCORE, "at": np.array([0, 7, 1], np.int32)}, "--clamp"),
}


def test_every_cell_of_the_command_line_is_tried():
    assert set(COMMANDS) == set(SHELL)


@pytest.mark.parametrize("mistake", COMMANDS)
def test_the_command_line_says_it(mistake, tmp_path):
    (inputs, more), (expected, _, says) = COMMANDS[mistake], SHELL[mistake].partition(": ")
    (tmp_path / "route.tile").write_text(refusals.PROGRAM)
    words = [tilec.binary(), "run", "route.tile", "--target", "cpu", *more.split()]
    for name, array in inputs.items():
        np.save(tmp_path / f"{name}.npy", array)
        words += ["--input", f"{name}={name}.npy"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    if expected == "runs":
        assert done.returncode == 0, done.stderr
    else:
        assert (f"exit {done.returncode}", says in done.stderr) == (expected, True), done.stderr


#: What is changed of a launch that has no mistake.
LAUNCHES = {
    "more places than a row has": "args.S = 5;",
    "a negative size": "args.T = -1;",
    "a size of 2^31": "args.T = 2147483648;",
    "an input that is missing": "args.score = 0;",
    "an address that is not aligned": "args.score = here + 8;",
    "an output that cannot be written": "args.own = 0;",
    "a workspace that is too small": "bytes = 0;",
    "no workspace": "workspace = 0;",
    "a workspace that is not aligned": "workspace = here + 16;",
    "no arguments": "given = 0;",
}

#: The head and the body of a kernel in emitted text.
KERNEL = re.compile(r'^(extern "C" __global__.*?)\n\{\n.*?^\}\n', re.MULTILINE | re.DOTALL)

LAUNCH = """
    {{
        struct route_args args = {{.T = 3, .E = 4, .S = 2, .score = here, .at = here, .best = here, .own = here}};
        struct route_args *given = &args;
        char *workspace = here;
        int64_t bytes = route_workspace_bytes(3, 4, 2);
        {change}
        puts(route_launch(given, workspace, bytes, 0));
    }}"""


def test_every_cell_of_c_is_tried():
    assert set(LAUNCHES) == set(C)


def run(*words):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_c_launcher_says_it(tmp_path):
    given = os.environ.get("TILEC_NVCC")
    toolkit = Path(given).resolve().parents[1] if given else tilec.ROOT / ".cuda/nvidia/cu13"
    (tmp_path / "route.tile").write_text(refusals.PROGRAM)
    run(tilec.binary(), "compile", tmp_path / "route.tile", "--target", "cuda", "--chip", "h200", "-o", tmp_path)
    launches = "".join(LAUNCH.format(change=change) for change in LAUNCHES.values())
    program = '#include <stdio.h>\n#include "route.h"\nint main(void) {\n    char *here = (char *)0x10000;'
    (tmp_path / "main.c").write_text(f"{program}{launches}\n}}\n")
    # Nothing is launched, so the kernels may be empty, which takes a second instead of ten.
    source, emptied = re.subn(KERNEL, r"\1\n{\n}\n", (tmp_path / "route.cu").read_text())
    assert emptied > 0
    (tmp_path / "route.cu").write_text(source)
    arch = "-gencode=arch=compute_90a,code=sm_90a"
    run(toolkit / "bin/nvcc", arch, "-std=c++17", "-c", tmp_path / "route.cu", "-o", tmp_path / "route.o")
    run("cc", "-c", tmp_path / "main.c", "-o", tmp_path / "main.o")
    libraries = ["-L", toolkit / "lib", "-L", toolkit / "lib64", "-lcudart_static", "-ldl", "-lrt", "-lpthread"]
    run("c++", tmp_path / "main.o", tmp_path / "route.o", "-o", tmp_path / "main", *libraries)
    said = run(tmp_path / "main").splitlines()
    assert len(said) == len(LAUNCHES)
    wrong = [(mistake, line) for mistake, line in zip(LAUNCHES, said) if not line.startswith(C[mistake])]
    assert wrong == []
