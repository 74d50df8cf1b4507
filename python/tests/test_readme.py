"""The Python blocks of the README run, on the CPU where they say cuda."""

import re
from pathlib import Path

import pytest

from conftest import torch_or_skip

ROOT = Path(__file__).resolve().parents[2]


def blocks():
    text = (ROOT / "README.md").read_text()
    section = re.search(r"^## From Python\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"```python\n(.*?)```", section[1], re.DOTALL)


def run(block, monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {}
    exec(block.replace('"cuda"', '"cpu"'), names)
    return names


def test_there_are_three():
    assert len(blocks()) == 3


def test_an_fp8_product_is_five_lines_after_the_installation():
    _, after = (ROOT / "README.md").read_text().split("pip install dist/tilec-*.whl\n```\n")
    first = re.search(r"```(\w+)\n(.*?)```", after, re.DOTALL)
    assert (first[1], first[2]) == ("python", blocks()[0])
    assert len(blocks()[0].splitlines()) == 5 and "fp8_gemm" in blocks()[0].splitlines()[-1]


def test_an_fp8_product_is_about_the_product(monkeypatch):
    torch = torch_or_skip()
    torch.manual_seed(0)
    names = run(blocks()[0], monkeypatch)
    expected = names["x"] @ names["w"].T
    assert names["y"].dtype == torch.bfloat16
    # E4M3 keeps 3 bits behind the leading one: each factor is off by 2^-4 at most, and the
    # errors of 512 products do not all point one way.
    error = (names["y"].float() - expected).norm() / expected.norm()
    assert error < 2**-4


def test_a_kernel_from_a_file(monkeypatch, capsys):
    torch = torch_or_skip()
    names = run(blocks()[1], monkeypatch)
    assert torch.allclose(names["y"], torch.softmax(names["x"], 1), rtol=1e-5, atol=1e-7)
    assert "softmax" in capsys.readouterr().out


def test_arrays_of_numpy(monkeypatch):
    numpy = pytest.importorskip("numpy")
    assert numpy.array_equal(run(blocks()[2], monkeypatch)["y"], numpy.full(1000, 2.5, numpy.float32))
