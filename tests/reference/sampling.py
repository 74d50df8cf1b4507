"""Random numbers and what is drawn with them."""

import numpy as np

import philox
from cases import SIZES, Kernel, cover
from compare import UNIT, Exact, Judged
from formats import NARROW, wide
from selection import ranked_rows
from tilec import IDIOMS

SAMPLING = f"{IDIOMS}/sampling.tile"
RANDOM = f"{IDIOMS}/random.tile"
STOCHASTIC = f"{IDIOMS}/stochastic.tile"
SEED = -123456789  # its bits are the key, so the sign matters


def make_words(rng, n):
    return {"seed": np.int32(SEED), "x": rng.integers(-(2**31), 2**31, n).astype(np.int32)}


def random_words(seed, x):
    n = np.arange(x.size)
    return {
        "one": Exact(philox.random(seed, n)),
        "two": Exact(philox.random(seed, x, n)),
        "three": Exact(philox.random(seed, 1, x, n)),
        "four": Exact(philox.random(seed, n, 2, x, -1)),
        "u": Exact(philox.uniform(seed, n)),
        "v": Exact(philox.uniform(x, n, 3, x.size)),
    }


def make_dropout(rng, m, n):
    return {"x": rng.standard_normal((m, n), np.float32), "seed": np.int32(7), "rate": np.float32(0.3)}


def dropout(x, seed, rate):
    m, n = x.shape
    u = philox.uniform(seed, *np.mgrid[:m, :n])
    return {"y": Exact(np.where(u < rate, np.float32(0), x / (np.float32(1) - rate)))}


def grid(dtype) -> np.ndarray:
    """The finite values of a narrow type that are not negative, ascending."""
    codes = np.arange(2 ** (8 * dtype.itemsize - 1), dtype=f"u{dtype.itemsize}").view(dtype)
    values = wide(codes)
    return values[np.isfinite(values)]


def round_stochastic(x, r, dtype):
    """The magnitude lies between neighbors lo <= |x| < hi, a fraction of the way up;
    it goes up if the bits, as a fraction of 2^32, are below that."""
    values = grid(dtype)
    size = np.minimum(np.abs(wide(x)), values[-1])
    below = np.searchsorted(values, np.nan_to_num(size), side="right") - 1
    lo = values[below]
    hi = values[np.minimum(below + 1, len(values) - 1)]
    step = np.where(hi > lo, hi - lo, 1)
    up = r.view(np.uint32).astype(np.float64) < (size - lo) / step * 2.0**32
    value = np.copysign(np.where(up, hi, lo), x).astype(np.float32)
    value = np.where(np.isinf(x) & (dtype in (NARROW["bf16"], NARROW["f16"])), x, value)
    return np.where(np.isnan(x), x, value).astype(dtype)


