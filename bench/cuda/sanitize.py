"""compute-sanitizer over one program of each family of kernels.

    bench/cuda/emit.sh target/release/tilec OUT
    python bench/cuda/sanitize.py OUT

Runs this script again under memcheck, racecheck, synccheck and initcheck, once for each
program below, on small ragged sizes, several at once. A finding that is a tool's own
mistake has to be listed in KNOWN with the argument why it is one.

racecheck credits an arrival at an mbarrier to the arriving thread alone. Where a warp
writes to shared memory, __syncwarp orders the writes of all lanes before one lane
arrives for all: sound, but every write of another lane is reported. So racecheck runs
copies of the programs in which each lane arrives for itself, and finds all else.
Writes bench/results/cuda_sanitizer.json.
"""

import argparse
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Timer

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/reference"), str(ROOT / "bench")]

TOOLS = {
    # Reads past the end of an allocation that another one follows are seen too.
    "memcheck": ["--padding", "256"],
    "racecheck": ["--racecheck-report", "all"],
    "synccheck": [],
    "initcheck": [],
}
# Seconds that a tool may take for a program, and how many run at once.
LONGEST, AT_ONCE = 90, 14
# By tool: a pattern of a finding, and why it is the tool that is mistaken.
KNOWN: dict[str, list[tuple[str, str]]] = {tool: [] for tool in TOOLS} | {
    "initcheck": [
        (
            r"Uninitialized access to 0x[0-9a-f]+ on access by cudaMemcpy source",
            "outputs that leave as boxes are written by the copy engine (cp.async.bulk.tensor, shared to global), "
            "which the tool does not follow; the values that are then copied back are compared with the reference "
            "in the same run, and in check.py after the output was poisoned",
        )
    ],
}

