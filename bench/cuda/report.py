"""The tables and plots of docs/performance.md, made from bench/results.

    python bench/cuda/report.py

Writes each table between its markers, `<!-- table NAME -->` and `<!-- end -->`, and
the plots beside the results. A test fails where the page and the results differ.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench/results"
PAGE = ROOT / "docs/performance.md"
MISSING = "Not measured.\n"
# Column heads of the products, in their order.
HEADS = {
    "block": "block scales",
    "tensor": "one scale, promoted",
    "tensor_never": "one scale, never promoted",
    "rows": "scales per row",
    "bf16": "bf16",
}


def load(name: str) -> dict | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machine(result: dict) -> str:
    on = result["machine"]
    return f"{on['gpu']}, driver {on['driver']}, CUDA {on['cuda']}, torch {on['torch']}, {result['date']}.\n\n"


def gemm_ratios() -> str:
    """Ours over the peer, shape by shape."""
    result = load("cuda_gemm")
    if not result:
        return MISSING
    names = [name for name in HEADS if any(name in row["ratio"] for row in result["rows"])]

    def cell(row: dict, name: str) -> str:
        if name not in row["ratio"]:
            return "-"
        return f"{row['ratio'][name]:.2f} ({row['us'][name]:.0f} us, {row['tflops'][name]:.0f})"

    rows = [[", ".join(map(str, row["shape"])), *(cell(row, name) for name in names)] for row in result["rows"]]
    means = [f"**{result['geomean'][name]:.3f}**" for name in names]
    return machine(result) + table(["M, N, K", *(HEADS[n] for n in names)], [*rows, ["geometric mean", *means]])


def gemm_peers() -> str:
    """The peers' own times."""
    result = load("cuda_gemm")
    if not result:
        return MISSING
    names = sorted({name for row in result["rows"] for name in row["us"] if name.startswith("torch")})
    cell = lambda row, name: f"{row['us'][name]:.1f}" if name in row["us"] else "-"  # noqa: E731
    rows = [[", ".join(map(str, row["shape"])), *(cell(row, n) for n in names)] for row in result["rows"]]
    return table(["M, N, K", *(f"{name}, us" for name in names)], rows)


def small_m() -> str:
    """How much of the memory's bandwidth the smallest M takes."""
    result = load("cuda_gemm")
    row = next((row for row in result["rows"] if row["shape"] == [16, 7168, 16384]), None) if result else None
    if not row or "block" not in row["us"]:
        return MISSING
    limit = result["bytes_per_second"]["read"]
    rows = []
    for name in ("block", "rows", "tensor", "torch_block", "torch_tensor_fast", "read"):
        if name in row["us"]:
            rate = row["operand_bytes_per_second"][name]
            rows.append([name, f"{row['us'][name]:.1f}", f"{rate / 1e12:.2f} TB/s", f"{100 * rate / limit:.0f} %"])
    return table(["16, 7168, 16384", "us", "operands read at", "of the bandwidth of reading 2 GB"], rows)


def rowwise() -> str:
    result = load("cuda_rowwise")
    if not result:
        return MISSING
    rows = []
    for row in result["rows"]:
        peers = ", ".join(f"{name} {us:.0f} us" for name, us in row["us"].items() if name not in ("ours", "copy"))
        share = f"{100 * row['of_copy']:.0f} %" if "of_copy" in row else "-"
        size = " x ".join(map(str, row["shape"]))
        rows.append([f"`{row['program'].split('__')[-1]}`", size, str(row["launches"]), f"{row['us']['ours']:.0f}", share, peers or "-"])
    head = ["program", "size", "launches", "us", "of the speed of a copy", "peers"]
    return machine(result) + table(head, rows)


def checked() -> str:
    result = load("cuda_check")
    if not result:
        return MISSING
    worst = max((w for row in result["rows"] for w in row["worst"].values()), default=0)
    row = [str(result["kernels"]), ", ".join(result["chips"]), str(result["points"]), str(result["passed"]), f"{worst:.2f}"]
    return machine(result) + table(["kernels", "compiled for", "trials", "passed", "worst error / bound"], [row])


