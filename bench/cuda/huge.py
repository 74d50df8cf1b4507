"""Tensors of more than 2^31 elements, where 32-bit offsets give out. They are made
and compared on the GPU: whole for what moves rows, in samples of rows that include
the first, the last and those around 2^31 elements for products.
"""

import time
from pathlib import Path

import torch

import program
from torch_peers import scale_of

LIMIT = 2**31


def check_all(folder: Path, failures: list[str]) -> list[dict]:
    """A row of the report for each case, on the programs for `h200`."""
    rows = []
    for case in (long_operand, long_result, long_rows):
        start = time.time()
        try:
            worst, where = case(folder / "h200")
            passed = 1
        except Exception as error:  # reported like any other failure
            failures.append(f"{case.__name__}: {error!s:.600}")
            worst, where, passed = 0.0, case.__doc__, 0
        torch.cuda.empty_cache()
        seconds = round(time.time() - start, 2)
        row = {"kernel": case.__name__, "file": where, "points": 1, "passed": passed, "worst": {"h200": worst}}
        rows.append(row | {"seconds": seconds})
        print(f"{case.__name__:28} {worst} {seconds} s", flush=True)
    return rows


def load(folder: Path, name: str) -> program.Program:
    at = folder / name
    told = program.build(at)[1]
    assert not told, told
    return program.Program(at)


def run(built: program.Program, sizes: dict[str, int], tensors: dict[str, torch.Tensor]) -> None:
    """One launch; scalars are given as numbers."""
    needed = max(built.abi.workspace_bytes(sizes), 0)
    workspace = torch.empty(needed + 256, dtype=torch.uint8, device="cuda")
    start = -(-workspace.data_ptr() // 256) * 256
    given = {n: t.data_ptr() if torch.is_tensor(t) else t for n, t in tensors.items()}
    packed = built.abi.pack(sizes, given)
    told = built.abi.launch(packed, start, needed, torch.cuda.current_stream().cuda_stream)
    assert not told, told
    torch.cuda.synchronize()


def sampled(rows: int, columns: int) -> torch.Tensor:
    """The ends, what lies around 2^31 elements, and a thousand at random."""
    turn = LIMIT // columns
    around = torch.arange(max(0, turn - 64), min(rows, turn + 64), device="cuda")
    ends = torch.cat([torch.arange(64, device="cuda"), torch.arange(rows - 64, rows, device="cuda")])
    return torch.cat([ends, around, torch.randint(0, rows, (1000,), device="cuda")])


def worst_of(got: torch.Tensor, value: torch.Tensor, bound: torch.Tensor) -> float:
    """The largest error over its bound, the rounding to bf16 included."""
    allowed = bound + 2.0**-8 * (value.abs() + bound) + 1e-38
    ratio = float(((got.double() - value).abs() / allowed).nan_to_num(nan=1e9).max())
    assert ratio <= 1, f"the largest error is {ratio} of its bound"
    return round(ratio, 4)


def long_operand(folder: Path) -> tuple[float, str]:
    """gemm_bf16 with 2^31 + 2^18 elements of a."""
    m, n, k = LIMIT // 128 + 2048, 24, 128
    a = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
    b = torch.randn(n, k, device="cuda", dtype=torch.bfloat16)
    c = torch.full((m, n), float("nan"), device="cuda", dtype=torch.bfloat16)
    run(load(folder, "types__gemm_bf16"), {"M": m, "N": n, "K": k}, {"a": a, "b": b, "c": c})
    assert not bool(c.isnan().any()), "some of c was not written"
    rows = sampled(m, k)
    x, y = a[rows].double(), b.double()
    bound = (k + 3) * 2.0**-24 * (x.abs() @ y.abs().T)
    return worst_of(c[rows], x @ y.T, bound), f"a of {m} x {k}"


def long_result(folder: Path) -> tuple[float, str]:
    """gemm_bf16 with more than 2^31 elements of c."""
    m, n, k = 65536 + 136, 32768 + 64, 64
    a = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
    b = torch.randn(n, k, device="cuda", dtype=torch.bfloat16)
    c = torch.full((m, n), float("nan"), device="cuda", dtype=torch.bfloat16)
    run(load(folder, "types__gemm_bf16"), {"M": m, "N": n, "K": k}, {"a": a, "b": b, "c": c})
    written = all(not bool(part.isnan().any()) for part in c.split(8192))
    assert written, "some of c was not written"
    rows = sampled(m, n)
    x, y = a[rows].double(), b.double()
    bound = (k + 3) * 2.0**-24 * (x.abs() @ y.abs().T)
    return worst_of(c[rows], x @ y.T, bound), f"c of {m} x {n}"


def long_rows(folder: Path) -> tuple[float, str]:
    """quantize_strips with more than 2^31 elements, compared to the bit."""
    m, n = LIMIT // 8192 + 96, 8192
    x = torch.empty(m, n, device="cuda", dtype=torch.bfloat16).normal_()
    q = torch.full((m, n), 0x7F, device="cuda", dtype=torch.uint8)
    scale = torch.full((m, n // 128), float("nan"), device="cuda")
    run(load(folder, "quantize__quantize_strips"), {"M": m, "N": n}, {"x": x, "q": q, "scale": scale})
    for rows in torch.arange(m, device="cuda").split(16384):
        part = x[rows].float().view(len(rows), n // 128, 128)
        expected = scale_of(part.abs().amax(2))
        assert torch.equal(scale[rows], expected), "scales differ"
        codes = (part / expected[..., None]).clamp(-448, 448).to(torch.float8_e4m3fn).view(torch.uint8)
        assert torch.equal(q[rows].view_as(codes), codes), "codes differ"
    return 0.0, f"x of {m} x {n}"