# How tokens spread over experts, as tests/reference/moe_routers.py numbers them.
TIES, ONE = 1, 2
# Family: chip, program, sizes. Small, with ragged edges and more than one tile.
CASES = [
    ("wgmma, FP8, block scales", "h200", "scaled__scaled_usual", (200, 392, 640)),
    ("wgmma, FP8, one scale", "h200", "scaled__scaled_tensor", (200, 392, 640)),
    ("wgmma, FP8, small M", "h200", "scaled__scaled_usual", (16, 6400, 512)),
    ("wgmma, FP8, small M, k split", "h200", "scaled__scaled_usual", (16, 256, 1024)),
    ("wgmma, FP8, not aligned", "h200", "scaled__scaled_rows", (77, 129, 131)),
    ("wgmma, bf16", "h200", "types__gemm_bf16", (200, 392, 320)),
    ("wgmma, bf16, small M", "h200", "types__gemm_bf16", (16, 6400, 512)),
    ("wgmma, bf16, small M, k split", "h200", "types__gemm_bf16", (16, 512, 1024)),
    ("wgmma, f16", "h200", "types__gemm_f16", (130, 264, 192)),
    ("wgmma, tf32", "h200", "types__gemm_tf32", (130, 264, 192)),
    ("wgmma, i8", "h200", "types__gemm_i8_plain", (130, 264, 192)),
    ("transposed operands", "h200", "layouts__bf16_tn", (136, 264, 200)),
    ("batched", "h200", "layouts__fp8_batched", (2, 130, 264, 256)),
    ("epilogue", "h200", "epilogues__all_at_once", (130, 264, 384)),
    ("f32 arithmetic", "h200", "types__gemm_f32", (65, 77, 129)),
    ("quantized operand", "h200", "prologues__quantize_gemm", (130, 136, 3)),
    ("mma.sync, bf16", "a100", "types__gemm_bf16", (130, 136, 192)),
    ("mma.sync, FP8 widened", "a100", "scaled__scaled_usual", (130, 136, 256)),
    ("mma.sync, i8", "a100", "types__gemm_i8_plain", (65, 77, 129)),
    ("rows", "h200", "rmsnorm__rmsnorm", (65, 1001)),
    ("rows in segments", "h200", "quantize__quantize_strips", (33, 1001)),
    ("long rows", "h200", "softmax__softmax", (2, 40001)),
    ("scan", "h200", "prefix_sum__prefix_sum", (3, 3000)),
    # Rows of eight kinds, one after the other: ties, all alike, NaN, neighbors one ulp apart.
    ("selection by warps", "h200", "topk__topk", (33, 252, 8)),
    ("selection by small blocks", "h200", "topk__topk", (9, 3001, 65)),
    ("selection by blocks, narrow keys", "h200", "select__of_narrow", (9, 20000, 300)),
    ("selection by blocks, more than fit", "h200", "topk__topk", (4, 16000, 16000)),
    ("selection by 4 parts", "h200", "topk__topk", (9, 33000, 64)),
    ("selection by 132 parts", "h200", "topk__topk", (2, 262148, 300)),
    ("selection of one row", "h200", "select__of_row", (270001,)),
    ("selection in stages", "h200", "topk__topk_staged", (9, 129, 127, 64)),
    ("selection, keys computed", "h200", "select__of_bf16", (3, 3, 5003)),
    ("selection, later places", "h200", "select__later", (9, 5000, 100)),
    ("order", "h200", "order__order_f16", (9, 129)),
    ("drawn of the most likely", "h200", "sample__sample", (9, 5000, 300, 0)),
    ("drawn of a whole order", "h200", "top_p__top_p", (5, 700)),
    ("drawn numbers", "h200", "random__dropout", (65, 129)),
    ("router with ties", "h200", "routers__softmax_all", (128, 64, 8, TIES)),
    ("router of groups of experts", "h200", "routers__grouped_biased", (128, 8, 32, 4, 8)),
    ("places of tokens with experts", "h200", "capacity__capacity", (65, 6, 65, 2)),
    ("mixture of experts", "h200", "fusedmoe__fused_moe", (129, 128, 192, 8, 2)),
    ("mixture of experts, ragged", "h200", "fusedmoe__fused_moe", (33, 65, 63, 5, 3)),
    ("mixture of experts, all to one", "h200", "capacity__fused_moe_capacity", (300, 64, 32, 4, 1, 400, ONE)),
    ("mixture of experts, no room", "h200", "capacity__fused_moe_capacity", (24, 40, 32, 16, 4, 1, ONE)),
    ("mixture of experts, own matrices", "h200", "shared__fused_moe_shared", (129, 64, 48, 65, 8, 2, ONE)),
    ("experts, FP8", "h200", "moe_variants__experts_fp8", (65, 256, 129, 4, 2)),
    ("experts, i8", "h200", "moe_variants__experts_i8", (33, 128, 80, 4, 2)),
    ("grouped, any order", "h200", "grouped_gemm__grouped_gemm", (300, 136, 192, 5)),
    ("grouped, sorted, empty groups", "h200", "grouped_gemm__grouped_gemm_sorted", (65, 136, 192, 129)),
    ("grouped by offsets", "h200", "grouped_gemm_offsets__grouped_gemm_offsets", (300, 129, 63, 8)),
    ("grouped, masked", "h200", "grouped_gemm_masked__grouped_gemm_masked", (5, 130, 136, 64)),
    ("mma.sync, mixture of experts", "a100", "capacity__fused_moe_capacity", (128, 40, 32, 64, 8, 16, ONE)),
    ("mma.sync, experts, FP8", "a100", "moe_variants__experts_fp8", (65, 256, 129, 4, 2)),
    ("mma.sync, grouped", "a100", "grouped_gemm__grouped_gemm", (300, 136, 192, 5)),
    ("points", "h200", "guards__*", None),
    ("whole reductions", "h200", "reductions__reduce_shapes", (65, 129)),
    ("histogram", "h200", "histogram__*", None),
]


def cases(folder: Path):
    """With the names that end in a star replaced by the first such program."""
    import trials

    by_place = {f"{Path(kernel.file).stem}__{kernel.name}": kernel for kernel in trials.KERNELS.values()}
    for family, chip, name, point in CASES:
        if name.endswith("*"):
            name = next(place for place in by_place if place.startswith(name[:-1]))
            point = next((p for p in reversed(by_place[name].points) if all(p)), by_place[name].points[-1])
        yield family, folder / chip / name, by_place[name], point


