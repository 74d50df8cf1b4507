"""Calls on CUDA tensors without a GPU: a fake driver that remembers what it was asked, and
as much of PyTorch as is looked at (`fake_gpu`). What kernels compute is checked on a
GPU, by bench/python/check.py."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "fake_gpu"
CASES = re.findall(r"^def (case_\w+)", (FOLDER / "cases.py").read_text(), re.MULTILINE)

#: What is wrong with a machine, and what `without` in cases.py then finds in the message.
MACHINES = {
    "an old driver": ({"FAKE_DRIVER": "12040"}, "for CUDA 12.4"),
    "no GPU": ({"FAKE_DEVICES": "0"}, "no GPU that it can use"),
    "a compiler that refuses": ({"FAKE_NVRTC_FAILS": "6"}, "refuses the emitted source"),
    "no compiler": ({"PATH": "", "CUDA_HOME": "", "CUDA_PATH": ""}, "neither the library NVRTC"),
}


@pytest.fixture(scope="session")
def fake(tmp_path_factory):
    """A folder with the fake driver and the fake NVRTC."""
    folder = tmp_path_factory.mktemp("fake")
    for name in ("libcuda.so", "libnvrtc.so"):
        command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(folder / name), str(FOLDER / "driver.c")]
        subprocess.run(command, check=True)
    return folder


def run(fake, case, cache, **environment):
    paths = {"LD_LIBRARY_PATH": str(fake), "TILEC_CACHE": str(cache), "TILEC_QUIET": "1"}
    command = [sys.executable, str(FOLDER / "cases.py"), case]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env=os.environ | paths | environment, **pipes)


@pytest.mark.parametrize("case", CASES)
def test_on_a_fake_gpu(fake, case, tmp_path):
    process = run(fake, case, tmp_path / "cache")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


@pytest.mark.parametrize("machine", MACHINES)
def test_on_a_machine_without(fake, machine, tmp_path):
    environment, says = MACHINES[machine]
    if machine == "no compiler":
        if Path("/usr/local/cuda").exists() or Path("/opt/cuda").exists():
            pytest.skip("this machine has a compiler for CUDA, which is found wherever it is looked for")
        environment = environment | {"LD_LIBRARY_PATH": str(tmp_path)}
        (tmp_path / "libcuda.so").symlink_to(fake / "libcuda.so")
    process = run(fake, "without", tmp_path / "cache", FAKE_SAYS=says, **environment)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_a_case_that_is_wrong_fails(fake, tmp_path):
    process = run(fake, "case_of_nothing", tmp_path / "cache")
    process.communicate(timeout=60)
    assert process.returncode != 0


@pytest.mark.parametrize(
    ("case", "functions"),
    [("case_another_gpu_is_used_and_the_context_stays", 1), ("case_a_whole_is_three_functions", 3)],
)
def test_processes_compile_each_function_once(fake, tmp_path, case, functions):
    log = tmp_path / "compiled"
    processes = [run(fake, case, tmp_path / "cache", FAKE_NVRTC_LOG=str(log)) for _ in range(8)]
    for process in processes:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert log.read_text() == functions * "compiled\n"


def test_a_cache_that_cannot_be_written_only_costs_time(fake, tmp_path):
    (tmp_path / "file").write_text("")
    process = run(fake, "case_first_and_later_calls_pass_the_same", tmp_path / "file" / "cache")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
