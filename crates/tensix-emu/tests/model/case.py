"""What a case is: a compute kernel, the tiles that it gets, and what must come out.

Tiles are 32x32 arrays here; in memory a tile is four faces of 16x16, row by row.
"""

from dataclasses import dataclass, field

import numpy as np

BOTH = ("wormhole", "blackhole")
PACK = """    tile_regs_commit();
    cb_reserve_back(16, COUNT);
    tile_regs_wait();
    pack_block(0, 16, COUNT);
    tile_regs_release();
    cb_push_back(16, COUNT);
"""


@dataclass
class Case:
    """One kernel. Inputs are rings 0, 1, ..; the output is ring 16."""

    name: str
    body: str
    inputs: list  # (format, pages as rows of bytes)
    output: tuple  # (format, number of pages)
    exact: np.ndarray | None = None  # the pages, as rows of bytes
    near: np.ndarray | None = None  # f32 values, page by page, in memory's order ..
    bound: np.ndarray | None = None  # .. and how far each may be off
    headers: tuple = ()
    functions: str = ""
    archs: tuple = BOTH
    fp32_dest_acc: bool = True
    full_sync: bool = False
    fidelity: str = "HiFi4"
    direct: list = field(default_factory=list)  # rings that are unpacked straight to DST
    wrong_sums: int = 0  # that the chip's matrix unit makes


def pack(count=1):
    """What packs the first tiles of DST."""
    return PACK.replace("COUNT", str(count))


def to_faces(tile):
    return tile.reshape(2, 16, 2, 16).swapaxes(1, 2).reshape(-1)


def from_faces(words):
    return words.reshape(2, 2, 16, 16).swapaxes(1, 2).reshape(32, 32)


def pages(*tiles):
    """Pages of tiles whose elements are stored as they are."""
    return np.stack([to_faces(tile).view(np.uint8) for tile in tiles])
