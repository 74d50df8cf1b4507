"""What a loaded kernel says of itself, and what `check` says of a program."""

import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tilec
from conftest import EXAMPLES, TEXTS, example, interprets, load
from tilec import _native

GEMM = EXAMPLES / "gemm_fp8" / "gemm_fp8.tile"


def test_repr_shows_the_signature():
    assert repr(load("scale")) == "<tilec.Kernel scale[M, N](x: f32[M, N], s: f32) -> (y: f32[M, N]) on cpu>"
    assert repr(load("head", S=2)).endswith("where S <= N with S = 2 on cpu>")


def test_a_kernel_for_the_cpu_describes_itself():
    kernel = example("gemm_fp8/gemm_fp8.tile")
    assert (kernel.name, kernel.target, kernel.chip) == ("gemm_fp8", "cpu", None)
    assert kernel.text == GEMM.read_text()
    assert kernel.sizes == {"M": None, "N": None, "K": None}
    assert interprets() or "define" in kernel.source
    assert kernel.manifest is None
    assert "contraction" in kernel.plan
    assert "told by the shape of a" in kernel.explain()


def test_a_kernel_for_cuda_describes_itself_without_a_gpu():
    kernel = tilec.load(GEMM, chip="h200")
    assert (kernel.target, kernel.chip) == ("cuda", "h200")
    assert "__global__" in kernel.source
    assert kernel.manifest["kernel"] == "gemm_fp8" and kernel.manifest["arch"] == "sm_90a"
    assert json.dumps(kernel.manifest)
    assert "tile" in kernel.explain() and repr(kernel).endswith("on cuda (h200)>")


def test_fixed_sizes_are_constants_of_the_emitted_code():
    kernel = tilec.load(GEMM, chip="h200", K=4096)
    assert [size["name"] for size in kernel.manifest["sizes"]] == ["M", "N"]


def test_kernels_cannot_be_made_or_changed():
    with pytest.raises(TypeError):
        tilec.Kernel()
    with pytest.raises(AttributeError):
        load("add").name = "other"


def test_check_finds_nothing_in_what_is_fine():
    assert tilec.check(GEMM.read_text()) == []


def test_check_gives_mistakes_as_objects():
    text = "kernel dot[J, K](a: f32[J], b: f32[K]) -> (c: f32)\n{\n    c = sum[k](a[k] * b[k])\n}\n"
    (mistake,) = tilec.check(text)
    assert mistake.severity == "error" and mistake.kind == "conflicting-ranges"
    assert (mistake.file, mistake.line) == ("<text>", 3) and mistake.column > 1
    assert "`k`" in mistake.message and "K == J" in mistake.help
    assert len(mistake.notes) == 2 and mistake.notes[0][:2] == (mistake.line, mistake.column)
    assert "3 │" in str(mistake) and mistake.kind in repr(mistake)


def test_check_gives_all_mistakes_and_warnings():
    text = "kernel k[N](x: f32[N], unused: f32[N]) -> (y: f32[N], z: f32[N]) { y[n] = q[n]\n z[n] = w[n] }"
    kinds = {(mistake.severity, mistake.kind) for mistake in tilec.check(text)}
    assert ("error", "unknown-name") in kinds and len(tilec.check(text)) >= 2
    text = "kernel k[N](x: f32[N], unused: f32[N]) -> (y: f32[N]) { y[n] = x[n] }"
    assert [mistake.severity for mistake in tilec.check(text)] == ["warning"]


@pytest.mark.parametrize("text", ["", "kernel", "\0", "🦀", "(" * 100_000, "kernel k" * 50_000, "/" * 3_000_000])
def test_check_survives_any_text(text):
    assert all(isinstance(mistake, tilec.Diagnostic) for mistake in tilec.check(text))


def test_stubs_name_everything_public():
    stub = ast.parse(Path(_native.__file__).with_name("_native.pyi").read_text())
    declared = {node.name: node for node in stub.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    public = {name for name in dir(_native) if not name.startswith("_")}
    assert set(declared) == public
    for name in ("Kernel", "Diagnostic"):
        members = {node.name for node in declared[name].body if isinstance(node, ast.FunctionDef)}
        native = {m for m in vars(getattr(_native, name)) if not m.startswith("_")} | ({"__call__"} if name == "Kernel" else set())
        assert members == native
    assert Path(tilec.__file__).with_name("py.typed").exists()


def test_stubs_repeat_the_docstrings():
    stub = ast.parse(Path(_native.__file__).with_name("_native.pyi").read_text())
    for node in stub.body:
        if isinstance(node, ast.FunctionDef):
            assert inspect.cleandoc(getattr(tilec, node.name).__doc__) == ast.get_docstring(node)


def test_nothing_is_printed_where_nobody_watches(tmp_path):
    code = f"import tilec; tilec.load({TEXTS['add']!r}, target='cpu')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("quiet", [False, True])
def test_a_terminal_is_told_what_was_compiled(quiet):
    pty = pytest.importorskip("pty")
    code = f"import tilec; tilec.load({TEXTS['add']!r}, target='cpu')"
    leader, follower = pty.openpty()
    environment = {**os.environ, **({"TILEC_QUIET": "1"} if quiet else {})}
    subprocess.run([sys.executable, "-c", code], stderr=follower, env=environment, check=True)
    os.close(follower)
    try:
        said = os.read(leader, 1000).decode()
    except OSError:
        said = ""
    os.close(leader)
    assert said == "" if quiet else said.startswith("tilec: compiled add for cpu in ")
