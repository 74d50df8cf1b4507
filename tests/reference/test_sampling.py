"""Draws of examples/topk/sample.tile: the same for a seed, and as likely as they should be."""

import functools

import numpy as np
import pytest

import tilec
from sampling import sample_shares
from selection import ranked

FILE = "examples/topk/sample.tile"
DRAWS = 100_000
LOGIT = np.random.default_rng(11).normal(0, 1.5, 24).astype(np.float32)
# K, temperature, top_p, min_p
SETTINGS = [(24, 1.0, 1.0, 0.0), (12, 0.8, 0.9, 0.0), (24, 1.3, 1.0, 0.15), (24, 2.0, 0.95, 0.05), (5, 1.0, 0.5, 0.0)]


@functools.cache
def draws(setting, seed=1, rows=DRAWS, file=FILE) -> np.ndarray:
    k, temperature, top_p, min_p = setting
    scalars = {"temperature": temperature, "top_p": top_p, "min_p": min_p}
    inputs = {name: np.array(value, np.float32) for name, value in scalars.items()}
    inputs |= {"logit": np.tile(LOGIT, (rows, 1)), "seed": np.array(seed, np.int32)}
    return tilec.run(file, "sample", inputs, ["token"], {"K": k})["token"]


def probabilities(setting) -> np.ndarray:
    """Of each token."""
    k, temperature, top_p, min_p = setting
    order = ranked(LOGIT, True)[:k]
    shares = sample_shares(LOGIT[order].astype(np.float64), temperature, top_p, min_p)
    p = np.zeros(LOGIT.size)
    p[order] = shares / np.sum(shares)
    return p


def check_frequencies(tokens, p) -> None:
    """Pearson's chi-square test at 5 sigma (one in 3.5 million), by the approximation of Wilson
    and Hilferty (1931): (chi2 / df)^(1/3) is nearly normal, mean 1 - 2 / (9 df), variance
    2 / (9 df)."""
    count = np.bincount(tokens, minlength=p.size)
    never = count[p == 0]
    assert not np.any(never), f"{np.sum(never)} draws of tokens that take no part"
    expected = tokens.size * p[p > 0]
    assert np.min(expected) > 20, "too few draws for the test"
    chi2 = np.sum((count[p > 0] - expected) ** 2 / expected)
    df = expected.size - 1
    sigma = ((chi2 / df) ** (1 / 3) - (1 - 2 / (9 * df))) / (2 / (9 * df)) ** 0.5
    assert sigma < 5, f"chi-square {chi2:.1f} of {df} degrees of freedom, {sigma:.1f} sigma"


@pytest.mark.parametrize("setting", SETTINGS)
def test_draws_are_as_likely_as_they_should_be(setting):
    check_frequencies(draws(setting), probabilities(setting))


# What each would be if it were slightly wrong.
BIASES = {
    "another temperature": (24, 1.03, 1.0, 0.0),
    "a token too few": (23, 1.0, 1.0, 0.0),
    "half of the tokens": (24, 1.0, 0.9, 0.0),
    "only likely ones": (24, 1.0, 1.0, 0.1),
}


@pytest.mark.parametrize("bias", BIASES)
def test_biased_settings_are_noticed(bias):
    with pytest.raises(AssertionError, match="sigma|take no part"):
        check_frequencies(draws(SETTINGS[0]), probabilities(BIASES[bias]))


WRONG = {
    "a draw that stops short": ("uniform(seed, r) * mass[r]", "uniform(seed, r) * (0.98 * mass[r])"),
    "a number too many": ("uniform(seed, r)", "max(uniform(seed, r), uniform(seed, r, 1) - 0.7)"),
    "no top_p": ("before[r, j] < top_p * total[r]", "before[r, j] < total[r]"),
    "later ranks likelier": ("then z[r, j] else 0", "then z[r, j] * (1.0 + 0.01 * f32(j)) else 0"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_biased_programs_are_noticed(wrong, tmp_path):
    text = (tilec.ROOT / FILE).read_text()
    assert WRONG[wrong][0] in text
    file = tmp_path / "biased.tile"
    file.write_text(text.replace(*WRONG[wrong]))
    setting = (24, 1.0, 0.98, 0.0)
    check_frequencies(draws(setting), probabilities(setting))
    with pytest.raises(AssertionError, match="sigma|take no part"):
        check_frequencies(draws(setting, file=file), probabilities(setting))


def test_a_seed_is_all_that_matters():
    """The same seed draws the same, another seed something else, and a row does not see how
    many there are."""
    setting = SETTINGS[1]
    first = draws(setting, seed=5, rows=3000)
    assert np.array_equal(first, draws.__wrapped__(setting, seed=5, rows=3000))
    assert np.array_equal(first[:700], draws(setting, seed=5, rows=700))
    assert np.mean(first == draws(setting, seed=6, rows=3000)) < 0.5
