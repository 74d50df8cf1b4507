"""`tilec.ops.fused_moe` on CPU tensors: against a module of torch, on what torch leaves
open, what is refused, and what torch asks of a custom operator."""

import pytest
from conftest import TORCH_ASKS, refused, torch_or_skip, values

import tilec

torch = torch_or_skip()
moe = tilec.ops.fused_moe
E4M3, BF16 = torch.float8_e4m3fn, torch.bfloat16


class Experts(torch.nn.Module):
    """The layer, one token and one expert after the other, in f64 but for what the
    operator says that it rounds."""

    def __init__(self, weights, router, top_k):
        super().__init__()
        self.fp8 = isinstance(weights[0], tuple)
        self.weights = [worth(*part) if self.fp8 else part.double() for part in weights]
        self.router, self.top_k = router.double(), top_k

    def forward(self, x):
        tokens = x.reshape(-1, x.shape[-1])
        return torch.stack([self.token(token) for token in tokens]).reshape(x.shape)

    def token(self, token):
        logits = self.router @ token.double()
        best, experts = torch.sort(logits, descending=True, stable=True)
        shares = torch.softmax(best[: self.top_k], 0)
        return sum(share * self.expert(expert, token) for share, expert in zip(shares, experts))

    def expert(self, expert, token):
        gate, up, down = (part[expert] for part in self.weights)
        x = self.rounded(token)
        between = torch.nn.functional.silu(gate @ x) * (up @ x)
        return down @ self.rounded(between.to(token.dtype))

    def rounded(self, row):
        return worth(*tilec.ops.quantize_fp8(row[None]))[0] if self.fp8 else row.double()


def worth(codes, scales):
    """What codes and their scales of strips or blocks stand for."""
    each = scales.double().repeat_interleave(128, -1)[..., : codes.shape[-1]]
    if codes.dim() == 3:
        each = each.repeat_interleave(128, 1)[:, : codes.shape[1]]
    return codes.double() * each


def layer(experts, hidden, width, dtype=BF16, fp8=False):
    """The three weights, and the router's."""
    shapes = ((experts, hidden, width), (experts, hidden, width), (experts, width, hidden))
    drawn = [values(*shape, seed=seed) / shape[-1] ** 0.5 for seed, shape in enumerate(shapes, 1)]
    router = (values(experts, width, seed=4) / width**0.5).to(dtype)
    return tuple(quantized(part) if fp8 else part.to(dtype) for part in drawn), router


def quantized(weights):
    """Codes and scales of each expert by itself, so that blocks may be smaller."""
    parts = [tilec.ops.quantize_fp8(expert.to(BF16), (128, 128)) for expert in weights]
    return tuple(torch.stack(part) for part in zip(*parts))


def off(got, expected):
    """How far the worst of the tokens is from what is expected, relative to it."""
    assert got.shape == expected.shape
    return ((got.double() - expected).norm(dim=-1) / expected.norm(dim=-1)).max().item()


# Of what the operator rounds once, and of a code that is another one now and then.
ALLOWED = {BF16: 2.0**-8, torch.float16: 2.0**-11, E4M3: 2.0**-6}
SHAPES = ((24,), (1, 24), (2, 3, 24), (2, 1, 2, 24))


@pytest.mark.parametrize("dtype", (BF16, torch.float16), ids=str)
@pytest.mark.parametrize("top_k", (1, 3, 5))
def test_the_layer_is_that_of_torch(dtype, top_k):
    weights, router = layer(5, 40, 24, dtype)
    for shape in SHAPES:
        x = values(*shape, seed=9, dtype=dtype)
        got = moe(x, weights, router, top_k)
        assert got.dtype == dtype
        assert off(got, Experts(weights, router, top_k)(x)) < ALLOWED[dtype]


@pytest.mark.parametrize("dtype", (BF16, torch.float16), ids=str)
def test_experts_in_fp8(dtype):
    for hidden, width in ((128, 128), (40, 200)):
        weights, router = layer(4, hidden, width, dtype, fp8=True)
        x = values(2, 2, width, seed=9, dtype=dtype)
        assert off(moe(x, weights, router, 2), Experts(weights, router, 2)(x)) < ALLOWED[E4M3]


