"""Kernels and operators on CUDA tensors, compared with torch.

    python bench/python/check.py [FOLDER]

Numbers, shapes at edges, graphs (also with the first call inside the capture),
`torch.compile(fullgraph=True)`, streams and refusals. Each check is a function; one that
raises is a failure and the others go on. Writes python_check.json.
"""

import itertools
import sys
import traceback

import torch

import tilec
import tilec.ops
from checking import ADD, CHECKS, PRODUCT, SCALED, SOFTMAX, WHOLE, check, close, refused, values
from common import write

# --- Kernels from text -------------------------------------------------------------


@check
def pointwise_of_every_length():
    add = tilec.load(ADD)
    for n in (0, 1, 7, 128, 1000, 1 << 20):
        x, y = values(n), values(n, seed=1)
        assert torch.equal(add(x, y), x + y), n
        z = torch.full((n,), torch.nan, device="cuda")
        assert add(x, y, out=z) is z and torch.equal(z, x + y), n


@check
def rows_with_two_outputs():
    softmax = tilec.load(SOFTMAX)
    for m, n in ((1, 1), (3, 17), (64, 1024), (5, 40000)):
        x = values(m, n, dtype=torch.bfloat16)
        for _ in range(2):
            y, high = softmax(x)
            assert torch.equal(high, x.float().amax(1))
            close(y, x.double().softmax(1), ulp=2.0**-7)
        outs = (torch.empty_like(y), torch.empty_like(high))
        assert softmax(x, out=outs) is outs or torch.equal(outs[0], y)
        assert torch.equal(outs[0], y) and torch.equal(outs[1], high)


@check
def scalars_by_value():
    scaled = tilec.load(SCALED)
    x = values(100)
    for s, k in ((0.5, 3), (-2.0, -7)):
        assert torch.equal(scaled(x, s, k), x * s + k)
        assert torch.equal(scaled(x, k=k, s=s), x * s + k)


@check
def scratch_memory_of_growing_shapes():
    whole = tilec.load(WHOLE)
    for m, n in ((2, 3), (300, 70), (2, 3), (3000, 700), (300, 70)):
        x = values(m, n)
        close(whole(x), x.double() / x.double().abs().max(), ulp=2.0**-22)


@check
def products_in_bf16():
    product = tilec.load(PRODUCT)
    for m, n, k in ((1, 1, 1), (16, 64, 512), (300, 257, 264), (7, 9, 11), (512, 512, 0)):
        a, b = values(m, k, dtype=torch.bfloat16), values(n, k, dtype=torch.bfloat16, seed=1)
        close(product(a, b), a.double() @ b.double().t(), a.double().abs() @ b.double().abs().t(), slack=2.0**-18)


@check
def views_and_parameters():
    add = tilec.load(ADD)
    base = values(4096)
    part = base[1024:2048]
    assert torch.equal(add(part, part), part + part)
    weight = torch.nn.Parameter(values(64))
    with torch.no_grad():
        assert torch.equal(add(weight, weight), weight + weight)
    refused(tilec.GradError, "x", lambda: add(weight, weight))


# --- Operators ---------------------------------------------------------------------


