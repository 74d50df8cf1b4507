"""docs/python.md, from the types and docstrings of the Python package, and from what calls
cost in bench/results.

    python scripts/python_reference.py            # writes the page
    python scripts/python_reference.py --print    # prints it

Reads the sources and imports nothing, so it runs without building the package. A test
fails where the page differs from what this prints.
"""

import ast
import json
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python/tilec"
PAGE = ROOT / "docs/python.md"

HEAD = """# The Python package

Kernels written as equations, called on NumPy arrays and PyTorch tensors. [The tutorial](tutorial.md) says how to use it; this page is the reference. It is made from the package's docstrings by `scripts/python_reference.py`.

```python
import tilec

kernel = tilec.load("examples/gemm_fp8/gemm_fp8.tile", target="cuda")
c = kernel(a, b, sa, sb)
```

Arrays are read where they are. With `target="cpu"` they are NumPy's (with `ml_dtypes` for FP8 and bf16) or PyTorch's on the CPU; with `target="cuda"` PyTorch's on a GPU, or anything there that offers DLPack or the CUDA array interface (then outputs are given with `out`). A call puts its work into PyTorch's current stream, waits for nothing, and can be captured in a CUDA graph, the first one too. What was compiled is kept in the folder that the command line uses: `$TILEC_CACHE`, else `$XDG_CACHE_HOME/tilec`, else `~/.cache/tilec`. Shapes that need code which none before has needed wait for it at their first call, up to seconds where the folder lacks it; a server calls each of its shapes once before it serves. Compiling is announced on a terminal, unless `TILEC_QUIET` is set.
"""


def main() -> None:
    if "--print" in sys.argv:
        sys.stdout.write(page())
    else:
        PAGE.write_text(page())


def page() -> str:
    native = body(PACKAGE / "_native.pyi")
    functions = [node for node in native if isinstance(node, ast.FunctionDef)]
    classes = {node.name: node for node in native if isinstance(node, ast.ClassDef)}
    parts = [HEAD, "## Functions\n", *(function(node, "tilec.") for node in functions)]
    parts += [of_class(classes["Kernel"]), of_class(classes["Diagnostic"])]
    parts += [operators(), errors(), costs()]
    return "\n".join(parts).rstrip() + "\n"


def body(path: Path) -> list:
    return ast.parse(path.read_text()).body


def function(node: ast.FunctionDef, owner: str) -> str:
    return f"### `{owner}{node.name}`\n\n```python\n{signature(node, owner)}\n```\n\n{prose(node)}\n"


def signature(node: ast.FunctionDef, owner: str) -> str:
    arguments = [text for text in split_arguments(node) if text != "self"]
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{owner}{node.name}({', '.join(arguments)}){result}"
    if len(line) <= 96:
        return line
    rows = "".join(f"    {argument},\n" for argument in arguments)
    return f"{owner}{node.name}(\n{rows}){result}"


def split_arguments(node: ast.FunctionDef) -> list:
    spec = node.args
    defaults = [None] * (len(spec.args) - len(spec.defaults)) + spec.defaults
    texts = [argument(arg, default) for arg, default in zip(spec.args, defaults)]
    if spec.vararg:
        texts.append("*" + argument(spec.vararg, None))
    elif spec.kwonlyargs:
        texts.append("*")
    texts += [argument(arg, default) for arg, default in zip(spec.kwonlyargs, spec.kw_defaults)]
    if spec.kwarg:
        texts.append("**" + argument(spec.kwarg, None))
    return texts


def argument(arg: ast.arg, default) -> str:
    typed = f"{arg.arg}: {ast.unparse(arg.annotation)}" if arg.annotation else arg.arg
    if default is None:
        return typed
    return f"{typed} = {ast.unparse(default)}" if arg.annotation else f"{typed}={ast.unparse(default)}"


def of_class(node: ast.ClassDef) -> str:
    rows = [f"## `tilec.{node.name}`\n", prose(node) + "\n"]
    members = [member for member in node.body if isinstance(member, ast.FunctionDef)]
    properties = [member for member in members if member.decorator_list]
    rows += [method(member) for member in members if not member.decorator_list]
    rows += ["| property | type | |", "| --- | --- | --- |"]
    for member in properties:
        kind = ast.unparse(member.returns).replace("|", "\\|")
        rows.append(f"| `{member.name}` | `{kind}` | {one_line(member)} |")
    return "\n".join(rows) + "\n"


