"""The pages about the package are true: the tutorial runs, and the reference is what the
docstrings say."""

import importlib.util
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs/tutorial.md").read_text()


def blocks():
    """Each block of Python of the tutorial, with as many line breaks before it as make
    a traceback name the page's line."""
    for match in re.finditer(r"^```python\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL):
        yield "\n" * TUTORIAL[: match.start(1)].count("\n") + match[1]


def test_the_tutorial_runs():
    has_torch = importlib.util.find_spec("torch") is not None
    # A module, since torch.compile looks its functions' globals up in one.
    module = sys.modules["tutorial"] = types.ModuleType("tutorial")
    ran = 0
    for block in blocks():
        if "import torch" in block and not has_torch:
            break
        exec(compile(block, str(ROOT / "docs/tutorial.md"), "exec"), module.__dict__)  # noqa: S102
        ran += 1
    assert ran == (12 if has_torch else 7)


def test_the_tutorial_has_nothing_that_is_skipped():
    assert len(list(blocks())) == TUTORIAL.count("```python\n") == 12


def test_the_example_runs():
    pytest.importorskip("torch", reason="PyTorch is not installed in this environment")
    script = ROOT / "examples/gemm_fp8/gemm_fp8.py"
    command = [sys.executable, str(script), "--rows", "40", "--columns", "130", "--depth", "300"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = {line[:16].strip(): line[16:].split() for line in said.splitlines()[1:]}
    assert list(rows) == ["tensor", "rows", "1x128, 1x128", "1x128, 128x128"]
    # Three bits of fraction on both sides: about 3.6 percent, where outliers don't take more.
    assert all(0.02 < float(cells[0]) < 0.06 for cells in rows.values())


def test_the_reference_is_what_the_docstrings_say():
    script = ROOT / "scripts/python_reference.py"
    made = subprocess.run([sys.executable, str(script), "--print"], capture_output=True, text=True, check=True)
    assert made.stdout == (ROOT / "docs/python.md").read_text(), "run scripts/python_reference.py"


@pytest.mark.parametrize("name", ("load", "check", *(f"ops.{name}" for name in ("fp8_gemm", "quantize_fp8", "topk", "sample", "fused_moe"))))
def test_the_reference_names_what_there_is(name):
    assert f"### `tilec.{name}`" in (ROOT / "docs/python.md").read_text()