def spread(scales, rows, k):
    """Scales as one for each element, in f64."""
    s = scales.double()
    if s.numel() == 1 and s.dim() < 2:
        return s.reshape(1, 1).expand(rows, k)
    if s.dim() == 1:
        return s[:, None].expand(rows, k)
    s = s.repeat_interleave(-(-rows // s.shape[0]) if s.shape[0] != rows else 1, 0)[:rows]
    return s.repeat_interleave(128, 1)[:, :k]


def scales_of(rows, k, kind, seed):
    shape = {
        "tensor": (1,),
        "row": (rows,),
        "strip": (rows, -(-k // 128)),
        "block": (-(-rows // 128), -(-k // 128)),
    }[kind]
    return values(*shape, seed=seed).abs() + 0.1


@check
def fp8_gemm_with_every_pair_of_scales():
    kinds = itertools.product(("tensor", "row", "strip"), ("tensor", "row", "strip", "block"))
    for kind_a, kind_b in kinds:
        for m, n, k in ((1, 64, 128), (77, 200, 520), (256, 512, 1024)):
            a, b = (values(r, k, seed=s).to(torch.float8_e4m3fn) for r, s in ((m, 1), (n, 2)))
            sa, sb = scales_of(m, k, kind_a, 3), scales_of(n, k, kind_b, 4)
            left = a.double() * spread(sa, m, k)
            right = b.double() * (spread(sb, n, k) if kind_b != "block" else blocks(sb, n, k))
            got = tilec.ops.fp8_gemm(a, b, sa, sb)
            assert got.dtype == torch.bfloat16
            close(got, left @ right.t(), left.abs() @ right.abs().t())


def blocks(scales, rows, k):
    return scales.double().repeat_interleave(128, 0).repeat_interleave(128, 1)[:rows, :k]


@check
def fp8_gemm_of_every_type():
    e4m3, e5m2 = torch.float8_e4m3fn, torch.float8_e5m2
    types = ((e4m3, e5m2, torch.bfloat16), (e5m2, e4m3, torch.float16), (e5m2, e5m2, torch.float32))
    for ta, tb, out in types:
        a, b = values(33, 256, seed=1).to(ta), values(65, 256, seed=2).to(tb)
        one = torch.ones((), device="cuda")
        got = tilec.ops.fp8_gemm(a, b, one, one, out)
        assert got.dtype == out
        close(got, a.double() @ b.double().t(), a.double().abs() @ b.double().abs().t())


@check
def fp8_gemm_beside_scaled_mm():
    m, n, k = 256, 512, 1024
    a, b = (values(r, k, seed=s).to(torch.float8_e4m3fn) for r, s in ((m, 1), (n, 2)))
    sa, sb = scales_of(m, k, "row", 3), scales_of(n, k, "row", 4)
    peer = torch._scaled_mm(a, b.t(), sa[:, None], sb[None, :], out_dtype=torch.bfloat16)
    ours = tilec.ops.fp8_gemm(a, b, sa, sb)
    difference = (ours.double() - peer.double()).norm() / peer.double().norm()
    assert difference < 2e-3, float(difference)


def quantized_by_hand(x, block, dtype):
    """On the CPU, where torch divides as IEEE says."""
    x, largest = x.float().cpu(), torch.finfo(dtype).max
    m, n = x.shape
    h, w = {None: (m, n)}.get(block) or (block[0], n if block[1] == -1 else block[1])
    h, w = max(h, 1), max(w, 1)
    padded = torch.zeros(-(-m // h) * h, -(-n // w) * w)
    padded[:m, :n] = x.abs()
    peaks = padded.reshape(padded.shape[0] // h, h, padded.shape[1] // w, w).amax((1, 3))
    scales = peaks.clamp(min=1e-12) / largest
    each = scales.repeat_interleave(h, 0).repeat_interleave(w, 1)[:m, :n]
    return (x / each).to(dtype), scales


@check
def quantize_fp8_to_the_bit():
    e4m3, e5m2 = torch.float8_e4m3fn, torch.float8_e5m2
    for block in ((1, 128), (128, 128), (1, -1), None, (1, 64), (32, 32)):
        for dtype, source in ((e4m3, torch.bfloat16), (e5m2, torch.float32), (e4m3, torch.float16)):
            for m, n in ((1, 1), (130, 257), (64, 1024)):
                x = values(m, n, dtype=source) * torch.logspace(-3, 2, m, device="cuda")[:, None].to(source)
                codes, scales = tilec.ops.quantize_fp8(x, block, dtype)
                expected, expected_scales = quantized_by_hand(x, block, dtype)
                assert torch.equal(scales.cpu().flatten(), expected_scales.flatten()), (block, dtype, source, m, n)
                same = codes.cpu().view(torch.uint8) == expected.view(torch.uint8)
                zeros = (codes.cpu().float() == 0) & (expected.float() == 0)
                assert bool((same | zeros).all()), (block, dtype, source, m, n)


# --- Graphs, compilers, streams ----------------------------------------------------


@check
def topk_as_on_the_cpu():
    for dtype, shape in itertools.product((torch.float32, torch.bfloat16, torch.float16), ((5,), (3, 2, 4096), (2, 50_001))):
        x = values(*shape, dtype=dtype)
        for k, largest in itertools.product((1, 5), (True, False)):
            found, expected = tilec.ops.topk(x, k, largest), tilec.ops.topk(x.cpu(), k, largest)
            assert all(torch.equal(got.cpu(), wanted) for got, wanted in zip(found, expected))
            assert torch.equal(found[0], torch.topk(x, k, largest=largest)[0])


@check
def sample_as_on_the_cpu():
    logits = values(64, 32_000)
    for options in ({}, {"temperature": 0.0}, {"top_k": 1000, "top_p": 0.9}, {"min_p": 0.1}):
        found = tilec.ops.sample(logits, seed=3, **options).cpu()
        # Sums in another order may move a share's end past a draw, but hardly ever.
        assert (found == tilec.ops.sample(logits.cpu(), seed=3, **options)).float().mean() > 0.95


def layer(experts, hidden, width, fp8):
    """Gate, up and down of experts, with scales if they are in FP8, and a router."""
    shapes = ((experts, hidden, width), (experts, hidden, width), (experts, width, hidden))
    weights = [values(*shape, seed=seed, dtype=torch.bfloat16) / shape[-1] ** 0.5 for seed, shape in enumerate(shapes, 1)]
    if fp8:
        pairs = [[tilec.ops.quantize_fp8(one, (128, 128)) for one in part] for part in weights]
        weights = [tuple(torch.stack(part) for part in zip(*pair)) for pair in pairs]
    return weights, values(experts, width, seed=4, dtype=torch.bfloat16) / width**0.5


def experts_by_hand(x, weights, router, top_k):
    """The layer in f64 but for what is rounded on the way, one expert after the other."""
    fp8 = isinstance(weights[0], tuple)
    rounded = (lambda rows: worth(*tilec.ops.quantize_fp8(rows))) if fp8 else torch.Tensor.double
    tokens = x.reshape(-1, x.shape[-1])
    best, chosen = torch.sort(tokens.double() @ router.double().t(), descending=True, stable=True)
    shares, out = best[:, :top_k].softmax(1), torch.zeros_like(tokens, dtype=torch.float64)
    for expert in range(router.shape[0]):
        mine, slot = torch.nonzero(chosen[:, :top_k] == expert, as_tuple=True)
        if len(mine):
            gate, up, down = (matrix(part, expert) for part in weights)
            rows = rounded(tokens[mine])
            between = torch.nn.functional.silu(rows @ gate.t()) * (rows @ up.t())
            out[mine] += shares[mine, slot, None] * (rounded(between.to(x.dtype)) @ down.t())
    return out.reshape(x.shape)


def matrix(part, expert):
    """One expert's, in f64: of weights, or of codes and their scales."""
    if not isinstance(part, tuple):
        return part[expert].double()
    codes, scales = (each[expert] for each in part)
    return codes.double() * blocks(scales, *codes.shape)


def worth(codes, scales):
    return codes.double() * spread(scales, *codes.shape)


@check
def fused_moe_beside_a_layer_of_torch():
    shapes = (((2, 64, 256), 8, 384, 2), ((1, 1, 256), 8, 384, 8), ((3, 100, 264), 16, 200, 4), ((4, 512, 512), 4, 256, 1))
    for (shape, experts, hidden, top_k), fp8 in itertools.product(shapes, (False, True)):
        weights, router = layer(experts, hidden, shape[-1], fp8)
        x = values(*shape, seed=9, dtype=torch.bfloat16)
        got, expected = tilec.ops.fused_moe(x, weights, router, top_k), experts_by_hand(x, weights, router, top_k)
        errors = (got.double() - expected).norm(dim=-1) / expected.norm(dim=-1)
        # FP8 sums keep 14 bits. Where that moves the peak of a block of the hidden row to the
        # next bf16, a fifth of its codes change: up to what rounding it to FP8 changes, which
        # of many tokens happens to some.
        worst, mean = (2.0**-5, 2.0**-7 if errors.numel() > 99 else 2.0**-5) if fp8 else (2.0**-8, 2.0**-8)
        assert got.shape == x.shape and errors.max() < worst and errors.mean() < mean, (shape, fp8, errors.max(), errors.mean())
        assert torch.equal(got, tilec.ops.fused_moe(x, weights, router, top_k)), "the same input has one result"


def captured(call, warm):
    """What a graph computes on other values than those that it was captured with."""
    if warm:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            call()
        torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = call()
    return graph, result


@check
def graphs_after_a_first_call():
    add, whole = tilec.load(ADD), tilec.load(WHOLE)
    x, y, wide = values(1000), values(1000, seed=1), values(300, 70)
    z = torch.empty_like(x)
    graph, results = captured(lambda: (add(x, y, out=z), whole(wide)), warm=True)
    for seed in (2, 3):
        x.copy_(values(1000, seed=seed))
        wide.copy_(values(300, 70, seed=seed))
        graph.replay()
        assert torch.equal(z, x + y)
        close(results[1], wide.double() / wide.double().abs().max(), ulp=2.0**-22)


@check
def graphs_whose_first_call_is_captured():
    text = WHOLE.replace("whole", "captured_whole")
    kernel = tilec.load(text)
    wide = values(300, 70)
    graph, result = captured(lambda: kernel(wide), warm=False)
    wide.copy_(values(300, 70, seed=5))
    graph.replay()
    close(result, wide.double() / wide.double().abs().max(), ulp=2.0**-22)


@check
def graphs_of_operators():
    x = values(64, 512, dtype=torch.bfloat16)
    weight, scale = tilec.ops.quantize_fp8(values(256, 512, dtype=torch.bfloat16), (128, 128))

    def linear():
        codes, scales = tilec.ops.quantize_fp8(x)
        return tilec.ops.fp8_gemm(codes, weight, scales, scale)

    graph, result = captured(linear, warm=True)
    x.copy_(values(64, 512, dtype=torch.bfloat16, seed=7))
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(result, linear())


@check
def graphs_of_a_layer_of_experts():
    weights, router = layer(8, 384, 256, fp8=True)
    x = values(2, 64, 256, dtype=torch.bfloat16)
    graph, result = captured(lambda: tilec.ops.fused_moe(x, weights, router, 2), warm=True)
    x.copy_(values(2, 64, 256, dtype=torch.bfloat16, seed=7))
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(result, tilec.ops.fused_moe(x, weights, router, 2))


@check
def two_graphs_do_not_share_scratch_memory():
    whole = tilec.load(WHOLE)
    one, two = values(3000, 700), values(3000, 700, seed=1) * 100
    first, a = captured(lambda: whole(one), warm=True)
    second, b = captured(lambda: whole(two), warm=True)
    streams = torch.cuda.Stream(), torch.cuda.Stream()
    for _ in range(20):
        torch.cuda.synchronize()
        for stream, graph in zip(streams, (first, second)):
            with torch.cuda.stream(stream):
                graph.replay()
    torch.cuda.synchronize()
    close(a, one.double() / one.double().abs().max(), ulp=2.0**-22)
    close(b, two.double() / two.double().abs().max(), ulp=2.0**-22)


@check
def compiled_as_one_graph():
    weight, scale = tilec.ops.quantize_fp8(values(256, 512, dtype=torch.bfloat16), (128, 128))

    def linear(x):
        codes, scales = tilec.ops.quantize_fp8(torch.nn.functional.silu(x))
        return tilec.ops.fp8_gemm(codes, weight, scales, scale).relu()

    fast = torch.compile(linear, fullgraph=True)
    for m in (64, 64, 96):
        x = values(m, 512, dtype=torch.bfloat16, seed=m)
        got, expected = fast(x).double(), linear(x).double()
        # silu may round otherwise where it is fused, which may move a code.
        assert (got - expected).norm() / expected.norm() < 2e-2


@check
def kernels_as_operators_compiled_as_one_graph():
    softmax = tilec.load(SOFTMAX)
    op = tilec.ops.operator("check::softmax", softmax)

    def model(x):
        y, high = op(x + 1)
        return y * 2, high - 1

    fast = torch.compile(model, fullgraph=True)
    for m in (8, 8, 24):
        x = values(m, 512, dtype=torch.bfloat16, seed=m)
        for got, expected in zip(fast(x), model(x)):
            assert torch.equal(got, expected)


@check
def operators_pass_opcheck():
    x = values(64, 256, dtype=torch.bfloat16)
    codes, scales = tilec.ops.quantize_fp8(x)
    # Torch's check of the schema multiplies arguments, which it cannot do in FP8.
    asked = ("test_faketensor", "test_autograd_registration", "test_aot_dispatch_dynamic")
    arguments = (codes, codes, scales, scales, torch.bfloat16)
    torch.library.opcheck(torch.ops.tilec.fp8_gemm.default, arguments, test_utils=asked)
    arguments = (x, "strip", 128, torch.float8_e4m3fn)
    torch.library.opcheck(torch.ops.tilec.quantize_fp8.default, arguments, test_utils=asked)


@check
def the_current_stream_is_used():
    add, whole = tilec.load(ADD), tilec.load(WHOLE)
    x = values(1024, 1024)
    y, z, w = (torch.empty_like(x) for _ in range(3))
    side = torch.cuda.Stream()
    for cycles in (0, 200_000_000):
        # The first round compiles, and takes the scratch memory that the second uses.
        torch.cuda.synchronize()
        with torch.cuda.stream(side):
            torch.cuda._sleep(cycles)
            torch.mul(x, 2, out=y)
            add(y.flatten(), y.flatten(), out=z.flatten())
            whole(z, out=w)
        running = not side.query()
    assert running, "the calls waited for the GPU"
    side.synchronize()
    assert torch.equal(z, x * 4)
    close(w, x.double() / x.double().abs().max(), ulp=2.0**-21)


def main() -> None:
    import check_refusals  # noqa: F401 - adds its checks to the list

    failed = []
    for function in CHECKS:
        try:
            function()
            torch.cuda.synchronize()
            print(f"ok      {function.__name__}")
        except Exception:  # noqa: BLE001 - every failure is reported, and the others still run
            failed.append(function.__name__)
            print(f"FAILED  {function.__name__}\n{traceback.format_exc()}")
    names = [function.__name__ for function in CHECKS]
    write("check", {"devices": torch.cuda.device_count(), "checks": names, "failed": failed})
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
