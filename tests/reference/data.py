"""Data as it is in practice: mostly standard normal, with a few huge values."""

import numpy as np

from formats import E4M3, convert

OUTLIERS = 1e-4  # how many
FACTOR = 1e4  # how huge
BLOCK = 128


def heavy(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal, where one value in 10,000, and at least one, is 1e4 times as large."""
    x = rng.standard_normal(shape, np.float32)
    if x.size:
        where = rng.choice(x.size, max(1, round(x.size * OUTLIERS)), replace=False)
        x.reshape(-1)[where] *= np.float32(FACTOR)
    return x


def spread(x: np.ndarray, scales: np.ndarray, rows: int) -> np.ndarray:
    """Scales of blocks of `rows` x 128, one per element of x."""
    m, k = x.shape
    return np.repeat(np.repeat(scales, rows, 0)[:m], BLOCK, 1)[:, :k]


def quantize(x: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes in f8e4m3, and a scale per block of `rows` x 128 that makes its peak 448."""
    m, k = x.shape
    scales = np.empty((-(-m // rows), -(-k // BLOCK)), np.float32)
    for i in range(scales.shape[0]):
        for j in range(scales.shape[1]):
            block = x[i * rows : (i + 1) * rows, j * BLOCK : (j + 1) * BLOCK]
            scales[i, j] = max(np.float32(np.max(np.abs(block))), np.float32(1e-6)) / np.float32(448)
    return convert(x / spread(x, scales, rows), E4M3), scales