def make_bits(rng, n):
    x = (rng.standard_normal(n) * 10.0 ** rng.uniform(-9, 4, n)).astype(np.float32)
    special = [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -448.0, 57344.0, 65504.0, 1e-45, -1e-30, 1.0625, 2.0**-9]
    x[: min(n, len(special))] = special[:n]
    r = rng.integers(-(2**31), 2**31, n).astype(np.int32)
    r[-n // 4 :] = rng.choice(np.array([0, -1, -(2**31), 2**31 - 1], np.int32), r[-n // 4 :].size)
    return {"x": x, "r": r}


def stochastic_bits(x, r):
    types = {"a": "f8e4m3", "b": "f8e5m2", "c": "bf16", "d": "f16"}
    return {name: Exact(round_stochastic(x, r, NARROW[t])) for name, t in types.items()}


def near_boundaries(rng):
    """Values whose fraction is a multiple of 2^-16, with bits on both sides of it."""
    steps = rng.integers(0, 2**16, 2000)
    x = np.float32(1) + (steps / 2.0**16 * 2.0**-3).astype(np.float32)
    r = ((steps << 16) + rng.integers(-1, 2, steps.size)).astype(np.int64).astype(np.int32)
    return {"x": x, "r": r}


def make_logits(rng, r, v, *_):
    return {"logit": (3 * rng.standard_normal((r, v))).astype(np.float32), "seed": np.int32(SEED)}


def lands(shares, u, rank, slack) -> bool:
    """Whether a draw u falls on `rank` among shares in order, give or take f32 sums.
    A rank without a share is never drawn, whatever the rounding."""
    upto = np.cumsum(shares)
    draw = u * upto[-1]
    before = upto[rank] - shares[rank]
    return shares[rank] > 0 and before - slack * upto[-1] <= draw <= upto[rank] + slack * upto[-1]


def judged(order, shares_of, rows, seed):
    """Each token must be where the draw of its row lands; `shares_of` may give several
    candidates where rounding decides who takes part."""
    u = wide(philox.uniform(seed, np.arange(rows)))

    def judge(got):
        for row in range(rows):
            rank = int(np.nonzero(order[row] == got[row])[0][0])
            slack = (4 * order.shape[1] + 64) * UNIT
            options = [s for s in shares_of(row) if rank < len(s)]
            assert any(lands(s, u[row], rank, slack) for s in options), f"row {row} draws {got[row]}"

    return {"token": Judged(np.dtype(np.int32), (rows,), judge)}


def make_top_p(rng, r, v):
    """A single row keeps nothing but its most likely token."""
    keep = np.float32(0 if r == 1 else 0.9)
    return {**make_logits(rng, r, v), "temperature": np.float32(0.8), "keep": keep}


def top_p(logit, seed, temperature, keep):
    order = ranked_rows(logit, True)
    slack = (4 * logit.shape[1] + 64) * UNIT

    def shares(row):
        z = np.exp((wide(logit[row]) - np.max(wide(logit[row]))) / float(temperature))
        p = (z / np.sum(z))[order[row]]
        before = np.cumsum(p) - p
        sizes = {np.sum(before < float(keep) + side) for side in (-slack, slack)}
        return [p[: max(int(size), 1)] for size in sizes]

    return judged(order, shares, len(logit), seed)


def top_k_sample(logit, seed, K):
    order = ranked_rows(logit, True, K)

    def shares(row):
        kept = wide(logit[row])[order[row]]
        return [np.exp(kept - kept[0])]

    return judged(order, shares, len(logit), seed)


def make_min_p(rng, r, v):
    """In a single row no token is as likely as asked, so that the likeliest stays alone."""
    return {**make_logits(rng, r, v), "floor_p": np.float32(2 if r == 1 else 0.05)}


def min_p_sample(logit, seed, floor_p):
    order = np.tile(np.arange(logit.shape[1]), (len(logit), 1))

    def shares(row):
        p = np.exp(wide(logit[row]) - np.max(wide(logit[row])))
        floor = min(float(floor_p), 1.0)
        assert not np.any(np.abs(p[p < 1] - floor) < 1e-6), "the data is near a tie"
        return [np.where(p >= floor, p, 0)]

    return judged(order, shares, len(logit), seed)


# temperature, top_p, min_p: all kinds of off, on and out of range.
SETTINGS = [(0.8, 0.9, 0.02), (1, 1, 0), (0, 0.9, 0), (1.5, 0, 0), (0.7, 1, 0.1), (2, 0.5, 0), (-1, 1, 0), (1, 1, 2)]
SETTINGS += [(np.nan, 1, 0), (1, np.nan, 0), (1, 1, np.nan), (np.inf, 1, 0), (1e-40, 1, 0), (0.8, 2, -1)]


def make_sample(rng, r, v, k, setting):
    """Every eighth row has NaN and infinities, or nothing else."""
    data = make_logits(rng, r, v)
    logit = data["logit"]
    logit[1::8] = np.where(rng.random(logit[1::8].shape) < 0.3, np.nan, logit[1::8])
    logit[2::8] = np.where(rng.random(logit[2::8].shape) < 0.3, np.inf, logit[2::8])
    logit[3::8] = np.where(rng.random(logit[3::8].shape) < 0.3, -np.inf, logit[3::8])
    logit[4::8], logit[5::8], logit[6::8] = np.nan, -np.inf, np.inf
    temperature, top_p, min_p = map(np.float32, SETTINGS[setting])
    return {**data, "temperature": temperature, "top_p": top_p, "min_p": min_p}


def sample_shares(keys, temperature, top_p, min_p, slack=0.0) -> np.ndarray:
    """How likely the tokens are, in order and as multiples of the first, given the logits of
    the K most likely in order. `slack` is added to what they may hold together."""
    first = np.arange(len(keys)) == 0
    if not temperature > 0:
        return first * 1.0
    with np.errstate(invalid="ignore", over="ignore"):
        z = np.exp((keys - keys[0]) / temperature)
    z[keys == keys[0]] = 1
    z[~(keys > -np.inf)] = 0
    z[0] = 1
    held = np.cumsum(z) - z
    stays = (z >= min_p) & ((top_p >= 1) | (held < (top_p + slack) * np.sum(z)))
    return np.where(first | stays, z, 0)


def sample(logit, seed, temperature, top_p, min_p, K):
    order = ranked_rows(logit, True, K)
    slack = (4 * K + 64) * UNIT

    def shares(row):
        keys = wide(logit[row])[order[row]]
        return [sample_shares(keys, float(temperature), float(top_p), float(min_p), s) for s in (-slack, slack)]

    return judged(order, shares, len(logit), seed)


WORDS = [(r, max(v, 1)) for r, v in cover(2)]
LINE = [(n,) for n in SIZES]

KERNELS = [
    Kernel(RANDOM, "random_words", make_words, random_words, [*LINE, (5000,)]),
    Kernel(RANDOM, "dropout", make_dropout, dropout, cover(2)),
    Kernel(STOCHASTIC, "stochastic_bits", make_bits, stochastic_bits, [*LINE, (20000,)]),
    Kernel("examples/top_p/top_p.tile", "top_p", make_top_p, top_p, [*WORDS, (20, 2000)]),
    Kernel(
        "examples/topk/sample.tile",
        "sample",
        make_sample,
        sample,
        [(*p, min(p[1], k), s) for p, k, s in zip(2 * WORDS, 2 * [1, 5, 64, 1000, 9, 129, 33], range(len(SETTINGS)))]
        + [(129, 40, min(40, 7 * s + 1), s) for s in range(len(SETTINGS))]
        + [(9, 5000, 300, 0)],
        lambda r, v, k, setting: {"K": k},
    ),
    Kernel(
        SAMPLING,
        "top_k_sample",
        make_logits,
        top_k_sample,
        [(*p, min(p[1], 5)) for p in WORDS],
        lambda r, v, k: {"K": k},
    ),
    Kernel(SAMPLING, "min_p_sample", make_min_p, min_p_sample, WORDS),
]
