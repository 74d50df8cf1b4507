"""Selections on this machine's GPU: right on every kind of row, and how fast beside
torch.topk, sorted, in the same run.

    python bench/cuda/topk.py emit target/release/tilec OUT
    python bench/cuda/topk.py run OUT [--results FOLDER] [--seconds 300]
    python bench/cuda/topk.py plot [--results FOLDER]

The reference shares nothing with the kernels: keys become integers that sort as the
language orders, and torch sorts those stably. Values and indices must be the same bits.
Writes cuda_topk.json: speeds, how time grows, and what was checked; cuda_topk.svg
shows how time grows.
"""

import argparse
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tests/reference"), str(HERE.parent)]

# Rows, elements of a row, places, type; and the microseconds that were set as a goal.
SPEEDS = [
    (1, 1 << 20, 16, "f32", 14),
    (1, 1 << 20, 2048, "f32", 20),
    (1, 1 << 24, 256, "f32", 32),
    (64, 131072, 64, "f32", 25),
    (64, 131072, 2048, "f32", 40),
    (64, 32768, 2048, "f32", 20),
    (128, 129280, 50, "bf16", 22),
    (2048, 256, 8, "f32", 5),
    (16384, 256, 8, "bf16", 9),
    (320, 128, 6, "f32", 5),
    (4096, 4096, 32, "f32", 32),
    (4096, 32768, 2048, "f32", 350),
]
KERNELS = {"f32": "topk_f32", "bf16": "topk_bf16", "i32": "lowest_i32"}

LENGTHS = [1, 2, 31, 32, 33, 1000, 4096, 32768, 129280, 131072, 1048577]
PLACES = [1, 2, 8, 31, 64, 65, 512, 2048, None]
ROWS = [0, 1, 3, 128, 4096]
MOST_ELEMENTS = 1 << 26


def folder_of(rows: int, length: int, places: int, element: str) -> str:
    return f"{element}_{rows}x{length}_{places}"


def emit(tilec: str, out: Path) -> None:
    """One program for each speed, with its sizes bound, and one of each type for all sizes."""
    programs = {element: (element, []) for element in KERNELS}
    for rows, length, places, element, _ in SPEEDS:
        sizes = [f"M={rows}", f"N={length}", f"S={places}"]
        programs[folder_of(rows, length, places, element)] = (element, sizes)
    for name, (element, sizes) in programs.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        bound = [word for size in sizes for word in ("--set", size)]
        command = [tilec, "compile", HERE / "topk.tile", "--kernel", KERNELS[element], *bound]
        subprocess.run([*command, "--target", "cuda", "--chip", "h200", "-o", out / name], check=True, stdout=subprocess.DEVNULL)


