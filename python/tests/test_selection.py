"""`tilec.ops.topk` and `tilec.ops.sample` on CPU tensors: against torch, on what torch
leaves open, what is refused, and what torch asks of a custom operator."""

import itertools
import math
from pathlib import Path

import pytest
from conftest import EXAMPLES, TORCH_ASKS, refused, torch_or_skip, values

import tilec

torch = torch_or_skip()
topk, sample = tilec.ops.topk, tilec.ops.sample
KEYS = (torch.float32, torch.bfloat16, torch.float16, torch.int32)
LOGITS = KEYS[:3]


def distinct(*shape, dtype):
    """Rows in which no element stands twice, also in bf16."""
    order = torch.rand(shape, generator=torch.Generator().manual_seed(5)).argsort(-1)
    return (order - shape[-1] // 2).to(dtype)


@pytest.mark.parametrize("dtype", KEYS, ids=str)
@pytest.mark.parametrize("largest", (True, False))
def test_topk_is_that_of_torch(dtype, largest):
    for shape, k in itertools.product(((100,), (3, 1), (3, 256), (2, 3, 40), (1, 2, 1, 200)), (0, 1, 7, 64, 1000)):
        k, x = min(k, shape[-1]), distinct(*shape, dtype=dtype)
        found, places = topk(x, k, largest)
        expected, expected_places = torch.topk(x, k, largest=largest)
        assert (found.dtype, places.dtype) == (dtype, torch.int32)
        assert torch.equal(found, expected) and torch.equal(places, expected_places.int())


@pytest.mark.parametrize("largest", (True, False))
def test_topk_values_are_those_of_torch_with_ties(largest):
    for dtype, n in itertools.product(KEYS, (5, 33, 5000)):
        x = (values(4, n, seed=n) * 3).round().to(dtype)
        found, places = topk(x, min(n, 40), largest)
        assert torch.equal(found, torch.topk(x, min(n, 40), largest=largest)[0])
        assert torch.equal(found, x.gather(-1, places.long()))
        # Equal elements are in the order of their places, the lowest first.
        stable = torch.sort(x, dim=-1, descending=largest, stable=True)[1][:, : min(n, 40)]
        assert torch.equal(places, stable.int())


def test_topk_puts_nan_last_and_zeros_together():
    nan, inf = math.nan, math.inf
    x = torch.tensor([[nan, 1.0, -0.0, inf, 0.0, -inf, nan]])
    assert topk(x, 7)[1].tolist() == [[3, 1, 2, 4, 5, 0, 6]]
    assert topk(x, 7, largest=False)[1].tolist() == [[5, 2, 4, 1, 3, 0, 6]]
    assert str(topk(x, 4)[0].tolist()) == "[[inf, 1.0, -0.0, 0.0]]"


def test_empty_selections():
    for shape, k in (((0, 5), 2), ((3, 0), 0), ((0,), 0), ((2, 0, 4), 4)):
        found, places = topk(torch.empty(shape), k)
        assert found.shape == places.shape == (*shape[:-1], k)
    assert sample(torch.empty(0, 5), seed=1).shape == (0,)


def test_cold_draws_are_the_largest():
    for dtype, shape in itertools.product(LOGITS, ((100,), (5, 1), (3, 257), (2, 3, 40))):
        logits = distinct(*shape, dtype=dtype)
        expected = logits.argmax(-1).int()
        for options in ({"temperature": 0.0}, {"top_k": 1}, {"top_p": 0.0}, {"min_p": 2.0}):
            drawn = sample(logits, seed=3, **options)
            assert drawn.dtype == torch.int32 and drawn.shape == shape[:-1]
            assert torch.equal(drawn, expected), options


def test_a_seed_draws_the_same():
    logits = values(64, 100)
    first = sample(logits, seed=7)
    assert torch.equal(first, sample(logits, seed=7))
    assert not torch.equal(first, sample(logits, seed=8))
    assert torch.equal(first[:5], sample(logits[:5], seed=7)), "the rows beside it change nothing"
    assert len(set(sample(logits[:1].repeat(64, 1), seed=7).tolist())) > 5, "rows draw independently"
    for seed in (-(2**31), 2**31 - 1):
        sample(logits, seed=seed)


def shares(logits, temperature=1.0, top_k=50, top_p=1.0, min_p=0.0):
    """What each token should be drawn with, by torch in f64."""
    kept, places = torch.sort(logits.double(), descending=True, stable=True)
    share = torch.softmax(kept[:top_k] / temperature, 0)
    before = share.cumsum(0) - share
    share = torch.where((before < top_p) & (share >= min_p * share[0]), share, 0)
    return torch.zeros_like(logits, dtype=torch.float64).scatter(0, places[:top_k], share / share.sum())


def surprise(logits, expected, **options):
    """How far draws are from what is expected: chi-square, in standard deviations above its
    mean; infinite where a token is drawn that takes no part."""
    draws = 40_000
    drawn = sample(logits.repeat(draws, 1), seed=11, **options).long()
    counts, wanted = torch.bincount(drawn, minlength=len(logits)).double(), expected * draws
    if counts[wanted == 0].any():
        return math.inf
    took_part = wanted > 0
    chi = ((counts - wanted)[took_part] ** 2 / wanted[took_part]).sum().item()
    freedom = int(took_part.sum()) - 1
    return (chi - freedom) / math.sqrt(2 * max(freedom, 1))


SETTINGS = (
    {},
    {"temperature": 0.6},
    {"top_k": 5},
    {"top_p": 0.7},
    {"min_p": 0.2},
    {"temperature": 1.5, "top_k": 12, "top_p": 0.9, "min_p": 0.05},
)


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_draws_are_distributed_as_torch_says(options):
    logits = values(20, seed=2)
    assert surprise(logits, shares(logits, **options), **options) < 4


def test_the_comparison_of_draws_can_fail():
    logits = values(20, seed=2)
    assert surprise(logits, shares(logits, temperature=1.05)) > 4
    assert surprise(logits, shares(logits, top_k=19)) == math.inf


def test_wrong_arguments_name_themselves():
    x = values(4, 8)
    for call, name in ((lambda x: topk(x, 2), "x"), (lambda x: sample(x, seed=1), "logits")):
        refused(tilec.ArgumentError, name, lambda: call([1.0]), "list", "torch.Tensor")
        refused(tilec.DTypeError, name, lambda: call(x.double()), "float64", "float32")
        refused(tilec.RankError, name, lambda: call(x[0, 0]), "no dimensions")
        refused(tilec.LayoutError, name, lambda: call(x.t()), f"{name}.contiguous()")
        refused(tilec.GradError, name, lambda: call(values(4, 8).requires_grad_()), "detach")
    for k in (-1, 9):
        refused(tilec.SizeError, "k", lambda: topk(x, k), str(k), "0 to 8")
    for k in (2.0, "2", None):
        refused(tilec.ArgumentError, "k", lambda: topk(x, k), repr(k), "integer")
    refused(tilec.ArgumentError, "k", lambda: topk(x, torch.tensor(2)), "k.item()")
    refused(tilec.DTypeError, "logits", lambda: sample(x.int(), seed=1), "int32")
    refused(tilec.SizeError, "logits", lambda: sample(x[:, :0].contiguous(), seed=1), "(4, 0)")
    for seed in (2**31, -(2**31) - 1):
        refused(tilec.SizeError, "seed", lambda: sample(x, seed=seed), str(seed), "2^31")
    refused(tilec.ArgumentError, "seed", lambda: sample(x, seed=1.5), "1.5")
    refused(tilec.SizeError, "top_k", lambda: sample(x, seed=1, top_k=0), "at least 1")
    for name in ("temperature", "top_p", "min_p"):
        refused(tilec.ArgumentError, name, lambda: sample(x, seed=1, **{name: "hot"}), "'hot'", "number")
    with pytest.raises(TypeError, match="seed"):
        sample(x)


def test_what_torch_asks_of_an_operator():
    x = values(2, 3, 16)
    for largest in (True, False):
        torch.library.opcheck(torch.ops.tilec.topk.default, (x, 4, largest), test_utils=TORCH_ASKS)
    torch.library.opcheck(torch.ops.tilec.sample.default, (x, 5, 50, 1.0, 0.9, 0.0), test_utils=TORCH_ASKS)


def test_one_graph_under_torch_compile():
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    @torch.compile(fullgraph=True, backend=backend, dynamic=True)
    def step(x, k, seed):
        found, places = topk(x * 2, k)
        return found + 1, places, sample(x, seed=seed, temperature=0.7)

    for rows, k, seed in ((4, 2, 100), (7, 3, 200), (9, 5, 300)):
        x = values(rows, 16, seed=rows)
        found, places, drawn = step(x, k, seed)
        expected, expected_places = topk(x * 2, k)
        assert torch.equal(found, expected + 1) and torch.equal(places, expected_places)
        assert torch.equal(drawn, sample(x, seed=seed, temperature=0.7))
    assert len(graphs) == 1, "sizes, k and the seed are no part of the graph"


def test_the_program_of_sample_is_the_example():
    program = Path(tilec.ops.__file__).parent / "sample.tile"
    assert program.read_text() == (EXAMPLES / "topk/sample.tile").read_text()
