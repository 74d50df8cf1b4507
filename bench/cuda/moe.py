"""Mixtures of experts in FP8 on this machine's GPU: right, and how fast beside a composite
of torch's operators and Triton kernels in the same run.

    python bench/cuda/moe.py emit target/release/tilec OUT
    python bench/cuda/moe.py run OUT [--results FOLDER] [--only 128x256]

The reference goes through the experts one by one in f32, on what the program rounds to
FP8. Writes cuda_moe.json: by layer the times, the time of each of our kernels, the floor
by the bytes of the experts' matrices, and the largest and the mean error of a token; under
`dual` the same of the layer whose gate and up are a dual contraction, which ends in FP8.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests/reference"), str(HERE.parent), str(HERE)]


@dataclass(frozen=True)
class Layer:
    """Tokens, experts, slots, width of a token and of an expert; how tokens spread."""

    t: int
    e: int
    s: int
    d: int
    f: int
    spread: str = "even"

    @property
    def name(self) -> str:
        return f"{self.t}x{self.e}x{self.s}x{self.d}x{self.f}"

    @property
    def sizes(self) -> dict[str, int]:
        return {"T": self.t, "D": self.d, "F": self.f, "E": self.e, "S": self.s}


LAYERS = [
    Layer(2048, 256, 8, 4096, 2048),
    Layer(2048, 256, 8, 7168, 2048),
    Layer(2048, 256, 8, 7168, 2048, "zipf"),
    Layer(8192, 256, 8, 7168, 2048),
    Layer(128, 256, 8, 7168, 2048),
    Layer(4096, 8, 2, 4096, 14336),
    Layer(4096, 128, 8, 4096, 1536),
]
# What is shown of a launch, longest first.
KERNELS_SHOWN = 12
# FP8 sums keep 14 bits, which moves some hidden numbers to the next FP8 number, and with
# the peak of a block a fifth of them. No token may be off by more than rounding hidden rows
# to FP8 changes at most, nor all of them, on average, by more than a fourth of its average.
WORST, MEAN = 1.0, 0.25
BLOCK, PEAK = 128, 448.0
# What asks for gate and up, and what is made of them in FP8, by one kernel.
DUAL = "\ntile fused_moe_fp8 on h200 { gate: dual = yes }\n"
# Bytes per second that are read at best.
READ = 4.3e12


def emit(tilec: str, out: Path, only: str) -> None:
    source, dual = ROOT / "examples/fusedmoe/fp8.tile", out / "dual.tile"
    out.mkdir(parents=True, exist_ok=True)
    dual.write_text(source.read_text() + DUAL)
    for layer in {layer.name: layer for layer in LAYERS if only in layer.name}.values():
        bound = [word for name, size in layer.sizes.items() for word in ("--set", f"{name}={size}")]
        for text, folder in ((source, out / layer.name), (dual, dual_folder(out, layer))):
            folder.mkdir(parents=True, exist_ok=True)
            command = [tilec, "compile", text, "--kernel", "fused_moe_fp8", *bound]
            command += ["--target", "cuda", "--chip", "h200", "-o", folder]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def dual_folder(out: Path, layer: Layer) -> Path:
    return out / f"{layer.name}-dual"


def tensors(layer: Layer) -> dict:
    """Random tokens, logits that spread tokens as asked, and experts in FP8."""
    import torch

    torch.manual_seed(7)
    x = torch.randn((layer.t, layer.d), device="cuda").bfloat16()
    logit = torch.randn((layer.t, layer.e), device="cuda")
    if layer.spread == "zipf":
        logit -= torch.log(torch.arange(1, layer.e + 1, device="cuda"))
    given = {"x": x, "logit": logit}
    for name, (rows, columns) in {
        "gate": (layer.f, layer.d),
        "up": (layer.f, layer.d),
        "down": (layer.d, layer.f),
    }.items():
        matrices = torch.empty((layer.e, rows, columns), dtype=torch.float8_e4m3fn, device="cuda")
        for matrix in matrices:
            matrix.copy_(torch.randn((rows, columns), device="cuda"))
        blocks = (layer.e, -(-rows // BLOCK), -(-columns // BLOCK))
        scales = (torch.rand(blocks, device="cuda") + 0.5) * columns**-0.5
        given |= {f"w_{name}": matrices, f"s_{name}": scales}
    return given


def rounded(x):
    """What is left of f32 in FP8 with a scale for each block of a row."""
    import torch

    blocks = x.view(len(x), -1, BLOCK)
    # By a tensor: torch multiplies by the reciprocal of a number, which moves what is
    # halfway between two codes, and of bf16 much is.
    peak = torch.full((1, 1, 1), PEAK, device=x.device)
    scale = blocks.abs().amax(dim=2, keepdim=True).clamp(min=1e-6) / peak
    return ((blocks / scale).to(torch.float8_e4m3fn).float() * scale).view_as(x)


def reference(layer: Layer, given: dict, hidden=rounded):
    """The layer expert by expert in f32, and how many rows each expert has; `hidden` is
    what becomes of hidden rows."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    x = rounded(given["x"].float())
    best, expert = torch.sort(given["logit"], dim=1, descending=True, stable=True)
    expert, weight = expert[:, : layer.s], torch.softmax(best[:, : layer.s], dim=1)
    out = torch.zeros_like(x)

    def through(rows, name, e):
        scales = given[f"s_{name}"][e].repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
        return rows @ (given[f"w_{name}"][e].float() * scales).T

    for e in range(layer.e):
        token, slot = torch.nonzero(expert == e, as_tuple=True)
        h = torch.nn.functional.silu(through(x[token], "gate", e)) * through(x[token], "up", e)
        y = through(hidden(h.bfloat16().float()), "down", e) if len(token) else h[:, :0]
        if len(token):
            out.index_add_(0, token, weight[token, slot][:, None] * y)
    return out, torch.bincount(expert.flatten(), minlength=layer.e)