def each_lane_arrives(source: str) -> str:
    """A program whose loading warps do not elect a lane to arrive for them."""
    return "__global__".join(map(each_lane_of, source.split("__global__")))


def each_lane_of(source: str) -> str:
    """One function of it."""
    elected = r"if \(tilec::elect_one\(\)\) (tilec::barrier_arrive\((\w+) \+ )"
    barriers = {match[2] for match in re.finditer(elected, source)}
    count = r"(tilec::barrier_init\((\w+) \+ 8 \* i, )(\d+)\)"

    def raised(match) -> str:
        # Three warps bring scales.
        more = 3 * 31 if match[2] in barriers else 0
        return f"{match[1]}{int(match[3]) + more})"

    return re.sub(elected, r"\1", re.sub(count, raised, source))


def spelled_out(folder: Path, places: list[Path]) -> Path:
    """A folder with copies of the programs for racecheck."""
    copies = folder / "each_lane"
    for at in places:
        copy = copies / at.relative_to(folder)
        shutil.copytree(at, copy, dirs_exist_ok=True)
        for source in copy.glob("*.cu"):
            source.write_text(each_lane_arrives(source.read_text()))
    return copies


def inside(folder: Path, wanted: str) -> None:
    """What runs under the tools: the program of a family once, its result checked."""
    import trials
    import gpu
    import program

    gpu.install()
    bare = load_bare(folder)
    for family, at, kernel, point in cases(folder):
        if family != wanted:
            continue
        trial = trials.prepare(kernel.name, point, "random", 1)
        print(f"== {family}: {at.parent.name} {at.name} {point}", flush=True)
        got = launch(bare, program.Program(at), trial)
        for name, expected in trial.expected.items():
            trials.judge(kernel, name, got[name], expected, "random")


def load_bare(folder: Path):
    library = ctypes.CDLL(str(folder / "bare.so"))
    for name, result, arguments in [
        ("allocate", ctypes.c_void_p, [ctypes.c_size_t]),
        ("copy", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]),
        ("finish", ctypes.c_char_p, []),
        ("free", None, [ctypes.c_void_p]),
    ]:
        function = getattr(library, f"bare_{name}")
        function.restype, function.argtypes = result, arguments
    return library


def launch(bare, built, trial) -> dict:
    """One launch. Outputs and workspace hold nothing before it, so initcheck sees what is read too early."""
    import numpy as np
    import program

    sizes = built.sizes({name: array.shape for name, array in trial.inputs.items()}, trial.sizes)
    given, outputs = {}, {}
    for argument in built.manifest["arguments"]:
        name, shape = argument["name"], [program.evaluate(f, sizes) for f in argument["shape"]]
        if argument["output"]:
            outputs[name] = np.empty(shape, program.ELEMENTS[argument["element"]])
            given[name] = bare.bare_allocate(max(outputs[name].nbytes, 1))
        elif shape:
            array = np.ascontiguousarray(trial.inputs[name])
            given[name] = bare.bare_allocate(max(array.nbytes, 1))
            assert not bare.bare_copy(given[name], array.ctypes.data, array.nbytes)
        else:
            given[name] = trial.inputs[name]
    needed = max(built.abi.workspace_bytes(sizes), 0)
    workspace = bare.bare_allocate(max(needed, 1))
    told = built.abi.launch(built.abi.pack(sizes, given), workspace, needed, None) or bare.bare_finish()
    assert not told, told
    for name, array in outputs.items():
        assert not bare.bare_copy(array.ctypes.data, given[name], array.nbytes)
    for address in [workspace, *(a for a in given.values() if isinstance(a, int))]:
        bare.bare_free(address)
    return outputs