def method(node: ast.FunctionDef) -> str:
    owner = "kernel" if node.name == "__call__" else "kernel."
    shown = ast.FunctionDef(**{field: getattr(node, field) for field in node._fields})
    shown.name = "" if node.name == "__call__" else node.name
    return f"### `{owner}{shown.name}(..)`\n\n```python\n{signature(shown, owner)}\n```\n\n{prose(node)}\n"


def operators() -> str:
    head = ast.get_docstring(ast.parse((PACKAGE / "ops/__init__.py").read_text()))
    parts = [f"## `tilec.ops`\n\n{markdown(head)}\n"]
    for file in ("gemm.py", "quantize.py", "selection.py", "moe.py", "custom.py"):
        public = [node for node in body(PACKAGE / "ops" / file) if isinstance(node, ast.FunctionDef)]
        public = [node for node in public if node.returns]
        parts += [function(node, "tilec.ops.") for node in public]
    return "\n".join(parts)


def errors() -> str:
    tree = ast.parse((PACKAGE / "errors.py").read_text())
    rows = ["## Errors\n", markdown(ast.get_docstring(tree)) + "\n"]
    rows += ["| exception | also a | |", "| --- | --- | --- |"]
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            bases = ", ".join(f"`{ast.unparse(base)}`" for base in node.bases)
            rows.append(f"| `tilec.{node.name}` | {bases} | {one_line(node)} |")
    return "\n".join(rows) + "\n"


def costs() -> str:
    result = json.loads((ROOT / "bench/results/python_overhead.json").read_text())
    stress = json.loads((ROOT / "bench/results/python_stress.json").read_text())
    on = result["machine"]
    head = (
        f"From Python to launch returned, on an {on['gpu'].removeprefix('NVIDIA ')} with torch {on['torch']} and "
        f"triton {on['triton']}, {result['date']}: the median of {result['samples']} bursts of {result['burst']} "
        "calls on small tensors, all in one process in turns (`bench/python/overhead.py`). "
        f"{stress['calls']:,} calls left {stress['growth_bytes']['resident'] / 1024:.0f} KiB in the process "
        f"and {stress['growth_bytes']['gpu']} bytes on the GPU (`bench/python/stress.py`)."
    )
    rows = ["## What a call costs\n", head + "\n", "| call | us |", "| --- | --- |"]
    calls = [call for call in result["calls"] if call["call"] != "nothing"]
    rows += [f"| {call['call']} | {call['median_us']:.1f} |" for call in calls]
    return "\n".join(rows) + "\n"


def one_line(node) -> str:
    """A docstring as one cell of a table, its list of attributes as a sentence."""
    text = ast.get_docstring(node).replace("\n\nAttributes:\n", " Its attribute ")
    return " ".join(text.split()).replace("|", "\\|")


def prose(node) -> str:
    return markdown(ast.get_docstring(node))


def markdown(text: str) -> str:
    """A docstring as Markdown: its sections become lists, and indented text is code."""
    blocks = []
    for block in text.split("\n\n"):
        title, _, rest = block.partition("\n")
        if title in ("Args:", "Returns:", "Raises:"):
            blocks.append(f"**{title}**\n\n{section(textwrap.dedent(rest), title)}")
        elif block.startswith("    "):
            blocks.append(f"```python\n{textwrap.dedent(block)}\n```")
        elif block.startswith("|"):
            blocks.append(block)
        else:
            blocks.append(" ".join(block.split()))
    return "\n\n".join(blocks)


def section(text: str, title: str) -> str:
    if title == "Returns:":
        return " ".join(text.split())
    items = []
    for line in text.split("\n"):
        # What belongs to an item is indented; lists of exceptions may be broken anywhere.
        if line.startswith(" ") or (items and ":" not in items[-1]):
            items[-1] += " " + line.strip()
        else:
            items.append(line)
    return "\n".join(item(line) for line in items)


def item(line: str) -> str:
    names, _, said = line.partition(":")
    names = ", ".join(f"`{name.strip()}`" for name in names.split(","))
    return f"- {names}: {said.strip()}"


if __name__ == "__main__":
    main()
