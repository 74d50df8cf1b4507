"""Rows of elements to tiles and back."""

import numpy as np

from case import Case, pages
from formats import bits, through_source, usual_bf16

TILIZE = """    compute_kernel_hw_startup(0, 16);
    tilize_init(0, 3, 16);
    cb_wait_front(0, 6);
    cb_reserve_back(16, 6);
    tilize_block(0, 3, 16);
    tilize_block(0, 3, 16, 3, 3);
    cb_push_back(16, 6);
    tilize_uninit(0, 16);
"""

# Two blocks of the same two tiles.
BLOCKS = """    compute_kernel_hw_startup(0, 16);
    pack_untilize_init<2, 4>(0, 16);
    cb_wait_front(0, 2);
    cb_reserve_back(16, 4);
    pack_untilize_block<2, 4>(0, 1, 16, 0);
    pack_untilize_block<2, 4>(0, 1, 16, 1);
    cb_push_back(16, 4);
    pack_untilize_uninit(16);
"""

# Two strips of what copies left in DST, from its second tile, and then a tile.
DEST = """    compute_kernel_hw_startup(0, 16);
    copy_init(0);
    pack_untilize_dest_init<1>(16);
    cb_wait_front(0, 2);
    cb_reserve_back(16, 3);
    tile_regs_acquire();
    copy_tile(0, 0, 1);
    copy_tile(0, 1, 2);
    tile_regs_commit();
    tile_regs_wait();
    pack_untilize_dest<1>(16, 2, 0, 1);
    tile_regs_release();
    pack_untilize_uninit(16);
    tile_regs_acquire();
    copy_tile(0, 1, 0);
    tile_regs_commit();
    tile_regs_wait();
    pack_tile<true>(0, 16, 2);
    tile_regs_release();
    cb_push_back(16, 3);
"""


def strip(elements):
    """Pages of 32 rows of elements."""
    tiles = elements.shape[1] // 32
    return np.ascontiguousarray(elements).view(np.uint8).reshape(tiles, -1)


def tilized(rng, format, values, kept, **rest):
    """`values` makes a tile of bits."""
    strips = [np.concatenate([values(rng) for _ in range(3)], 1) for _ in range(2)]
    tiles = [np.ascontiguousarray(kept(tile)) for s in strips for tile in np.split(s, 3, 1)]
    return Case(name=f"tilize_block {format}", body=TILIZE, output=(format, 6),
                inputs=[(format, np.concatenate([strip(s) for s in strips]))], exact=pages(*tiles),
                headers=("tilize",), **rest)


def untilized(rng, format, values, kept, **rest):
    tiles = [values(rng) for _ in range(2)]
    once = np.concatenate([kept(tile) for tile in tiles], 1)
    yield Case(name=f"pack_untilize_block {format}", body=BLOCKS, output=(format, 4),
               inputs=[(format, pages(*tiles))], exact=strip(np.concatenate([once, once], 1)),
               headers=("pack_untilize",), **rest)
    last = np.ascontiguousarray(kept(tiles[1]))
    yield Case(name=f"pack_untilize_dest {format}", body=DEST, output=(format, 3),
               inputs=[(format, pages(*tiles))],
               exact=np.concatenate([*(strip(kept(tile)) for tile in tiles), pages(last)]),
               headers=("pack_untilize", "tile_move_copy"), **rest)


def usual_f32(rng):
    return bits(rng.standard_normal((32, 32)))


def integers(rng):
    return rng.integers(0, 2**32, (32, 32), dtype=np.uint64).astype(np.uint32)


def cases():
    rng = np.random.default_rng(25)
    f32 = ("Float32", usual_f32, lambda tile: through_source(tile, 10))
    bf16 = ("Float16_b", usual_bf16, lambda tile: tile)
    words = ("UInt32", integers, lambda tile: tile)
    for given, rest in ((bf16, {"fp32_dest_acc": False}), (f32, {}),
                        (words, {"archs": ("blackhole",)})):
        yield tilized(rng, *given, **rest)
        yield from untilized(rng, *given, **rest)
