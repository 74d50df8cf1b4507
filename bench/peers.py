"""What one would write in numpy, as well as numpy allows. Each function prepares the
data and returns a call to be timed. Data in FP8 and bf16 is given to numpy as f32
where it has no such types; decoding is timed only for FP8, where it is the point.
"""

import ml_dtypes
import numpy as np


def gemm_f32(rng, M, N, K):
    a, b = rng.standard_normal((M, K), np.float32), rng.standard_normal((N, K), np.float32)
    return lambda: a @ b.T


def gemm_fp8(rng, M, N, K):
    """Decode by a table of 256 values, scale, multiply."""
    table = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    table[np.isnan(table)] = 0
    a, b = rng.integers(0, 256, (M, K), np.uint8), rng.integers(0, 256, (N, K), np.uint8)
    sa, sb = rng.random((M, -(-K // 128)), np.float32), rng.random((-(-N // 128), -(-K // 128)), np.float32)

    def call():
        x = table[a] * np.repeat(sa, 128, axis=1)[:, :K]
        y = table[b] * np.repeat(np.repeat(sb, 128, axis=0)[:N], 128, axis=1)[:, :K]
        return (x @ y.T).astype(ml_dtypes.bfloat16)

    return call


def topk(rng, M, N, S):
    x = rng.standard_normal((M, N), np.float32)

    def call():
        index = np.argpartition(x, N - S, axis=1)[:, N - S :]
        value = np.take_along_axis(x, index, 1)
        order = np.argsort(-value, axis=1, kind="stable")
        return np.take_along_axis(value, order, 1), np.take_along_axis(index, order, 1)

    return call


def fused_moe(rng, T, D, F, E, S):
    x, router = rng.standard_normal((T, D), np.float32), rng.standard_normal((E, D), np.float32)
    return layer(rng, x, lambda: x @ router.T, F, E, S)


def moe_few(rng, T, D, F, E, S):
    logit = rng.uniform(-1, 1, (T, E)).astype(np.float32)
    return layer(rng, rng.standard_normal((T, D), np.float32), lambda: logit, F, E, S)


def moe_zipf(rng, T, D, F, E, S):
    """The first experts are the likeliest."""
    logit = rng.uniform(-1, 1, (T, E)).astype(np.float32) - np.float32(2) * np.log(np.arange(1, E + 1, dtype=np.float32))
    return layer(rng, rng.standard_normal((T, D), np.float32), lambda: logit, F, E, S)


def layer(rng, x, logits, F, E, S):
    """Rows grouped by expert, three products per expert, weights in f32 already."""
    D = x.shape[1]
    w_gate, w_up = (rng.standard_normal((E, F, D), np.float32) / 16 for _ in range(2))
    w_down = rng.standard_normal((E, D, F), np.float32) / 16

    def call():
        logit = logits()
        expert = np.argsort(-logit, axis=1, kind="stable")[:, :S]
        best = np.take_along_axis(logit, expert, 1)
        weight = np.exp(best - best[:, :1])
        weight /= np.sum(weight, axis=1, keepdims=True)
        out = np.zeros_like(x)
        for e in range(E):
            token, slot = np.nonzero(expert == e)
            rows = x[token]
            gate, up = rows @ w_gate[e].T, rows @ w_up[e].T
            h = gate / (1 + np.exp(-gate)) * up
            out[token] += weight[token, slot, None] * (h @ w_down[e].T)
        return out.astype(ml_dtypes.bfloat16)

    return call


PEERS = {"gemm_f32": gemm_f32, "gemm_fp8": gemm_fp8, "fused_moe": fused_moe}
PEERS |= {"moe_few": moe_few, "moe_zipf": moe_zipf}
PEERS |= {f"topk{rows}": topk for rows in ("", "_long", "_many", "_short", "_all")}
