"""What a new user does: installs the wheel into a fresh environment, and runs the README.

    python bench/python/install.py WHEEL [FOLDER]

The environment sees the PyTorch of the interpreter that runs this, and nothing is
downloaded. The first block of Python in the README is run there as it stands, on the GPU,
and its product compared; then the blocks of the tutorial, one after the other. Writes
python_install.json.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECK = """
import json
expected = x @ w.T
torch.backends.cuda.matmul.allow_tf32 = False
error = float((y.float() - expected).norm() / expected.norm())
assert y.dtype == torch.bfloat16 and y.shape == (256, 384) and y.is_cuda and error < 2**-4, error
print(json.dumps({"error": error, "package": tilec.__file__}))
"""


def blocks(text: str) -> list:
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def timed(*words) -> "tuple[str, float]":
    """What a command prints, and its seconds."""
    start = time.perf_counter()
    fresh = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=ROOT, env=fresh)
    if done.returncode:
        sys.exit(f"{words}: {done.stdout[-1000:]}{done.stderr[-3000:]}")
    return done.stdout, round(time.perf_counter() - start, 1)


def environment(folder: Path, wheel: Path) -> "tuple[Path, float]":
    """The interpreter of a fresh environment that has the wheel. Its own pip is not needed."""
    timed(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel]
    _, seconds = timed(*pip)
    packages = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    # Searched after its own, so that the wheel is the one that was just installed.
    others = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "pytorch.pth").write_text("\n".join(others) + "\n")
    return python, seconds


def main(wheel: Path) -> dict:
    section = (ROOT / "README.md").read_text().split("## From Python", 1)[1]
    readme = blocks(section)[0]
    tutorial = "\n".join(blocks((ROOT / "docs/tutorial.md").read_text())) + "\nassert device == 'cuda'\n"
    with tempfile.TemporaryDirectory() as folder:
        python, installing = environment(Path(folder) / "environment", wheel)
        said, seconds = timed(python, "-c", readme + CHECK)
        said = json.loads(said)
        assert said["package"].startswith(folder), said
        # A module, since torch.compile reads the source of what it compiles.
        (Path(folder) / "tutorial.py").write_text(tutorial)
        _, reading = timed(python, Path(folder) / "tutorial.py")
    return {
        "wheel": wheel.name,
        "wheel_bytes": wheel.stat().st_size,
        "wheel_sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "install_seconds": installing,
        "readme": {"lines": len(readme.splitlines()), "relative_error": said["error"], "seconds": seconds},
        "tutorial_seconds": reading,
    }


if __name__ == "__main__":
    result = main(Path(sys.argv.pop(1)).resolve())
    print(json.dumps(result))
    # Of the environment that runs this: it knows the machine, and may lack the package.
    from common import write

    write("install", result)
