"""Emitted Tensix programs on the full grids, at sizes with ragged tiles: each runs in the
emulator and is compared with the CPU within the bounds of `tilec run --check`, and is
compiled and linked by the vendor's own runtime for a mock device. Writes
bench/results/tensix_check.json.

    python bench/tensix/check.py target/release/tilec [--only NAME] [--no-runtime]

With --simulator FOLDER, which holds wormhole_n150/ and blackhole_p150/ with the vendor's
open simulator and its soc_descriptor.yaml, the smaller sizes also run there, through the
same run.py, and are compared with the emulator bit for bit.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from machine import machine  # noqa: E402

CHIPS = ["wormhole_n150", "blackhole_p150"]
GEMM = {"M": 2112, "N": 2112, "K": 2112}
ROWS = {"M": 2112, "N": 4097}
SMALL_GEMM = {"M": 65, "N": 33, "K": 300}
SMALL_ROWS = {"M": 65, "N": 130}
# File, kernel, inputs that are scalars, sizes for the full grid, sizes for the simulator. `e5m2`
# is a kernel with the other FP8 type in place of e4m3.
TRIALS = [
    ("examples/gemm_fp8/gemm_fp8.tile", "gemm_fp8", {}, GEMM, SMALL_GEMM),
    ("examples/gemm_fp8/gemm_fp8.tile", "gemm_fp8 e5m2", {}, GEMM, SMALL_GEMM),
    ("tests/cases/contract/epilogues.tile", "bias_gelu", {}, GEMM, SMALL_GEMM),
    ("tests/cases/contract/epilogues.tile", "all_at_once", {}, GEMM, SMALL_GEMM),
    (
        "examples/batched_gemm/batched_gemm.tile",
        "batched_gemm",
        {},
        {"B": 3, "M": 1056, "N": 2112, "K": 513},
        {"B": 2, "M": 33, "N": 65, "K": 31},
    ),
    ("examples/rmsnorm/rmsnorm.tile", "rmsnorm", {"eps": 1e-5}, ROWS, SMALL_ROWS),
    ("examples/softmax/softmax.tile", "softmax", {}, ROWS, SMALL_ROWS),
    ("tests/cases/rowwise/quantize.tile", "quantize_strips", {}, ROWS, SMALL_ROWS),
]
# Without hardware the runtime must be told how to reach a device; a mock one runs nothing.
RUNTIME = {"TT_METAL_SLOW_DISPATCH_MODE": "1", "TT_METAL_DISABLE_SFPLOADMACRO": "1", "TT_METAL_LOGGER_LEVEL": "Fatal"}
# The longest that one run may take, in seconds.
LONGEST = 3600


def main() -> None:
    arguments = parse()
    rows, failures = [], []
    with tempfile.TemporaryDirectory() as folder:
        for trial in TRIALS:
            for chip in CHIPS:
                if arguments.only in trial[1]:
                    rows.append(check(arguments, Path(folder), trial, chip, failures))
                    print(rows[-1], flush=True)
    result = {
        "command": command(arguments),
        "date": date.today().isoformat(),
        "machine": machine(),
        "rows": rows,
        "failures": failures,
    }
    if not arguments.only:
        path = ROOT / "bench/results/tensix_check.json"
        path.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit("\n".join(failures) or None)


def command(arguments) -> str:
    """What was asked for, without the paths of a machine."""
    asked = [name for name in ("no_runtime", "simulator") if getattr(arguments, name)]
    return " ".join(["bench/tensix/check.py", *(f"--{name.replace('_', '-')}" for name in asked)])


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tilec", type=Path)
    parser.add_argument("--only", default="", help="trials whose names hold this")
    parser.add_argument("--no-runtime", action="store_true", help="leave the mock devices out")
    parser.add_argument("--simulator", type=Path)
    return parser.parse_args()


def check(arguments, folder: Path, trial, chip: str, failures: list[str]) -> dict:
    path, name, scalars, sizes, small = trial
    kernel = name.split()[0]
    text = (ROOT / path).read_text()
    file = folder / Path(path).name
    file.write_text(text.replace("f8e4m3", "f8e5m2") if name.endswith("e5m2") else text)
    row = {"kernel": name, "chip": chip, "sizes": sizes}

    def tilec(verb: str, of: dict, *more: str) -> subprocess.CompletedProcess:
        command = [str(arguments.tilec.resolve()), verb, str(file), "--kernel", kernel]
        command += ["--target", "tt", "--chip", chip]
        command += [word for size, value in of.items() for word in ("--set", f"{size}={value}")]
        return subprocess.run([*command, *more], capture_output=True, text=True, timeout=LONGEST)

    given = [word for scalar, value in scalars.items() for word in ("--input", f"{scalar}={value}")]
    begin = time.time()
    done = tilec("run", sizes, *given, "--check")
    row["emulator"] = "agrees" if done.returncode == 0 else "fails"
    row["emulator_seconds"] = round(time.time() - begin, 1)
    # Sums that the chip itself gets wrong, if it met some.
    warnings = [line for line in done.stdout.splitlines() if line.startswith("warning")]
    row |= {"warnings": warnings} if warnings else {}
    if done.returncode != 0:
        failures.append(f"{name} on {chip} {sizes}: {done.stdout[-800:]}{done.stderr[-800:]}")
    if not arguments.no_runtime:
        made = tilec("compile", sizes, "-o", str(folder / "mock"))
        fault = made.stderr if made.returncode != 0 else through_runtime(folder / "mock", mock(chip))
        row["runtime"] = "accepts" if not fault else "fails"
        failures += [f"{name} on a mock {chip} {sizes}: {fault[-800:]}"] if fault else []
    if arguments.simulator:
        row["simulator_sizes"] = small
        row["simulator"] = simulate(arguments, folder, tilec, small, chip, scalars)
        if row["simulator"] != "equal bits":
            failures.append(f"{name} in the simulator of {chip} {small}: {row['simulator']}")
    return row


def mock(chip: str) -> dict:
    return {"TT_METAL_MOCK_CLUSTER_DESC_PATH": str(ROOT / f"scripts/tensix/{chip}.yaml")}


def through_runtime(folder: Path, device: dict, inputs: dict | None = None, outputs: dict | None = None) -> str:
    """Runs run.py; what it says if it fails. Inputs that are not given are zeros."""
    described = json.loads((folder / "program.json").read_text())
    command = [str(ROOT / ".tensix/venv/bin/python"), str(folder / "run.py")]
    for buffer in described["buffers"]:
        name = buffer["tensor"]
        if buffer["role"] == "input":
            file = (inputs or {}).get(name) or zeros(folder, buffer)
            command += ["--input", f"{name}={file}"]
    command += [word for name, file in (outputs or {}).items() for word in ("--output", f"{name}={file}")]
    cache = str(ROOT / "target/tensix-runtime")
    environment = {**os.environ, **RUNTIME, **device, "TT_METAL_CACHE": cache}
    # The runtime leaves files where it runs.
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LONGEST, env=environment, cwd=folder
    )
    return "" if done.returncode == 0 else (done.stdout + done.stderr) or f"exit code {done.returncode}"


def zeros(folder: Path, buffer: dict) -> Path:
    kinds = {"f32": "f4", "bf16": "u2", "f16": "f2", "f8e4m3": "u1", "f8e5m2": "u1", "i32": "i4", "i8": "i1", "u8": "u1"}
    path = folder / f"{buffer['tensor']}.npy"
    np.save(path, np.zeros(buffer["shape"], kinds[buffer["element"]]))
    return path


def simulate(arguments, folder: Path, tilec, sizes: dict, chip: str, scalars: dict) -> str:
    """The simulator's outputs against the emulator's, on the same inputs."""
    out = folder / "simulated"
    made = tilec("compile", sizes, "-o", str(out))
    if made.returncode != 0:
        return made.stderr[-800:]
    described = json.loads((out / "program.json").read_text())
    random = np.random.default_rng(0)
    inputs, outputs, given = {}, {}, []
    for buffer in described["buffers"]:
        name, file = buffer["tensor"], folder / f"{buffer['tensor']}.npy"
        if buffer["role"] == "input":
            np.save(file, scalars[name] * np.ones((), "f4") if name in scalars else draw(random, buffer))
            inputs[name] = file
        elif buffer["role"] == "output":
            outputs[name] = folder / f"simulated-{name}.npy"
    for name, file in inputs.items():
        given += ["--input", f"{name}={scalars.get(name, file)}"]
    emulated = {name: folder / f"emulated-{name}.npy" for name in outputs}
    given += [word for name, file in emulated.items() for word in ("--output", f"{name}={file}")]
    done = tilec("run", sizes, *given)
    if done.returncode != 0:
        return done.stderr[-800:]
    simulator = {"TT_METAL_SIMULATOR": str((arguments.simulator / chip / "libttsim.so").resolve())}
    fault = through_runtime(out, simulator, inputs, outputs)
    if fault:
        return fault[-800:]
    for name in outputs:
        ours, theirs = (np.load(of[name]) for of in (emulated, outputs))
        same = ours.view(f"u{ours.itemsize}") == theirs.view(f"u{theirs.itemsize}")
        if not same.all():
            return f"{name}: {(~same).sum()} of {same.size} elements differ"
    return "equal bits"


def draw(random, buffer: dict) -> np.ndarray:
    values = random.standard_normal(buffer["shape"]).astype("f4")
    match buffer["element"]:
        case "f32":
            return np.abs(values) if buffer["tensor"] in ("sa", "sb") else values
        case "bf16":
            return (values.view("u4") >> 16).astype("u2")
        case "f8e4m3" | "f8e5m2":
            codes = random.integers(0, 120, buffer["shape"], dtype="u1")
            return codes | random.integers(0, 2, buffer["shape"], dtype="u1") << 7
        case other:
            raise SystemExit(f"draws no {other}")


if __name__ == "__main__":
    main()
