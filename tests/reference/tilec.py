"""Runs `tilec run` on arrays, through files, and gives back its outputs.

The binary is $TILEC, or else the newest of target/release and target/debug.
"""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from formats import BF16, E4M3, E5M2, load, save

ROOT = Path(__file__).resolve().parents[2]
IDIOMS = "tests/cases/idioms"
REPEAT = 1  # how often each kernel is run; the bits must be equal


def binary() -> str:
    if os.environ.get("TILEC"):
        return os.environ["TILEC"]
    built = [ROOT / "target" / profile / "tilec" for profile in ("release", "debug")]
    built = [path for path in built if path.exists()]
    assert built, "there is no tilec: run cargo build first, or set TILEC"
    return str(max(built, key=lambda path: path.stat().st_mtime))


def command(
    file: str, kernel: str, sizes: dict[str, int], *more: str, target: str = "cpu"
) -> subprocess.CompletedProcess:
    """One `tilec run` for a target, or for one with `:CHIP`; the file is relative to the repository."""
    words = [binary(), "run", str(ROOT / file), "--kernel", kernel, "--target", target.partition(":")[0]]
    words += ["--chip", target.partition(":")[2]] if ":" in target else []
    words += [word for name, size in sizes.items() for word in ("--set", f"{name}={size}")]
    return subprocess.run([*words, *more], capture_output=True, text=True, timeout=120)


def run(
    file: str,
    kernel: str,
    inputs: dict[str, np.ndarray],
    outputs: list[str],
    sizes: dict[str, int] | None = None,
    npy: bool = False,
    target: str = "cpu",
) -> dict[str, np.ndarray]:
    """The outputs of a kernel, as the types it wrote. Inputs travel as .safetensors
    where NumPy does not know their type, and as .npy otherwise or where `npy` says so."""
    with tempfile.TemporaryDirectory() as folder:
        # Some kernels are tried on indices that are out of range.
        words = ["--clamp", "--repeat", str(REPEAT)]
        for name, array in inputs.items():
            native = array.dtype in (E4M3, E5M2, BF16) and not npy
            path = Path(folder) / f"{name}.{'safetensors' if native else 'npy'}"
            save(path, name, array)
            words += ["--input", f"{name}={path}"]
        result = Path(folder) / "outputs.safetensors"
        words += [word for name in outputs for word in ("--output", f"{name}={result}")]
        done = command(file, kernel, sizes or {}, *words, target=target)
        assert done.returncode == 0, f"{file}, {kernel}: exit code {done.returncode}\n{done.stderr}{done.stdout}"
        return load(result)