def test_experts_quantized_as_the_page_says():
    weights, router = layer(3, 128, 128)
    pairs = []
    for part in weights:
        codes, scales = tilec.ops.quantize_fp8(part.flatten(0, 1), (128, 128))
        pairs.append((codes.unflatten(0, (3, -1)), scales.unflatten(0, (3, -1))))
    x = values(1, 3, 128, seed=9, dtype=BF16)
    assert off(moe(x, pairs, router, 2), Experts(weights, router, 2)(x)) < 0.1


def test_the_comparison_can_fail():
    weights, router = layer(5, 40, 24)
    x = values(2, 3, 24, seed=9, dtype=BF16)
    got = moe(x, weights, router, 2)
    gate, up, down = weights
    for wrong in (((up, gate, down), router, 2), (weights, router, 3), (weights, router.flip(0), 2)):
        assert off(got, Experts(*wrong)(x)) > 0.1
    codes, router = layer(4, 128, 128, fp8=True)
    x = values(2, 2, 128, seed=9, dtype=BF16)
    assert off(moe(x, codes, router, 2), Experts([worth(*part) for part in codes], router, 2)(x)) > ALLOWED[E4M3]


def test_equal_logits_take_the_lowest_experts():
    weights, router = layer(6, 40, 24)
    x = values(2, 3, 24, seed=9, dtype=BF16)
    got = moe(x, weights, torch.zeros_like(router), 2)
    assert torch.equal(got, moe(x, [part[:2].contiguous() for part in weights], torch.zeros_like(router[:2]), 2))
    # Two experts share the router's best row, and the first of them is taken.
    twice = torch.cat((router[:1], router[:1] * 2, router[:1] * 2))
    x = (router[0] * 4).expand(3, -1).contiguous()
    chosen = [part[1:2].contiguous() for part in weights]
    assert torch.equal(moe(x, [part[:3].contiguous() for part in weights], twice, 1), moe(x, chosen, router[:1], 1))


def test_experts_without_width():
    for fp8 in (False, True):
        weights, router = layer(4, 0, 24, fp8=fp8)
        x = values(2, 24, dtype=BF16)
        assert torch.equal(moe(x, weights, router, 2), torch.zeros_like(x))


def test_no_tokens():
    for fp8 in (False, True):
        weights, router = layer(4, 16, 24, fp8=fp8)
        for shape in ((0, 24), (2, 0, 24)):
            assert moe(torch.empty(shape, dtype=BF16), weights, router, 2).shape == shape


def test_wrong_arguments_name_themselves():
    (gate, up, down), router = layer(4, 16, 24)
    x = values(2, 3, 24, dtype=BF16)
    good = (gate, up, down)
    refused(tilec.ArgumentError, "tokens", lambda: moe([1.0], good, router, 2), "list", "torch.Tensor")
    refused(tilec.DTypeError, "tokens", lambda: moe(x.float(), good, router, 2), "float32", "bfloat16")
    refused(tilec.RankError, "tokens", lambda: moe(x[0, 0, 0], good, router, 2), "no dimensions")
    refused(tilec.LayoutError, "tokens", lambda: moe(x.transpose(0, 1), good, router, 2), "tokens.contiguous()")
    refused(tilec.DTypeError, "routing_weights", lambda: moe(x, good, router.half(), 2), "float16")
    refused(tilec.RankError, "routing_weights", lambda: moe(x, good, router[0], 2), "1 dimensions")
    short = router[:, :8].contiguous()
    refused(tilec.SizeError, "routing_weights", lambda: moe(x, good, short, 2), "(4, 8)", "24")
    none = [part[:0] for part in good]
    refused(tilec.SizeError, "routing_weights", lambda: moe(x, none, router[:0], 0), "(0, 24)", "at least one expert")
    refused(tilec.SizeError, "expert_weights[0]", lambda: moe(x, good, router[:3], 2), "(4, 16, 24)", "(3, 16, 24)")
    refused(tilec.SizeError, "expert_weights[2]", lambda: moe(x, (gate, up, gate), router, 2), "(4, 24, 16)")
    refused(tilec.DTypeError, "expert_weights[1]", lambda: moe(x, (gate, up.half(), down), router, 2), "float16")
    refused(tilec.RankError, "expert_weights[1]", lambda: moe(x, (gate, up[0], down), router, 2), "2 dimensions")
    turned = down.transpose(1, 2).contiguous().transpose(1, 2)
    refused(tilec.LayoutError, "expert_weights[2]", lambda: moe(x, (gate, up, turned), router, 2), "contiguous()")
    refused(tilec.DeviceError, "expert_weights[0]", lambda: moe(x, (gate.to("meta"), up, down), router, 2), "meta")
    wants = gate.clone().requires_grad_()
    refused(tilec.GradError, "expert_weights[0]", lambda: moe(x, (wants, up, down), router, 2), "detach")
    with torch.no_grad():
        assert torch.equal(moe(x, (wants, up, down), router, 2), moe(x, good, router, 2))
    for given, says in ((gate, "a Tensor"), ((gate, up), "2 parts"), (None, "NoneType")):
        refused(tilec.ArgumentError, "expert_weights", lambda: moe(x, given, router, 2), says, "(gate, up, down)")
    for top_k in (0, -1, 5):
        refused(tilec.SizeError, "top_k", lambda: moe(x, good, router, top_k), str(top_k), "1 to 4")
    refused(tilec.ArgumentError, "top_k", lambda: moe(x, good, router, 1.5), "1.5", "integer")