def run(tool: str, family: str, folder: Path, sanitizer: str) -> dict:
    start = time.time()
    command = [sanitizer, "--tool", tool, *TOOLS[tool], sys.executable, __file__, str(folder), "--inside", family]
    # What a tool has not said by then counts as not launched.
    done = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    timer = Timer(LONGEST, lambda: os.killpg(done.pid, signal.SIGKILL))
    timer.start()
    text = done.communicate()[0]
    timer.cancel()
    reported = [line.lstrip("= ") for line in text.splitlines() if line.startswith("=====")]
    found = [line for line in reported if re.match(r"(Error|Warning|Invalid|Uninit|Barrier|Race|Potential|Program)", line)]
    known = [line for line in found if any(re.search(pattern, line) for pattern, _ in KNOWN[tool])]
    result = {
        "date": date.today().isoformat(),
        "seconds": round(time.time() - start, 1),
        "summary": [line for line in reported if "SUMMARY" in line],
        "findings": [line for line in found if line not in known][:20],
        "known": known[:20],
    }
    if done.returncode or not result["summary"] or not re.search(r"^== ", text, re.MULTILINE):
        result["log"] = text[-3000:].splitlines()
    print(tool, family, result["summary"], result["findings"][:2], f"{result['seconds']} s", flush=True)
    return result


def before(arguments) -> dict[str, dict]:
    """What tools found earlier, where only some are run, or only on some programs."""
    found = {tool: {} for tool in TOOLS}
    if (arguments.tool or arguments.family) and arguments.json.exists():
        found |= json.loads(arguments.json.read_text())["tools"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs compute-sanitizer over emitted programs.")
    parser.add_argument("folder", type=Path, help="what emit.sh wrote")
    parser.add_argument("--inside", metavar="FAMILY", help="launch one program, and nothing else")
    parser.add_argument("--tool", action="append", choices=TOOLS)
    parser.add_argument("--family", action="append", default=[], help="those whose name has this in it, of any given")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/cuda_sanitizer.json")
    arguments = parser.parse_args()
    if arguments.inside:
        return inside(arguments.folder, arguments.inside)
    import gpu
    import program

    tools = arguments.tool or list(TOOLS)
    families = [family for family, *_ in CASES if any(some in family for some in arguments.family or [""])]
    places = sorted({at for family, at, _, _ in cases(arguments.folder) if family in families})
    copies = spelled_out(arguments.folder, places)
    folders = {tool: copies if tool == "racecheck" else arguments.folder for tool in TOOLS}
    if "racecheck" in tools:
        places += [copies / at.relative_to(arguments.folder) for at in places]
    faults = {at.name: told for at, told in program.build_all(places).items() if told}
    assert not faults, faults
    source, library = Path(__file__).with_name("bare.cu"), arguments.folder / "bare.so"
    flags = [*program.compiler_flags("sm_90a"), "-shared", "-Xcompiler", "-fPIC"]
    subprocess.run([program.nvcc(), *flags, "-o", library, source], check=True)
    copies.mkdir(exist_ok=True)
    shutil.copy(library, copies)
    sanitizer = os.environ.get("COMPUTE_SANITIZER") or shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    # A machine that the tool cannot work on says so at the first.
    first = run(tools[0], families[0], folders[tools[0]], sanitizer)
    assert first["summary"], first["log"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        each = {
            tool: {family: pool.submit(run, tool, family, folders[tool], sanitizer) for family in families}
            for tool in tools
        }
        results = {tool: {family: job.result() for family, job in jobs.items()} for tool, jobs in each.items()}
    version = subprocess.run([sanitizer, "--version"], capture_output=True, text=True).stdout.split("\n")
    result = gpu.header("python bench/cuda/sanitize.py OUT") | {
        "sanitizer": next((line for line in version if "Version" in line), ""),
        "families": [[family, f"{chip} {name}"] for family, chip, name, _ in CASES],
        "known": {tool: [list(entry) for entry in KNOWN[tool]] for tool in TOOLS},
        "tools": {tool: found | results.get(tool, {}) for tool, found in before(arguments).items()},
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    everything = [found for families in results.values() for found in families.values()]
    for found in everything:
        print("\n".join(found.get("log", [])[-20:]))
    sys.exit(any(found["findings"] or "log" in found for found in everything))


if __name__ == "__main__":
    main()
