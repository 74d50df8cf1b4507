"""Philox4x32-10, from the paper "Parallel random numbers: as easy as 1, 2, 3"
(Salmon et al., 2011), and the two functions of the language that use it.
"""

import numpy as np

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
MASK = np.uint64(0xFFFFFFFF)
ROUNDS = 10


def philox4x32(counter, key):
    """Four words from four counter words and two key words, elementwise."""
    c = [np.asarray(word).astype(np.int64).astype(np.uint64) & MASK for word in counter]
    k = [np.asarray(word).astype(np.int64).astype(np.uint64) & MASK for word in key]
    for _ in range(ROUNDS):
        p0 = c[0] * np.uint64(MULTIPLIERS[0])
        p1 = c[2] * np.uint64(MULTIPLIERS[1])
        high = np.uint64(32)
        c = [(p1 >> high) ^ c[1] ^ k[0], p1 & MASK, (p0 >> high) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + np.uint64(WEYL[0])) & MASK, (k[1] + np.uint64(WEYL[1])) & MASK]
    return [word.astype(np.uint32) for word in c]


def random(seed, *arguments):
    """`random(seed, i, ..)`: the seed is the first key word, the arguments are the
    counter words in order, and what is missing is 0."""
    counter = np.broadcast_arrays(*arguments, *[np.int64(0)] * (4 - len(arguments)))
    return philox4x32(counter, (seed, 0))[0].view(np.int32)


def uniform(seed, *arguments):
    """`uniform(seed, i, ..)`: the upper 24 bits as a fraction."""
    words = random(seed, *arguments).view(np.uint32)
    return (words >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
