"""FP8 GEMM from PyTorch: quantize, multiply, compare with torch._scaled_mm, plot.

    python examples/gemm_fp8/gemm_fp8.py [--rows 4096] [--columns 7168] [--depth 2048] [--plot gemm_fp8.svg]

Activations in which one value in 10,000 is 100,000 times as large as the others are
multiplied with weights, under every kind of scales. For each kind: the error of a row
against the product in f64, that of torch._scaled_mm on the same codes where it has that kind,
and, on a GPU, the times of both. Without a GPU the same runs on the CPU, at small sizes.
"""

import argparse

import torch

import tilec.ops

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
#: What has a scale of its own in the activations, and in the weights.
KINDS = {
    "tensor": (None, None),
    "rows": ((1, -1), (1, -1)),
    "1x128, 1x128": ((1, 128), (1, 128)),
    "1x128, 128x128": ((1, 128), (128, 128)),
}


def main() -> None:
    sizes = parse()
    x, weight = data(sizes.rows, sizes.columns, sizes.depth)
    exact = x.double() @ weight.double().t()
    rows = [row(name, x, weight, exact, *blocks) for name, blocks in KINDS.items()]
    show(rows)
    if sizes.plot:
        plot(rows, sizes)


def parse() -> argparse.Namespace:
    small = DEVICE == "cpu"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=64 if small else 4096)
    parser.add_argument("--columns", type=int, default=256 if small else 7168)
    parser.add_argument("--depth", type=int, default=512 if small else 2048)
    parser.add_argument("--plot", metavar="FILE", help="needs matplotlib")
    return parser.parse_args()


def data(rows: int, columns: int, depth: int):
    torch.manual_seed(0)
    x = torch.randn(rows, depth, device=DEVICE)
    x = torch.where(torch.rand_like(x) < 1e-4, x * 1e5, x)
    return x.bfloat16(), torch.randn(columns, depth, device=DEVICE, dtype=torch.bfloat16)


def row(name: str, x, weight, exact, block_x, block_weight) -> dict:
    """What is to be said of one kind of scales."""
    a, scale_a = tilec.ops.quantize_fp8(x, block_x)
    b, scale_b = tilec.ops.quantize_fp8(weight, block_weight)

    def ours():
        return tilec.ops.fp8_gemm(a, b, scale_a, scale_b)

    peer = peer_of(name, a, b, scale_a, scale_b)
    return {
        "scales": name,
        "error": error(ours(), exact),
        "peer_error": error(peer(), exact) if peer else None,
        "us": microseconds(ours),
        "peer_us": microseconds(peer) if peer else None,
    }


def peer_of(name: str, a, b, scale_a, scale_b):
    """torch._scaled_mm with these scales, as it wants them laid out; None where this
    PyTorch or this device has no such product."""
    if name == "rows":
        scale_a, scale_b = scale_a[:, None], scale_b[None, :]
    if name.startswith("1x128"):
        # Those of each block of k lie together.
        scale_a, scale_b = scale_a.t().contiguous().t(), scale_b.t()
        if name == "1x128, 1x128":
            scale_b = scale_b.contiguous()

    def peer():
        return torch._scaled_mm(a, b.t(), scale_a, scale_b, out_dtype=torch.bfloat16)

    try:
        peer()
    except (RuntimeError, NotImplementedError, ValueError):
        return None
    return peer


def error(result, exact) -> float:
    """The error of a row over its length, the mean of all rows."""
    return float(((result.double() - exact).norm(dim=1) / exact.norm(dim=1)).mean())


def microseconds(call, repeats: int = 20):
    """The median time of a call on a GPU; None without one."""
    if DEVICE == "cpu":
        return None
    flush = torch.empty(256 << 20, dtype=torch.uint8, device=DEVICE)
    times = []
    for _ in range(repeats + 3):
        flush.zero_()
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e3)
    return sorted(times[3:])[repeats // 2]


def show(rows: list) -> None:
    print(f"{'scales':16} {'error':>9} {'_scaled_mm':>11} {'us':>8} {'_scaled_mm':>11}")
    text = lambda value, form: "-" if value is None else form.format(value)
    for each in rows:
        cells = (text(each["error"], "{:.2e}"), text(each["peer_error"], "{:.2e}"))
        times = (text(each["us"], "{:.1f}"), text(each["peer_us"], "{:.1f}"))
        print(f"{each['scales']:16} {cells[0]:>9} {cells[1]:>11} {times[0]:>8} {times[1]:>11}")


def plot(rows: list, sizes: argparse.Namespace) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    values = (("error", "relative error of a row"), ("us", "us"))
    values = values if DEVICE == "cuda" else values[:1]
    figure, axes = pyplot.subplots(1, len(values), figsize=(5.5 * len(values), 3.5), squeeze=False)
    for axis, (key, label) in zip(axes[0], values):
        for shift, (prefix, name) in enumerate((("", "tilec"), ("peer_", "torch._scaled_mm"))):
            heights = [each[prefix + key] or 0 for each in rows]
            axis.bar([at + 0.4 * shift for at in range(len(rows))], heights, 0.38, label=name)
        axis.set_xticks([at + 0.2 for at in range(len(rows))], [each["scales"] for each in rows], fontsize=7)
        axis.set_ylabel(label)
    axes[0][0].set_yscale("log")
    axes[0][0].legend()
    figure.suptitle(f"{sizes.rows} x {sizes.columns} x {sizes.depth} on {DEVICE}")
    figure.tight_layout()
    figure.savefig(sizes.plot)
    print(f"wrote {sizes.plot}")


if __name__ == "__main__":
    main()
