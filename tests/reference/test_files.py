"""Array files: both formats, all types, in and out; and the inputs for the examples."""

import subprocess
import sys

import numpy as np
import pytest

import tilec
from formats import BF16, bits, load
from generate import EXAMPLES

KERNELS = {"fusedmoe": "fused_moe"}
FOLDERS = {"sample": "topk"}


@pytest.mark.parametrize("flags", [[], ["--npy"]], ids=["native", "npy"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_generated_inputs_run(example, flags, tmp_path):
    script = tilec.ROOT / "tests/reference/generate.py"
    subprocess.run([sys.executable, script, example, tmp_path, *flags], check=True, capture_output=True)
    inputs = [word for file in sorted(tmp_path.iterdir()) for word in ("--input", f"{file.stem}={file}")]
    file = f"examples/{FOLDERS.get(example, example)}/{example}.tile"
    done = tilec.command(file, KERNELS.get(example, example), {}, *inputs, "--check")
    assert done.returncode == 0, done.stderr


def test_bits_in_npy_are_the_values_in_safetensors():
    """The same inputs by way of both formats give the same bits."""
    sizes, make = EXAMPLES["gemm_fp8"]
    inputs = make(np.random.default_rng(3), *sizes.values())
    file = "examples/gemm_fp8/gemm_fp8.tile"
    ways = [tilec.run(file, "gemm_fp8", inputs, ["c"], npy=npy)["c"] for npy in (False, True)]
    assert np.array_equal(bits(ways[0]), bits(ways[1]))


def test_outputs_in_npy_are_their_bits(tmp_path):
    x = np.arange(-4, 4, dtype=np.float32)
    np.save(tmp_path / "x.npy", x)
    outputs = [word for name in "abcd" for word in ("--output", f"{name}={tmp_path / name}.npy")]
    outputs += ["--input", f"x={tmp_path / 'x.npy'}"]
    done = tilec.command(f"{tilec.IDIOMS}/convert.tile", "narrow", {}, *outputs)
    assert done.returncode == 0, done.stderr
    kinds = [np.load(tmp_path / f"{name}.npy").dtype for name in "abcd"]
    assert kinds == [np.uint8, np.uint8, np.uint16, np.float16]
    assert np.array_equal(np.load(tmp_path / "c.npy"), bits(x.astype(BF16)))


def test_outputs_may_share_a_file(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((3, 10), np.float32))
    words = ["--input", f"x={tmp_path / 'x.npy'}"]
    words += [word for name in ("value", "index") for word in ("--output", f"{name}={tmp_path / 'y.safetensors'}")]
    done = tilec.command("examples/topk/topk.tile", "topk", {"S": 4}, *words)
    assert done.returncode == 0, done.stderr
    arrays = load(tmp_path / "y.safetensors")
    assert {name: (a.dtype, a.shape) for name, a in arrays.items()} == {
        "value": (np.float32, (3, 4)),
        "index": (np.int32, (3, 4)),
    }


def test_the_same_run_gives_the_same_bits():
    sizes, make = EXAMPLES["fusedmoe"]
    inputs = make(np.random.default_rng(5), *sizes.values())
    runs = [tilec.run("examples/fusedmoe/fusedmoe.tile", "fused_moe", inputs, ["out"])["out"] for _ in range(2)]
    assert np.array_equal(bits(runs[0]), bits(runs[1]))
