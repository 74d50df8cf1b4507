"""Every kernel of the examples and the cases, compiled for Tensix and given to the vendor's own
runtime on mock devices: it compiles and links the five programs of each core, and checks circular
buffers, arguments and semaphores. Writes bench/results/tensix_runtime.json.

    python bench/tensix/runtime.py target/release/tilec [--only NAME] [--jobs N]

tests/tensix_runtime.rs does the same with a few of them; all take half an hour or more. What was
said of a program is kept in target/tensix-runtime/said.json, by a hash of what is emitted, so that
a run that is cut off goes on where it was. Needs what scripts/setup-tensix.sh installs. Kernels
that tilec refuses for a chip are counted, and have tests of their own.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from machine import machine  # noqa: E402

# The chips, each with the size that is bound where a kernel has none, as in the tests.
CHIPS = {"wormhole_n150": 70, "blackhole_p150": 256}
FOLDERS = ["examples", "tests/cases", "tests/tensix_tiles"]
REFUSED = ["tests/cases/errors", "tests/cases/tensix/refused"]
KERNEL = re.compile(r"^kernel\s+(\w+)\s*(?:\[([^\]]*)\])?", re.MULTILINE)
# Exit codes of what is refused with a sentence: the program, the sizes, or what the target can't.
REFUSES = (1, 2, 3)
# What run.py says of formats that the runtime's Python interface lacks.
UNNAMED = "cannot be asked for through ttnn's Python interface"
# A process that a program ends says nothing of those behind it, so that each gets so many.
BATCH = 24
RUNS = ROOT / "tests/host/tensix_runtime.py"
SAID = ROOT / "target/tensix-runtime/said.json"


def main() -> None:
    arguments = parse()
    result = {"command": "bench/tensix/runtime.py", "date": date.today().isoformat(), "machine": machine()}
    result["chips"], failures = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for chip in CHIPS:
            row = result["chips"][chip] = sweep(arguments, Path(folder) / chip, chip)
            failures += [f"{name} on {chip}: {said}" for name, said in row["failures"].items()]
            print(chip, {key: value for key, value in row.items() if key != "programs"}, flush=True)
    if not arguments.only:
        path = ROOT / "bench/results/tensix_runtime.json"
        path.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit("\n".join(failures) or None)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tilec", type=Path)
    parser.add_argument("--only", default="", help="kernels whose file and name hold this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes of the runtime at a time")
    return parser.parse_args()


def sweep(arguments, folder: Path, chip: str) -> dict:
    begin = time.time()
    programs, refused = compiled(arguments, folder, chip)
    compiling = time.time() - begin
    hashes = {name: hashed(folder / folder_of(name)) for name in programs}
    before = remembered()
    said = {name: before[of] for name, of in hashes.items() if of in before}
    rest = [name for name in programs if name not in said]
    parts = [rest[at :: arguments.jobs] for at in range(arguments.jobs)]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda part: worker(folder, part, chip, hashes, said), parts))
    # 16-bit IEEE floats and the chip's own e5m2 have no name there; the emulator runs them.
    unnamed = [name for name, words in said.items() if UNNAMED in words]
    failures = {name: words for name, words in said.items() if words != "ok" and UNNAMED not in words}
    return {
        "accepted": sum(words == "ok" for words in said.values()),
        "formats_without_a_name": len(unnamed),
        "refused_by_tilec": refused,
        "compiling_seconds": round(compiling),
        "said_in_an_earlier_run": len(programs) - len(rest),
        "runtime_seconds": round(time.time() - begin - compiling),
        "programs": programs,
        "failures": {name: words[:800] for name, words in failures.items()},
    }


def compiled(arguments, folder: Path, chip: str) -> tuple[list[str], int]:
    """The kernels that compile, each into a folder of its own; and how many are refused."""
    done, refused = [], 0
    for file, kernel, sizes in kernels():
        name = f"{file}:{kernel}"
        if arguments.only not in name:
            continue
        command = [arguments.tilec.resolve(), "compile", ROOT / file, "--kernel", kernel]
        command += ["--target", "tt", "--chip", chip, "-o", folder / folder_of(name)]
        command += [word for size in sizes for word in ("--set", f"{size}={CHIPS[chip]}")]
        tried = subprocess.run(command, capture_output=True, text=True)
        if tried.returncode not in (0, *REFUSES):
            sys.exit(f"{name} for {chip}: {tried.stderr}")
        done += [name] if tried.returncode == 0 else []
        refused += tried.returncode in REFUSES
    return done, refused


def kernels():
    """Files, kernels and the sizes without a default."""
    files = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.tile")))
    for path in files:
        file = path.relative_to(ROOT).as_posix()
        if any(file.startswith(folder + "/") for folder in REFUSED):
            continue
        for kernel, sizes in KERNEL.findall(path.read_text()):
            names = [size.strip() for size in sizes.split(",") if size.strip()]
            yield file, kernel, [name for name in names if "=" not in name]


def folder_of(name: str) -> str:
    return re.sub(r"\W", "_", name)


def hashed(folder: Path) -> str:
    """Of all that the runtime is given of a program, and by what."""
    files = [*sorted(path for path in folder.rglob("*") if path.is_file()), RUNS, ROOT / ".tensix/made-from"]
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def remembered() -> dict[str, str]:
    return json.loads(SAID.read_text()) if SAID.exists() else {}


LOCK = Lock()


def remember(new: dict[str, str]) -> None:
    with LOCK:
        SAID.parent.mkdir(parents=True, exist_ok=True)
        SAID.with_suffix(".new").write_text(json.dumps(remembered() | new))
        SAID.with_suffix(".new").replace(SAID)


def worker(folder: Path, names: list[str], chip: str, hashes: dict[str, str], said: dict[str, str]) -> None:
    """What the runtime says of some programs, in one process after another, with one cache."""
    if not names:
        return
    # The runtime leaves files where it runs.
    place = Path(tempfile.mkdtemp(dir=folder))
    for at in range(0, len(names), BATCH):
        new = dict(runtime(folder, place, names[at : at + BATCH], chip))
        said.update(new)
        remember({hashes[name]: words for name, words in new.items()})


def runtime(folder: Path, place: Path, names: list[str], chip: str) -> list[tuple[str, str]]:
    """What the runtime says of a batch."""
    environment = {
        **os.environ,
        "TT_METAL_MOCK_CLUSTER_DESC_PATH": str(ROOT / f"scripts/tensix/{chip}.yaml"),
        "TT_METAL_SLOW_DISPATCH_MODE": "1",
        "TT_METAL_DISABLE_SFPLOADMACRO": "1",
        "TT_METAL_LOGS_PATH": str(place),
        "TT_METAL_CACHE": str(place / "cache"),
        "TT_LOGGER_LEVEL": "error",
    }
    environment.pop("TT_METAL_SIMULATOR", None)
    command = [ROOT / ".tensix/venv/bin/python", RUNS]
    command += [folder / folder_of(name) for name in names]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=place)
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines() if line.startswith(str(folder)))
    ended = f"nothing was said; the runtime ended with {done.returncode}: {done.stderr[-400:]}"
    return [(name, lines.get(str(folder / folder_of(name)), ended)) for name in names]


if __name__ == "__main__":
    main()
