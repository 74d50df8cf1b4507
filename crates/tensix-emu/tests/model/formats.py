"""Formats of Tensix cores, from their documentation, as functions of arrays of bits."""

import numpy as np

SPECIAL = np.array(
    [0, 0x80000000, 1, 0x807FFFFF, 0x00800000, 0x80800000, 0x7F800000, 0xFF800000, 0x7F800001,
     0xFFC00000, 0x7F7FFFFF, 0xFF7FFFFF, 0x3F800000, 0x3F808000, 0x3F818000, 0x3F807FFF,
     0x3F80FFFF, 0xBF808000, 0x7F7F8000, 0x477FF000, 0x38800000, 0x43F00000, 0x43E80000],
    np.uint32)


def f32(bits):
    return np.asarray(bits, np.uint32).view(np.float32)


def bits(values):
    return np.ascontiguousarray(values, np.float32).view(np.uint32)


def random_bits(rng):
    """Any 32 bits, a third of them special, a third of them usual floats."""
    wild = rng.integers(0, 2**32, (32, 32), dtype=np.uint64).astype(np.uint32)
    usual = bits(rng.standard_normal((32, 32)) * np.exp(3 * rng.standard_normal((32, 32))))
    which = rng.integers(0, 3, (32, 32))
    return np.choose(which, [wild, usual, rng.choice(SPECIAL, (32, 32))])


def usual_bf16(rng, spread=1.0):
    values = rng.standard_normal((32, 32)) * np.exp(spread * rng.standard_normal((32, 32)))
    return (bits(values) >> 16).astype(np.uint16)


def bf16(halves):
    return f32(np.asarray(halves).astype(np.uint32) << 16)


def through_source(words, fraction_bits):
    """f32 through a source register: bits are cut, NaN is infinity, what is tiny is +0."""
    cut = words & np.uint32(0xFFFFFFFF << (23 - fraction_bits) & 0xFFFFFFFF)
    exponent = words >> 23 & 255
    infinite = words & np.uint32(0x80000000) | np.uint32(0x7F800000)
    return np.where(exponent == 0, 0, np.where(exponent == 255, infinite, cut)).astype(np.uint32)


def nearest_bf16(words):
    """f32 to bf16 as the packer does it: to nearest, ties away from zero."""
    nan = (words & 0x7FFFFFFF) > 0x7F800000
    words = np.where(nan, words & np.uint32(0x80000000) | np.uint32(0x7F800000), words)
    rounded = (words.astype(np.uint64) + 0x8000 >> 16).astype(np.uint16)
    return np.where((rounded & 0x7FFF) < 0x80, 0, rounded).astype(np.uint16)


def block_values(page):
    """The values of a page of bfp8: 64 exponents, then signs and 7 bits of magnitude."""
    exponents = np.repeat(page[:64].astype(np.int64), 16)
    codes = page[64:].astype(np.int64)
    values = (codes & 0x7F) * 2.0 ** (exponents - 127 - 6)
    return np.where(codes & 0x80, -values, values)


def e4m3_values(codes):
    """Normal codes of the chip's own e4m3. Subnormal ones are 0, and all ones fill a fraction."""
    codes = codes.astype(np.int64)
    exponent, fraction = codes >> 3 & 15, codes & 7
    values = (8 + fraction) * 2.0 ** (exponent - 7 - 3)
    values = np.where((codes & 0x7F) == 0x7F, 511.75, values)
    return np.where(exponent == 0, 0.0, np.where(codes & 0x80, -values, values))