def run_checked() -> str:
    result = load("cuda_run_check")
    if not result:
        return MISSING
    chips = dict.fromkeys(row["chip"] for row in result["rows"])
    rows = []
    for chip in chips:
        of = [row for row in result["rows"] if row["chip"] == chip]
        rows.append([chip, str(len({row["kernel"] for row in of})), str(len(of)), str(sum(row["passed"] for row in of))])
    return machine(result) + table(["compiled for", "kernels", "runs", "passed"], rows)


def sanitized() -> str:
    result = load("cuda_sanitizer")
    if not result:
        return MISSING
    rows = []
    for tool, families in result["tools"].items():
        lost = [family for family, found in families.items() if "log" in found]
        counts = [sum(len(found[kind]) > 0 for found in families.values()) for kind in ("findings", "known")]
        rows.append([tool, str(len(families) - len(lost)), *map(str, counts), ", ".join(lost) or "-"])
    head = ["tool", "programs", "with findings", "with findings known to be false", "not finished"]
    return machine(result) + table(head, rows)


def profile() -> str:
    """What the counters say of products and their peers: of each, the kernel that takes longest."""
    result = load("cuda_profile")
    if not result:
        return MISSING
    longest: dict[str, dict] = {}
    for kernel in result["kernels"]:
        if kernel["of"] not in longest or kernel["us"] > longest[kernel["of"]]["us"]:
            longest[kernel["of"]] = kernel
    rows = []
    for of, kernel in longest.items():
        shape, product = of.split("/")
        name = kernel["kernel"].removeprefix(f"{of}/")
        tile = re.search(r"\d+x\d+", name)
        numbers = [kernel["us"], kernel["sm_megahertz"], kernel["tensor_busy_percent"], kernel["dram_percent"]]
        rows.append([shape.replace("x", ", "), product, tile.group() if tile else "-", *(f"{n:.0f}" for n in numbers)])
    head = ["M, N, K", "product", "tile", "us", "clock, MHz", "matrix unit busy, %", "memory busy, %"]
    return machine(result) + table(head, rows)


def latency() -> str:
    result = load("cuda_latency")
    if not result:
        return MISSING
    rows = [[f"`{row['kernel']}`", f"{row['milliseconds']:.1f}"] for row in result["emitted"]]
    text = table(["kernel", "ms to emitted text"], rows)
    rows = [
        [f"`{Path(row['file']).stem}`", f"{row['first_milliseconds']:.0f}", f"{row['cached_milliseconds']:.1f}"]
        for row in result["launched"]
    ]
    return text + ("\n" + table(["kernel", "first launch, ms", "from the cache, ms"], rows) if rows else "")


def quantize() -> str:
    """The error of ordinary columns beside outliers."""
    result = load("quantize")
    if not result:
        return MISSING
    head = ["target", "scales", *(f"outliers x {larger:,}" for larger in result["larger"])]
    rows = [
        [target, kernel.replace("_", " "), *(f"{error:.4f}" for error in errors)]
        for target, of in result["rows"].items()
        for kernel, errors in of.items()
    ]
    return f"{result['data']}, {result['date']}.\n\n" + table(head, rows)


def tensix_checked() -> str:
    """Emitted Tensix programs on the full grids."""
    result = load("tensix_check")
    if not result:
        return MISSING
    sizes = lambda of: ", ".join(f"{name} {value}" for name, value in of.items())  # noqa: E731
    simulated = lambda row: f"{row['simulator']} ({sizes(row['simulator_sizes'])})" if "simulator" in row else "-"  # noqa: E731
    rows = [
        [f"`{row['kernel']}`", row["chip"], sizes(row["sizes"]), row["emulator"], row.get("runtime", "-"), simulated(row)]
        for row in result["rows"]
    ]
    head = ["kernel", "chip", "sizes", "emulator", "runtime on a mock device", "emulator beside simulator"]
    return f"{result['date']}.\n\n" + table(head, rows)


