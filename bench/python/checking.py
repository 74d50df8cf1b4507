"""What the checks on CUDA tensors share: their list, tensors, comparisons, refusals and
programs."""

import torch

torch.backends.cuda.matmul.allow_tf32 = False
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def values(*shape, dtype=torch.float32, seed=0):
    generator = torch.Generator("cuda").manual_seed(seed)
    return torch.randn(*shape, generator=generator, device="cuda").to(dtype)


def close(got, expected, magnitudes=None, ulp=2.0**-8, slack=2.0**-10):
    """Within a rounding of the result, and a small part of what was added up."""
    allowed = ulp * expected.abs() + (0 if magnitudes is None else slack * magnitudes) + 1e-30
    error = (got.double() - expected).abs()
    assert got.shape == expected.shape, (got.shape, expected.shape)
    assert bool((error <= allowed).all()), f"error {float((error / allowed).max()):.3g} times what is allowed"


def refused(kind, argument, call):
    try:
        call()
    except kind as error:
        assert error.argument == argument, (error.argument, error)
        return str(error)
    raise AssertionError(f"{kind.__name__} was not raised")


def refusal(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


# --- Programs ----------------------------------------------------------------------

ADD = "kernel add[N](x: f32[N], y: f32[N]) -> (z: f32[N])\n{\n    z[n] = x[n] + y[n]\n}\n"

SOFTMAX = """
kernel softmax[M, N](x: bf16[M, N]) -> (y: bf16[M, N], high: f32[M])
where 1 <= N
{
    high[m] = max[n](x[m, n])
    e[m, n] = exp(x[m, n] - high[m])
    y[m, n] = bf16(e[m, n] / sum[j](e[m, j]))
}
"""

SCALED = "kernel scaled[N](x: f32[N], s: f32, k: i32) -> (z: f32[N])\n{\n    z[n] = x[n] * s + f32(k)\n}\n"

PRODUCT = """
kernel product[M, N, K](a: bf16[M, K], b: bf16[N, K]) -> (c: f32[M, N])
{
    c[m, n] = sum[k](a[m, k] * b[n, k])
}
"""

# Its highest values need scratch memory between two launches.
WHOLE = """
kernel whole[M, N](x: f32[M, N]) -> (y: f32[M, N])
{
    high[m] = max[n](abs(x[m, n]))
    y[m, n] = x[m, n] / max(max[i](high[i]), 1e-12)
}
"""
