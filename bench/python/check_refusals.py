"""The checks of `check.py` on what a call on CUDA tensors refuses."""

import torch

import tilec
from checking import ADD, PRODUCT, SCALED, check, refusal, refused, values


@check
def wrong_arguments_are_refused():
    add, scaled = tilec.load(ADD), tilec.load(SCALED)
    x, y = values(64), values(64, seed=1)
    add(x, y)
    refused(tilec.DTypeError, "y", lambda: add(x, y.double()))
    refused(tilec.RankError, "y", lambda: add(x, y[None]))
    assert "64" in str(refusal(tilec.SizeError, lambda: add(x, y[:32])))
    refused(tilec.DeviceError, "y", lambda: add(x, y.cpu()))
    refused(tilec.LayoutError, "y", lambda: add(x, values(128)[::2]))
    product, a = tilec.load(PRODUCT), values(64, 256, dtype=torch.bfloat16)
    skewed = values(64 * 256 + 1, dtype=torch.bfloat16)[1:].reshape(64, 256)
    for _ in range(2):
        refused(tilec.LayoutError, "b", lambda: product(a, skewed))
        product(a, a)
    refused(tilec.LayoutError, "z", lambda: add(x, y, out=x))
    refused(tilec.SizeError, "z", lambda: add(x, y, out=values(32)))
    refused(tilec.GradError, "x", lambda: add(x.clone().requires_grad_(), y))
    refused(tilec.DeviceError, "s", lambda: scaled(x, torch.ones((), device="cuda"), 1))
    refused(tilec.ArgumentError, "y", lambda: add(x, [1.0] * 64))


PICK = """
kernel pick[T, E](x: f32[T, E], at: idx<E>[T]) -> (y: f32[T])
where finite(x)
{
    y[t] = x[t, at[t]]
}
"""


@check
def values_are_looked_at_where_that_is_asked_for():
    strict, trusting = tilec.load(PICK, check=True), tilec.load(PICK)
    x = values(1000, 64)
    at = torch.randint(64, (1000,), device="cuda", dtype=torch.int32)
    expected = x.gather(1, at.long()[:, None])[:, 0]
    assert torch.equal(strict(x, at), expected) and torch.equal(trusting(x, at), expected)
    at[700] = 64
    assert "at[700] = 64 is not in 0 .. 63" in refused(tilec.DataError, "at", lambda: strict(x, at))
    # Elsewhere the nearest index is read.
    assert torch.equal(trusting(x, at), x.gather(1, at.long().clamp(0, 63)[:, None])[:, 0])
    at[700], x[3, 5] = 0, torch.inf
    assert "finite(x)" in refused(tilec.DataError, "x", lambda: strict(x, at))
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        # What is looked at is what the stream has made by then.
        torch.cuda._sleep(50_000_000)
        x[3, 5] = 0
        strict(x, at)


class Elsewhere:
    """An array that says that it is on a GPU which this machine does not have."""

    def __init__(self, tensor, device):
        self.tensor, self.device = tensor, device

    def __dlpack_device__(self):
        return (2, self.device)

    def __dlpack__(self, **keywords):
        return self.tensor.__dlpack__()


@check
def another_gpu():
    add = tilec.load(ADD)
    count = torch.cuda.device_count()
    if count > 1:
        with torch.cuda.device(0):
            x = values(100).to("cuda:1")
            assert torch.equal(add(x, x), x + x)
            assert torch.cuda.current_device() == 0
        refused(tilec.DeviceError, "y", lambda: add(x, x.to("cuda:0")))
    x = values(100)
    error = refusal(tilec.DeviceError, lambda: add(Elsewhere(x, count), Elsewhere(x, count), out=Elsewhere(x, count)))
    assert str(count) in str(error), error
