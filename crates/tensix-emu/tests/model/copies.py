"""Copies to DST and packing, for each format, bit by bit."""

import numpy as np

from case import BOTH, Case, pack, pages, to_faces
from formats import bf16, bits, e4m3_values, nearest_bf16, random_bits, through_source

COPY = """    compute_kernel_hw_startup(0, 16);
    copy_init(0);
    cb_wait_front(0, 1);
    tile_regs_acquire();
    copy_tile(0, 0, 0);
"""

OVER = COPY + """    cb_wait_front(1, 1);
    reconfig_data_format(1, 1);
    copy_init(1);
    copy_tile(1, 0, 0);
"""


def copy(name, source, result, **rest):
    """`source` and `result` are (format, page)."""
    return Case(name=name, body=COPY + pack(), inputs=[(source[0], source[1][None])],
                output=(result[0], 1), exact=result[1][None], headers=("tile_move_copy",), **rest)


def page(tile):
    return pages(tile)[0]


def to_dst(rng):
    """What arrives in 32-bit DST, packed as words."""
    words = random_bits(rng)
    halves = (random_bits(rng) >> 16).astype(np.uint16)
    codes = rng.integers(0, 256, (32, 32)).astype(np.uint8)
    wide = (halves.astype(np.uint32)) << 16
    yield copy("copy_tile Float32", ("Float32", page(words)),
               ("UInt32", page(through_source(words, 10))))
    yield copy("copy_tile Float16_b", ("Float16_b", page(halves)),
               ("UInt32", page(through_source(wide, 7))))
    yield copy("copy_tile UInt8", ("UInt8", page(codes)), ("UInt32", page(codes.astype(np.uint32))))
    yield copy("copy_tile UInt16", ("UInt16", page(halves)),
               ("UInt32", page(halves.astype(np.uint32))))
    # A 16-bit integer is the lower half of a word, and leaves the upper one as it was.
    yield Case(name="copy_tile UInt16 over a float", body=OVER + pack(),
               inputs=[("Float16_b", pages(halves)), ("UInt16", pages(halves[::-1]))],
               output=("UInt32", 1), exact=pages(through_source(wide, 7) | halves[::-1]),
               headers=("tile_move_copy", "reconfig_data_format"))
    values = bits(e4m3_values(codes).astype(np.float32))
    yield copy("copy_tile Fp8_e4m3", ("Fp8_e4m3", page(codes)), ("UInt32", page(values)),
               archs=("blackhole",))
    yield copy("copy_tile UInt32", ("UInt32", page(words)), ("UInt32", page(words)),
               archs=("blackhole",))
    yield copy("copy_tile Float32 unpacked to DST", ("Float32", page(words)),
               ("Float32", page(words)), archs=("blackhole",), direct=[0])


def from_dst(rng):
    """What is packed of 32-bit DST, into which words are copied unchanged."""
    words = random_bits(rng)
    only = {"archs": ("blackhole",)}
    source = ("UInt32", page(words))
    yield copy("pack_tile Float32", source, ("Float32", page(words)), **only)
    yield copy("pack_tile Float16_b", source, ("Float16_b", page(nearest_bf16(words))), **only)
    integers = rng.choice([0, 1, 7, 255, 256, 70000, 0x80000001, 0xFFFFFFFF], (32, 32))
    integers = integers.astype(np.uint32)
    bytes_ = np.where(integers >> 31, 0, np.minimum(integers, 255)).astype(np.uint8)
    yield copy("pack_tile UInt8", ("UInt32", page(integers)), ("UInt8", page(bytes_)), **only)


def narrow(rng):
    """16-bit DST keeps a bf16 but for NaN and subnormals, which the packer changes."""
    halves = (random_bits(rng) >> 16).astype(np.uint16)
    kept = through_source(halves.astype(np.uint32) << 16, 7)
    for arch in BOTH:
        yield copy(f"copy_tile in 16 bits on {arch}", ("Float16_b", page(halves)),
                   ("Float16_b", page((kept >> 16).astype(np.uint16))), archs=(arch,),
                   fp32_dest_acc=False)


def block_page(tile):
    """A page of bfp8: each 16 values share the largest exponent, ties away from zero."""
    words = to_faces(tile).astype(np.uint32) << 16
    exponents, codes = [], []
    for row in words.reshape(-1, 16):
        exponent = int((row >> 23 & 255).max())
        magnitude = np.abs(bf16(row >> 16).astype(np.float64)) / 2.0 ** (exponent - 127 - 6)
        rounded = np.minimum(np.floor(magnitude + 0.5), 127).astype(np.uint8)
        codes.append(np.where((row >> 31).astype(bool) & (rounded > 0), rounded | 0x80, rounded))
        exponents.append(exponent)
    return np.concatenate([np.array(exponents, np.uint8), np.concatenate(codes).astype(np.uint8)])


def blocks(rng):
    # Six bits of fraction, so that no rounding comes before that of the block.
    values = rng.standard_normal((32, 32)) * np.exp(2 * rng.standard_normal((32, 32)))
    halves = (bits(values) >> 16).astype(np.uint16) & np.uint16(0xFFFE)
    yield copy("pack_tile Bfp8_b", ("Float16_b", page(halves)), ("Bfp8_b", block_page(halves)))


def transposed(rng):
    halves = rng.integers(0x3F00, 0x4100, (32, 32)).astype(np.uint16)
    words = random_bits(rng)
    body = COPY.replace("copy_", "transpose_") + pack()
    for name, format, tile, result, output, rest in (
        ("", "Float16_b", halves, halves, "Float16_b", {}),
        (" Float32", "Float32", words, through_source(words, 10), "UInt32", {}),
        (" UInt16", "UInt16", halves, halves, "UInt16", {"fp32_dest_acc": False}),
        (" UInt32", "UInt32", words, words, "UInt32", {"archs": ("blackhole",)}),
    ):
        yield Case(name=f"transpose_tile{name}", body=body, inputs=[(format, pages(tile))],
                   output=(output, 1), exact=pages(result.T), headers=("transpose",), **rest)


def cases():
    rng = np.random.default_rng(21)
    for part in (to_dst, from_dst, narrow, blocks, transposed):
        yield from part(rng)