def composite(layer: Layer, given: dict) -> dict:
    """The composite, if this machine's torch and Triton have what it takes."""
    try:
        import moe_composite

        matrices = [given[name] for name in ("x", "logit", "w_gate", "w_up", "w_down")]
        run = moe_composite.layer(*matrices, layer.s)
        run()
    except Exception as said:  # noqa: BLE001, whatever a peer raises, ours is measured
        print(f"no composite: {type(said).__name__}: {str(said)[:300]}", flush=True)
        return {}
    return {"composite": run}


def error(got, expected) -> dict[str, float]:
    """The largest and the mean error of a token, relative to its norm."""
    errors = (got.float() - expected).norm(dim=1) / expected.norm(dim=1)
    return {"worst": float(errors.max()), "mean": float(errors.mean())}


def is_right(row: dict) -> bool:
    """Whether two launches agreed to the bit, and errors are those of rounding."""
    coarse = row["error_of_fp8"]
    return all(
        of["repeats"] and of["error"]["worst"] < WORST * coarse["worst"] and of["error"]["mean"] < MEAN * coarse["mean"]
        for of in (row, row["dual"])
    )


def kernels(run) -> dict[str, float]:
    """Microseconds of each kernel of a launch, the longest."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        run()
        torch.cuda.synchronize()
    times = {event.key: round(event.self_device_time_total, 1) for event in profiled.key_averages()}
    longest = sorted(times.items(), key=lambda item: -item[1])[:KERNELS_SHOWN]
    return {name.removeprefix("fused_moe_fp8_")[:60]: us for name, us in longest}


def tried(layer: Layer, built, given: dict, expected) -> tuple:
    """What launches a program, and what came of two launches."""
    import timing
    import torch

    out = torch.full((layer.t, layer.d), float("nan"), dtype=torch.bfloat16, device="cuda")
    sizes = {size["name"]: layer.sizes[size["name"]] for size in built.manifest["sizes"]}
    ours = timing.Ours(built, sizes, given | {"out": out})
    ours()
    first = out.clone()
    ours()
    repeats = bool(torch.equal(first, out))
    return ours, {"error": error(first, expected), "repeats": repeats, "workspace_bytes": ours.bytes}


def measure(layer: Layer, built, dual) -> dict:
    import timing

    given = tensors(layer)
    expected, rows = reference(layer, given)
    coarse = error(reference(layer, given, hidden=lambda h: h)[0], expected)
    ours, found = tried(layer, built, given, expected)
    of_dual, found_dual = tried(layer, dual, given, expected)
    us = timing.microseconds({"ours": ours, "dual": of_dual} | composite(layer, given))
    touched = int((rows > 0).sum())
    result = {"layer": layer.name, "spread": layer.spread, "us": us, "error_of_fp8": coarse} | found
    result |= {"floor_us": round(3 * touched * layer.d * layer.f / READ * 1e6, 1)}
    result |= {"largest_group": int(rows.max()), "kernels": kernels(ours)}
    result |= {"dual": found_dual | {"kernels": kernels(of_dual)}}
    print(json.dumps(result), flush=True)
    return result


def run(out: Path, results: Path, only: str) -> None:
    import gpu
    import program
    import torch

    layers = [layer for layer in LAYERS if only in layer.name and (out / layer.name / "manifest.json").exists()]
    folders = {layer.name: out / layer.name for layer in layers}
    folders |= {f"{layer.name}-dual": dual_folder(out, layer) for layer in layers}
    faults = {folder.name: said for folder, said in program.build_all(list(folders.values())).items() if said}
    assert not faults, faults
    report = gpu.header("python bench/cuda/moe.py run OUT") | {"layers": []}
    results.mkdir(parents=True, exist_ok=True)
    for layer in layers:
        built, dual = (program.Program(folder) for folder in (out / layer.name, dual_folder(out, layer)))
        report["layers"].append(measure(layer, built, dual))
        torch.cuda.empty_cache()
        (results / "cuda_moe.json").write_text(json.dumps(report, indent=1) + "\n")
    wrong = [row["layer"] for row in report["layers"] if not is_right(row)]
    assert not wrong, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    emits, runs = commands.add_parser("emit"), commands.add_parser("run")
    emits.add_argument("tilec")
    for command in (emits, runs):
        command.add_argument("out", type=Path)
        command.add_argument("--only", default="", help="layers whose name has this in it")
    runs.add_argument("--results", type=Path, default=HERE.parent / "results")
    arguments = parser.parse_args()
    if arguments.command == "emit":
        emit(arguments.tilec, arguments.out, arguments.only)
    else:
        run(arguments.out, arguments.results, arguments.only)


if __name__ == "__main__":
    main()
