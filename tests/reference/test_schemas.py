"""What the compiler writes as JSON is of the published schemas (`docs/schemas`): the
manifest and the plan of every program of the repository, and the programs for Tensix. A file
with anything missing, added or of another type is refused."""

import copy
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import jsonschema_rs
import pytest

import tilec

SCHEMAS = tilec.ROOT / "docs/schemas"
FILES = [path for part in ("examples", "tests/cases") for path in sorted((tilec.ROOT / part).rglob("*.tile"))]
KERNELS = [
    (path, name)
    for path in FILES
    # Of regressions, some have mistakes.
    if not {"errors", "regressions"} & set(path.parts)
    for name in re.findall(r"^kernel (\w+)", path.read_text(), re.MULTILINE)
]
GEMM = ("examples/gemm_fp8/gemm_fp8.tile", "gemm_fp8", "M=64 N=160 K=256")
#: The only near miss of its file: its plan says what was declined.
NEAR_MISS = ("tests/cases/near_misses/diagonal.tile", "near_miss")
#: What may be left out.
OPTIONAL = ("default", "unpack_to_dst")
SOFTMAX = ("examples/softmax/softmax.tile", "softmax", "M=40 N=300")


def schema(name):
    """The validator of a published schema, which is itself checked."""
    text = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema_rs.meta.validate(text)
    return jsonschema_rs.Draft202012Validator(text)


def compile(file, kernel, folder, *more):
    words = [tilec.binary(), "compile", str(tilec.ROOT / file), "--kernel", kernel, "-o", str(folder)]
    done = subprocess.run([*words, *more], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{file}, {kernel}: {done.stderr}"
    return done.stdout


def manifest(case, folder):
    compile(*case, folder, "--target", "cuda", "--chip", "h200")
    return json.loads((folder / "manifest.json").read_text())


def plan(case, folder):
    return json.loads(compile(*case, folder, "--target", "cuda", "--chip", "h200", "--emit", "plan-json"))


def program(file, kernel, sizes, chip, folder):
    sets = [word for size in sizes.split() for word in ("--set", size)]
    compile(file, kernel, folder, "--target", "tt", "--chip", chip, *sets)
    return json.loads((folder / "program.json").read_text())


@pytest.mark.parametrize("write", (manifest, plan), ids=lambda write: write.__name__)
def test_every_program_is_of_the_schema(write, tmp_path):
    validator = schema(write.__name__)
    assert len(KERNELS) > 150, len(KERNELS)

    def check(at):
        folder = tmp_path / str(at)
        written = write(KERNELS[at], folder)
        assert written["kernel"] == KERNELS[at][1]
        return [f"{KERNELS[at]}: {fault.instance_path}: {fault.message}" for fault in validator.iter_errors(written)]

    with ThreadPoolExecutor(2) as pool:
        assert [fault for faults in pool.map(check, range(len(KERNELS))) for fault in faults] == []


@pytest.mark.parametrize("chip", ("wormhole_n150", "blackhole_p150"))
@pytest.mark.parametrize("case", (GEMM, SOFTMAX), ids=lambda case: case[1])
def test_programs_for_tensix_are_of_the_schema(case, chip, tmp_path):
    written = program(*case, chip, tmp_path)
    assert [fault.message for fault in schema("program").iter_errors(written)] == []


def breaks(value, path=()):
    """Ways to spoil a document: where, and what to do with the object or list there."""
    if isinstance(value, dict):
        yield path, lambda it: it.update(surprise=1)
        for key in value:
            if key not in OPTIONAL:
                yield path, lambda it, key=key: it.pop(key)
            yield path, lambda it, key=key: it.update({key: {"of": "another type"}})
            yield from breaks(value[key], (*path, key))
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield path, lambda it, at=at: it.__setitem__(at, {"of": "another type"})
            yield from breaks(part, (*path, at))


def spoiled(document, path, spoil):
    document = copy.deepcopy(document)
    at = document
    for step in path:
        at = at[step]
    spoil(at)
    return document


@pytest.mark.parametrize("kind", ("manifest", "plan", "program"))
def test_what_is_spoiled_anywhere_is_refused(kind, tmp_path):
    written = {
        "manifest": lambda: manifest(SOFTMAX[:2], tmp_path),
        "plan": lambda: plan(NEAR_MISS, tmp_path),
        "program": lambda: program(*SOFTMAX, "blackhole_p150", tmp_path),
    }[kind]()
    validator = schema(kind)
    assert validator.is_valid(written)
    passed = [path for path, spoil in breaks(written) if validator.is_valid(spoiled(written, path, spoil))]
    assert passed == []
