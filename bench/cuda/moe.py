"""Mixtures of experts on this machine's GPU: right, and how fast beside a composite of
torch's own operators in the same run.

    python bench/cuda/moe.py emit target/release/tilec OUT
    python bench/cuda/moe.py run OUT [--results FOLDER] [--only 128x256]

The composite is torch's routing, `torch._grouped_mm`, SwiGLU and a sum over slots. The
reference goes through the experts one by one in f32. Writes cuda_moe.json: by layer the
times, the time of each of our kernels, and the largest error of a token.
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
# Experts whose order rounding may change are this close; such tokens are not compared.
NEAR_TIE = 1e-4
# Sums in another order, and h in bf16 on the other side of a tie.
WORST_TOKEN = 5e-3


def emit(tilec: str, out: Path, only: str) -> None:
    for layer in {layer.name: layer for layer in LAYERS if only in layer.name}.values():
        bound = [word for name, size in layer.sizes.items() for word in ("--set", f"{name}={size}")]
        source = ROOT / "examples/fusedmoe/fusedmoe.tile"
        folder = out / layer.name
        folder.mkdir(parents=True, exist_ok=True)
        command = [tilec, "compile", source, "--kernel", "fused_moe", *bound]
        subprocess.run([*command, "--target", "cuda", "--chip", "h200", "-o", folder], check=True, stdout=subprocess.DEVNULL)


def tensors(layer: Layer) -> dict:
    """Random tensors in bf16; the first number of a token is 1, the router's first column
    then says how tokens spread."""
    import torch

    torch.manual_seed(7)

    def matrix(*shape):
        scaled = torch.empty(shape, dtype=torch.bfloat16, device="cuda").normal_()
        return scaled.mul_(shape[-1] ** -0.5)

    x, router = matrix(layer.t, layer.d) * layer.d**0.5, matrix(layer.e, layer.d)
    x[:, 0] = 1
    if layer.spread == "zipf":
        router[:, 0] = -torch.log(torch.arange(1, layer.e + 1, device="cuda")).to(torch.bfloat16)
    up, down = (layer.e, layer.f, layer.d), (layer.e, layer.d, layer.f)
    return {"x": x, "router": router, "w_gate": matrix(*up), "w_up": matrix(*up), "w_down": matrix(*down)}


def reference(layer: Layer, given: dict):
    """The layer expert by expert in f32, which tokens are sure of their experts, and how
    many rows each expert has."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    x = given["x"].float()
    logit = x.double() @ given["router"].double().T
    best, expert = torch.sort(logit, dim=1, descending=True, stable=True)
    close = best[:, layer.s - 1] - best[:, layer.s] if layer.s < layer.e else torch.ones(len(best))
    expert = expert[:, : layer.s]
    weight = torch.softmax(best[:, : layer.s], dim=1).float()
    out = torch.zeros_like(x)
    for e in range(layer.e):
        token, slot = torch.nonzero(expert == e, as_tuple=True)
        rows = x[token]
        gate, up = (rows @ given[name][e].float().T for name in ("w_gate", "w_up"))
        h = (torch.nn.functional.silu(gate) * up).bfloat16().float()
        out.index_add_(0, token, weight[token, slot][:, None] * (h @ given["w_down"][e].float().T))
    return out, close.to(x.device) > NEAR_TIE, torch.bincount(expert.flatten(), minlength=layer.e)


def composite(layer: Layer, given: dict):
    """The layer in torch's operators, none of which waits for the GPU."""
    import torch

    x, router = given["x"], given["router"].T
    both = torch.cat([given["w_gate"], given["w_up"]], dim=1).transpose(1, 2)
    down = given["w_down"].transpose(1, 2)
    groups = torch.arange(layer.e, device="cuda")

    def run():
        best, expert = torch.topk(torch.mm(x, router, out_dtype=torch.float32), layer.s, dim=1)
        weight = torch.softmax(best, dim=1)
        sorted_experts, order = torch.sort(expert.flatten(), stable=True)
        ends = torch.searchsorted(sorted_experts, groups, right=True).int()
        gate, up = torch._grouped_mm(x[order // layer.s], both, offs=ends).chunk(2, dim=1)
        y = torch._grouped_mm(torch.nn.functional.silu(gate) * up, down, offs=ends)
        slots = torch.empty_like(y)
        slots[order] = y
        return (slots.view(layer.t, layer.s, layer.d) * weight[:, :, None]).sum(1).bfloat16()

    return run


def error(got, expected, sure) -> float:
    """The largest error of a token that is sure of its experts, relative to its norm."""
    difference = (got.float() - expected).norm(dim=1) / expected.norm(dim=1)
    return float(difference[sure].max())


def kernels(run) -> dict[str, float]:
    """Microseconds of each kernel of a launch, the longest."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        run()
        torch.cuda.synchronize()
    times = {event.key: round(event.self_device_time_total, 1) for event in profiled.key_averages()}
    longest = sorted(times.items(), key=lambda item: -item[1])[:KERNELS_SHOWN]
    return {name.removeprefix("fused_moe_")[:60]: us for name, us in longest}


def measure(layer: Layer, built) -> dict:
    import timing
    import torch

    given = tensors(layer)
    expected, sure, rows = reference(layer, given)
    out = torch.full((layer.t, layer.d), float("nan"), dtype=torch.bfloat16, device="cuda")
    sizes = {size["name"]: layer.sizes[size["name"]] for size in built.manifest["sizes"]}
    ours = timing.Ours(built, sizes, given | {"out": out})
    ours()
    first = out.clone()
    found = {"ours": error(out, expected, sure)}
    ours()
    peer = composite(layer, given)
    found["composite"] = error(peer(), expected, sure)
    us = timing.microseconds({"ours": ours, "composite": peer})
    result = {"layer": layer.name, "spread": layer.spread, "us": us, "error": found}
    result |= {"repeats": bool(torch.equal(first, out)), "near_ties": int((~sure).sum())}
    result |= {"largest_group": int(rows.max()), "workspace_bytes": ours.bytes, "kernels": kernels(ours)}
    print(json.dumps(result), flush=True)
    return result


def run(out: Path, results: Path, only: str) -> None:
    import gpu
    import program
    import torch

    layers = [layer for layer in LAYERS if only in layer.name and (out / layer.name / "manifest.json").exists()]
    folders = {layer.name: out / layer.name for layer in layers}
    faults = {folder.name: said for folder, said in program.build_all(list(folders.values())).items() if said}
    assert not faults, faults
    report = gpu.header("python bench/cuda/moe.py run OUT") | {"layers": []}
    results.mkdir(parents=True, exist_ok=True)
    for layer in layers:
        report["layers"].append(measure(layer, program.Program(folders[layer.name])))
        torch.cuda.empty_cache()
        (results / "cuda_moe.json").write_text(json.dumps(report, indent=1) + "\n")
    wrong = [row["layer"] for row in report["layers"] if not row["repeats"] or not row["error"]["ours"] < WORST_TOKEN]
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
