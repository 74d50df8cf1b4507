"""The peers of our products, and the data that all of them work on.

torch reaches cuBLASLt: with a scale per tensor and fast accumulation, with scales
per row, with strips of 1 x 128 of A beside blocks of 128 x 128 of B, and in bf16.
"""

import torch
import torch.nn.functional

E4M3, BF16 = torch.float8_e4m3fn, torch.bfloat16
LARGEST = 448.0


class Data:
    """One pair of matrices, quantized in each of the ways."""

    def __init__(self, m: int, n: int, k: int):
        self.m, self.n, self.k = m, n, k
        self.a, self.b = (torch.randn(rows, k, device="cuda", dtype=BF16) for rows in (m, n))
        self.cached = {}

    def quantized(self, kind: str) -> tuple:
        """Codes and scales of both: a, b, sa, sb."""
        if kind not in self.cached:
            blocks = {"block": ((1, 128), (128, 128)), "rows": ((1, self.k),) * 2, "tensor": (None, None)}[kind]
            (a, sa), (b, sb) = (quantize(x, block) for x, block in zip((self.a, self.b), blocks))
            self.cached[kind] = a, b, sa, sb
        return self.cached[kind]

    def operands(self, name: str) -> tuple[dict, object]:
        """Our inputs, and what the product must be."""
        if name == "bf16":
            return {"a": self.a, "b": self.b}, lambda: self.a.float() @ self.b.float().T
        a, b, sa, sb = self.quantized(name.split("_")[0])
        scales = {"sa": float(sa), "sb": float(sb)} if sa.numel() == 1 else {"sa": sa, "sb": sb}
        if name == "rows":
            scales = {name: s.reshape(-1) for name, s in scales.items()}
        return {"a": a, "b": b, **scales}, lambda: wide(a, sa) @ wide(b, sb).T


def scale_of(peak: torch.Tensor) -> torch.Tensor:
    """What makes a peak the largest code. By a number torch would multiply with its reciprocal."""
    return peak.clamp(min=1e-6) / torch.full_like(peak, LARGEST)


def quantize(x: torch.Tensor, block) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes, and a scale per block (or for all) that makes its peak 448."""
    rows, columns = x.shape
    height, width = block or (rows, columns)
    padded = torch.nn.functional.pad(x.float(), (0, -columns % width, 0, -rows % height))
    parts = padded.view(padded.shape[0] // height, height, padded.shape[1] // width, width)
    scale = scale_of(parts.abs().amax((1, 3)))
    codes = (parts / scale[:, None, :, None]).view(padded.shape)[:rows, :columns]
    return codes.clamp(-LARGEST, LARGEST).to(E4M3).contiguous(), scale.contiguous()


def wide(x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The values, in f32."""
    rows, columns = x.shape
    height, width = (128 if s < size else 1 for s, size in ((scale.shape[0], rows), (scale.shape[1], columns)))
    height = rows if scale.shape[0] == 1 and rows > 1 else height
    width = columns if scale.shape[1] == 1 else width
    spread = scale.repeat_interleave(height, 0)[:rows].repeat_interleave(width, 1)[:, :columns]
    return x.float() * spread


def candidates(data: Data) -> dict[str, tuple]:
    """By name: a launch, its output, and what it must be."""
    found = {"torch_bf16": matmul(data)}
    for name, kind, fast in [
        ("torch_block", "block", False),
        ("torch_rows", "rows", True),
        ("torch_tensor_fast", "tensor", True),
        ("torch_tensor", "tensor", False),
    ]:
        found[name] = scaled(data, kind, fast)
    return found


def matmul(data: Data) -> tuple:
    out = torch.empty(data.m, data.n, dtype=BF16, device="cuda")
    _, expected = data.operands("bf16")
    return lambda: torch.mm(data.a, data.b.T, out=out), lambda: out, expected


def scaled(data: Data, kind: str, fast: bool) -> tuple:
    a, b, sa, sb = data.quantized(kind)
    if kind == "block":
        # Scales of a lie with m innermost; those of b with k innermost, as ours.
        sa, sb = sa.T.contiguous().T, sb.T
    elif kind == "rows":
        sa, sb = sa.reshape(-1, 1), sb.reshape(1, -1)
    else:
        sa, sb = sa.reshape(()), sb.reshape(())
    arguments = {"scale_a": sa, "scale_b": sb, "out_dtype": BF16, "use_fast_accum": fast}
    _, expected = data.operands(kind)
    out = []

    def run() -> None:
        # Its result lies where the one before it lay, once that is given up.
        out.clear()
        out.append(torch._scaled_mm(a, b.T, **arguments))

    return run, lambda: out[0], expected
