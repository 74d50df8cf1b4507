"""What scales per block are for: with a few huge values, one scale for a whole tensor
leaves little of the others.
"""

import numpy as np

import tilec
from data import FACTOR, heavy
from formats import wide
from rowwise import QUANTIZE


def test_blocks_keep_what_outliers_would_drown():
    h = heavy(np.random.default_rng(0), 512, 4096)
    block = tilec.run(QUANTIZE, "block_quantize", {"h": h}, ["q", "scale"])
    whole = tilec.run(QUANTIZE, "tensor_quantize", {"h": h}, ["q", "scale"])
    by_block = error(h, wide(block["q"]) * np.repeat(wide(block["scale"]), 128, axis=1))
    by_tensor = error(h, wide(whole["q"]) * float(whole["scale"]))
    print(f"error of the ordinary values: {by_block:.4f} by block, {by_tensor:.4f} by tensor")
    assert 0.01 < by_block < 0.03, "2.2 % is what three digits after the point leave"
    assert by_tensor > 5 * by_block


def error(h, restored) -> float:
    """The mean error of the values that are no outliers, relative to each."""
    ordinary = np.abs(h) < 0.001 * FACTOR
    return float(np.mean(np.abs(restored - h)[ordinary] / np.abs(h)[ordinary]))