def keys(kind: str, shape, element: str, seed: int):
    """Rows of one kind."""
    import torch

    generator = torch.Generator(device="cuda").manual_seed(seed)
    x = torch.randn(shape, device="cuda", generator=generator)
    column = torch.arange(shape[1], device="cuda", dtype=torch.float32)
    pick = torch.randint(0, 5, shape, device="cuda", generator=generator)
    if kind == "specials":
        some = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 0.0], device="cuda")
        x = torch.where(x > 1, x, some[pick])
    elif kind == "within an ulp":
        x = (torch.ones_like(x).view(torch.int32) + pick.int() % 3).view(torch.float32)
    elif kind == "one outlier":
        x = torch.zeros_like(x)
        x[:, shape[1] // 2 :][:, :1] = 1
    elif kind != "random":
        x = {
            "rising": column.expand(shape),
            "falling": -column.expand(shape),
            "constant": torch.ones_like(x),
            "two values": (x > 0).float(),
            "zeros": torch.where(x > 0, 0.0, -0.0),
            "NaN": torch.full_like(x, float("nan")),
            "denormals": x * 1e-41,
            "crowded": x + 100 * (column < shape[1] // 9),
        }[kind]
    if element == "i32":
        return (torch.nan_to_num(x, 7.0) * 1000).to(torch.int32).contiguous()
    return x.to({"f32": torch.float32, "bf16": torch.bfloat16}[element]).contiguous()


KINDS = [
    "random", "rising", "falling", "constant", "two values", "within an ulp", "one outlier",
    "zeros", "specials", "NaN", "denormals", "crowded",
]  # fmt: skip


def expected(x, places: int, element: str):
    """The indices of the first places of each row."""
    import torch

    if element == "i32":
        word = x.long()
    else:
        bits = (x.float() + 0.0).view(torch.int32).long()
        word = -torch.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
        word = torch.where(x != x, 1 << 40, word)
    return torch.sort(word, dim=1, stable=True)[1][:, :places].int()


class Trial:
    """A program with the tensors of one launch."""

    def __init__(self, built, x, places: int):
        import timing
        import torch

        rows, length = x.shape
        self.x = x
        self.value = torch.full((rows, places), 77, dtype=x.dtype, device="cuda")
        self.index = torch.full((rows, places), -7, dtype=torch.int32, device="cuda")
        sizes = {"M": rows, "N": length, "S": places}
        sizes = {size["name"]: sizes[size["name"]] for size in built.manifest["sizes"]}
        self.run = timing.Ours(built, sizes, {"x": x, "value": self.value, "index": self.index})

    def is_right(self, element: str) -> bool:
        import torch

        index = expected(self.x, self.index.shape[1], element)
        value = torch.gather(self.x, 1, index.long())
        word = torch.int16 if element == "bf16" else torch.int32
        return torch.equal(self.index, index) and torch.equal(self.value.view(word), value.view(word))


def check(built: dict, deadline: float) -> dict:
    """Every kind of row at some sizes, until time is up; stops at nothing that is wrong."""
    done, wrong, skipped = 0, [], 0
    sizes = [
        (rows, length, places or length)
        for rows, length, places in itertools.product(ROWS, LENGTHS, PLACES)
        if (places or length) <= length and rows * length <= MOST_ELEMENTS and rows * (places or length) <= 1 << 24
    ]
    # Spread, so that what is left out when time is up is a bit of everything.
    sizes = sorted(sizes, key=lambda size: hash(size) % 1009)
    for at, (rows, length, places) in enumerate(sizes):
        for turn, element in enumerate(KERNELS):
            if time.time() > deadline:
                skipped += 1
                continue
            kind = KINDS[(at + 5 * turn) % len(KINDS)]
            trial = Trial(built[element], keys(kind, (rows, length), element, at), places)
            trial.run()
            if not trial.is_right(element):
                wrong.append([element, kind, rows, length, places])
                print("WRONG", wrong[-1], flush=True)
            done += 1
    print(f"{done} launches checked, {len(wrong)} wrong, {skipped} left out", flush=True)
    return {"launches": done, "wrong": wrong, "left_out": skipped}


def speeds(built: dict) -> list[dict]:
    """Each row of the table, checked on all kinds of keys and then timed."""
    import timing
    import torch

    rows_of_table = []
    for rows, length, places, element, goal in SPEEDS:
        program = built[folder_of(rows, length, places, element)]
        wrong = []
        for kind in KINDS[1:] + KINDS[:1]:
            trial = Trial(program, keys(kind, (rows, length), element, 3), places)
            trial.run()
            if not trial.is_right(element):
                wrong.append(kind)
        x = trial.x
        us = timing.microseconds({"ours": trial.run, "torch.topk": lambda: torch.topk(x, places, dim=1)})
        row = {"rows": rows, "length": length, "places": places, "type": element, "goal": goal, "us": us, "wrong": wrong}
        print(f"{rows:6} x {length:8}, {places:5} of {element:5} {us} goal {goal} {wrong or ''}", flush=True)
        rows_of_table.append(row)
    return rows_of_table


def growth(built: dict) -> list[dict]:
    """How time grows with the length of rows, for one program whose sizes are told at launch."""
    import timing
    import torch

    rows = []
    for many, bits, places in [(many, bits, places) for many in (1, 64) for places in (32, 1024) for bits in range(8, 25)]:
        if places > 1 << bits or many << bits > MOST_ELEMENTS:
            continue
        trial = Trial(built["f32"], torch.randn(many, 1 << bits, device="cuda"), places)
        us = timing.microseconds({"ours": trial.run})["ours"]
        rows.append({"rows": many, "length": 1 << bits, "places": places, "us": us})
    return rows


def run(out: Path, results: Path, seconds: float) -> None:
    import gpu
    import program

    deadline = time.time() + seconds
    folders = sorted(folder for folder in out.iterdir() if (folder / "manifest.json").exists())
    faults = {folder.name: said for folder, said in program.build_all(folders).items() if said}
    assert not faults, faults
    built = {folder.name: program.Program(folder) for folder in folders}
    report = gpu.header("python bench/cuda/topk.py run") | {"speeds": speeds(built), "growth": growth(built)}
    results.mkdir(parents=True, exist_ok=True)
    report["checked"] = check(built, deadline)
    (results / "cuda_topk.json").write_text(json.dumps(report, indent=1) + "\n")
    assert not report["checked"]["wrong"] and not any(row["wrong"] for row in report["speeds"])


def plot(results: Path) -> None:
    """Time over the length of rows, a line for each number of rows and places."""
    import plot as style

    report = json.loads((results / "cuda_topk.json").read_text())
    figure, axes = style.plt.subplots(figsize=(7, 4.5))
    of = lambda row: (row["rows"], row["places"])  # noqa: E731
    for (rows, places), points in itertools.groupby(report["growth"], key=of):
        points = list(points)
        axes.plot([p["length"] for p in points], [p["us"] for p in points], marker="o", markersize=3, label=f"{rows} rows, {places} places")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("elements of a row (f32)")
    axes.set_ylabel("us")
    axes.legend()
    figure.tight_layout()
    figure.savefig(results / "cuda_topk.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    emits = commands.add_parser("emit")
    emits.add_argument("tilec")
    emits.add_argument("out", type=Path)
    runs = commands.add_parser("run")
    runs.add_argument("out", type=Path)
    runs.add_argument("--results", type=Path, default=HERE.parent / "results")
    runs.add_argument("--seconds", type=float, default=300)
    commands.add_parser("plot").add_argument("--results", type=Path, default=HERE.parent / "results")
    arguments = parser.parse_args()
    if arguments.command == "emit":
        emit(arguments.tilec, arguments.out)
    elif arguments.command == "plot":
        plot(arguments.results)
    else:
        run(arguments.out, arguments.results, arguments.seconds)


if __name__ == "__main__":
    main()