def tensix_traffic() -> str:
    """What a large product moves, counted by the emulator."""
    result = load("tensix_traffic")
    if not result:
        return MISSING
    row, limits = result["row"], result["limits"]
    over = row["tile_products_of_busiest_core"] / row["tile_products_of_mean_core"]
    rows = [
        ["DRAM traffic", f"{row['dram_bytes'] / 1e6:.1f} MB", f"{limits['dram_bytes'] / 1e6:.0f} MB"],
        ["work of the busiest core over the mean", f"{over:.3f}", f"{limits['most_over_mean']}"],
    ]
    return f"{result['date']}.\n\n" + table(["4096 x 4096 x 4096 in bf16, wormhole_n150", "counted", "at most"], rows)


def selections() -> str:
    """The first of each row, beside torch.topk and the goal."""
    result = load("cuda_topk")
    if not result:
        return MISSING
    rows = []
    for row in result["speeds"]:
        ours, peer = row["us"]["ours"], row["us"]["torch.topk"]
        size = f"{row['rows']} x {row['length']}"
        cells = [f"{ours:.1f}", str(row["goal"]), f"{peer:.0f}", f"{peer / ours:.1f}"]
        rows.append([size, str(row["places"]), row["type"], *cells])
    head = ["rows", "first", "keys", "us", "goal, us", "torch.topk, us", "times as fast"]
    return machine(result) + table(head, rows)


def experts() -> str:
    """Whole layers of experts in FP8."""
    result = load("cuda_moe")
    if not result:
        return MISSING
    rows = []
    for row in result["layers"]:
        ours, peer = row["us"]["ours"], row["us"].get("composite")
        beside = [f"{peer:.0f}", f"{peer / ours:.2f}"] if peer else ["-", "-"]
        error = f"{100 * row['error']['mean']:.2f} ({100 * row['error_of_fp8']['mean']:.2f})"
        layer = row["layer"].replace("x", ", ")
        rows.append([layer, row["spread"], f"{ours:.0f}", *beside, f"{row['floor_us']:.0f}", error])
    head = ["T, E, S, D, F", "tokens spread", "us", "composite, us", "ratio", "matrices alone, us", "mean error, %"]
    return machine(result) + table(head, rows)


TABLES = {
    "gemm_ratios": gemm_ratios,
    "gemm_peers": gemm_peers,
    "small_m": small_m,
    "rowwise": rowwise,
    "profile": profile,
    "checked": checked,
    "run_checked": run_checked,
    "sanitized": sanitized,
    "latency": latency,
    "selections": selections,
    "experts": experts,
    "quantize": quantize,
    "tensix_checked": tensix_checked,
    "tensix_traffic": tensix_traffic,
}


def rendered(page: str) -> str:
    """The page with its tables made anew."""

    def fill(found: re.Match) -> str:
        return f"<!-- table {found[1]} -->\n{TABLES[found[1]]()}<!-- end -->"

    return re.sub(r"<!-- table (\w+) -->\n.*?<!-- end -->", fill, page, flags=re.DOTALL)


def plot_gemm(path: Path) -> None:
    result = load("cuda_gemm")
    if not result:
        return
    import matplotlib

    matplotlib.use("svg")
    # The same numbers give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "tilec"
    matplotlib.rcParams["svg.fonttype"] = "none"
    import matplotlib.pyplot as plt

    names = [name for name in HEADS if any(name in row["ratio"] for row in result["rows"])]
    rows = result["rows"]
    figure, axes = plt.subplots(figsize=(11, 4.5))
    width = 0.8 / max(len(names), 1)
    for at, name in enumerate(names):
        places = [i + (at - (len(names) - 1) / 2) * width for i in range(len(rows))]
        axes.bar(places, [row["ratio"].get(name, 0) for row in rows], width, label=HEADS[name])
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xticks(range(len(rows)), ["\n".join(map(str, row["shape"])) for row in rows], fontsize="small")
    axes.set_ylabel("time of cuBLASLt / ours")
    axes.set_title(f"Dense products, M N K, {result['machine']['gpu']}")
    axes.legend(ncols=3, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    PAGE.write_text(rendered(PAGE.read_text()))
    plot_gemm(RESULTS / "cuda_gemm.svg")


if __name__ == "__main__":
    main()
