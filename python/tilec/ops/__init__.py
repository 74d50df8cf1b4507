"""Ready-made operators for PyTorch, on CUDA tensors and on CPU tensors.

    codes, scales = tilec.ops.quantize_fp8(x, block=(1, 128))
    c = tilec.ops.fp8_gemm(codes, weights, scales, weight_scales)
    values, indices = tilec.ops.topk(x, 8)
    tokens = tilec.ops.sample(logits, seed=step, temperature=0.7, top_p=0.9)
    out = tilec.ops.fused_moe(tokens, (gate, up, down), router, top_k=8)

Each is a custom operator of `torch.library` (`torch.ops.tilec.NAME`) with a fake
implementation, so it stays one node under `torch.compile(fullgraph=True)` and can be
captured in a CUDA graph. None has a gradient. The programs are the `.tile` files beside
this one; a kernel is compiled when its types are first used. `operator` makes such an
operator of any kernel.
"""

from .custom import operator
from .gemm import fp8_gemm
from .moe import fused_moe
from .quantize import quantize_fp8
from .selection import sample, topk

__all__ = ["fp8_gemm", "fused_moe", "operator", "quantize_fp8", "sample", "topk"]