def test_wrong_scales_name_themselves():
    pairs, router = layer(4, 130, 24, fp8=True)
    x = values(2, 3, 24, dtype=BF16)
    gate, up, (codes, scales) = pairs
    refused(tilec.ArgumentError, "expert_weights[2]", lambda: moe(x, (gate, up, codes), router, 2), "codes and scales")
    refused(tilec.ArgumentError, "expert_weights[2]", lambda: moe(x, (gate, up, (codes,)), router, 2), "a pair")

    def refuse(kind, at, codes, scales, *says):
        refused(kind, f"expert_weights[2][{at}]", lambda: moe(x, (gate, up, (codes, scales)), router, 2), *says)

    refuse(tilec.DTypeError, 0, codes.to(torch.float8_e5m2), scales, "float8_e5m2", "float8_e4m3fn")
    refuse(tilec.DTypeError, 1, codes, scales.to(BF16), "bfloat16", "float32")
    refuse(tilec.RankError, 1, codes, scales[0], "2 dimensions")
    refuse(tilec.SizeError, 1, codes, scales.transpose(1, 2).contiguous(), "(4, 2, 1)", "(4, 1, 2)", "128 x 128")
    refuse(tilec.LayoutError, 1, codes, scales.repeat(1, 1, 2)[:, :, ::2], "contiguous()")
    refuse(tilec.DeviceError, 1, codes, scales.to("meta"), "meta")
    refused(tilec.DTypeError, "expert_weights[0]", lambda: moe(x, (gate[0], up[0], codes), router, 2), "float8")


def test_what_torch_asks_of_an_operator():
    (weights, router), x = layer(4, 16, 24, fp8=True), values(2, 3, 24, dtype=BF16)
    codes, scales = ([part[at] for part in weights] for at in (0, 1))
    torch.library.opcheck(torch.ops.tilec.fused_moe.default, (x, codes, scales, router, 2), test_utils=TORCH_ASKS)


@pytest.mark.parametrize("fp8", (False, True))
def test_one_graph_under_torch_compile(fp8):
    weights, router = layer(4, 16, 24, fp8=fp8)
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    def block(x, top_k):
        return x + moe(x * 2, weights, router, top_k)

    compiled = torch.compile(block, fullgraph=True, backend=backend, dynamic=True)
    for batch, sequence, top_k in ((2, 3, 2), (4, 5, 3), (3, 7, 4)):
        x = values(batch, sequence, 24, seed=batch, dtype=BF16)
        assert torch.equal(compiled(x, top_k), block(x, top_k))
    assert len(graphs) == 1, "sizes and top_k are no part of the graph"
