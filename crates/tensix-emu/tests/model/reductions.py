"""Sums, averages and maxima of rows, columns and all elements of tiles, with their scalers."""

import numpy as np

from case import BOTH, Case, pack, pages, to_faces
from formats import bf16, bits, random_bits, usual_bf16
from products import PASSES, product

BODY = """    compute_kernel_hw_startup(SOURCES, 16);
    reduce_init<PoolType::POOL, ReduceDim::REDUCE_ALONG>(0, 1, 16);
    cb_wait_front(0, TILES);
    cb_wait_front(1, 1);
    tile_regs_acquire();
    for (uint32_t tile = 0; tile < TILES; ++tile)
        reduce_tile<PoolType::POOL, ReduceDim::REDUCE_ALONG>(0, 1, tile, 0, 0);
"""
UNINIT = "    reduce_uninit();\n"
# Which elements of a tile a result takes.
RESULTS = {"ROW": np.s_[:, 0], "COL": np.s_[0, :], "SCALAR": np.s_[0, 0]}


def body(pool, along, count):
    sources = "1, 0" if along == "ROW" and pool != "MAX" else "0, 1"
    text = BODY.replace("SOURCES", sources).replace("TILES", str(count))
    return text.replace("POOL", pool).replace("ALONG", along) + pack() + UNINIT


def scaler(rng, faces):
    """A tile whose faces have these values in their first rows, and anything below: the first
    rows alone count."""
    tile = usual_bf16(rng)
    for face, value in enumerate(faces):
        row, column = face // 2 * 16, face % 2 * 16
        tile[row, column : column + 16] = value
    return tile


def spread(along, values, zero):
    tile = np.full((32, 32), zero)
    tile[RESULTS[along]] = values
    return tile


def of_columns(factors):
    """The factor of each element of a column, by the column: faces may have different ones."""
    rows = factors[[0, 16]]  # the first rows of the faces
    return np.stack([np.concatenate([rows[0, h : h + 16], rows[1, h : h + 16]]) for h in (0, 16)])


def sums(along, tiles, factors, fidelity):
    """What the passes add up to, and how far the unit may be off."""
    value, error = np.zeros((32, 32)), np.zeros((32, 32))
    for tile in tiles:
        if along == "ROW":
            v, e = product(tile, np.repeat(factors[:1].T, 32, 1), fidelity)
            value, error = value + v, error + e
        for half, by in enumerate(of_columns(factors)):
            if along == "ROW":
                continue
            columns = np.s_[:, half * 16 : half * 16 + 16]
            v, e = product(np.repeat(by[None], 32, 0), tile[columns], fidelity)
            value[columns] += v
            error[columns] += e
    return value[RESULTS[along]], error[RESULTS[along]]


def sum_case(rng, along, pool, fidelity, count=2, factor=1.0):
    halves = [usual_bf16(rng) for _ in range(count)]
    by = scaler(rng, (bits([factor] * 4) >> 16).astype(np.uint16))
    name = f"reduce_tile {pool} {along} {fidelity} {factor}"
    value, error = sums(along, [bf16(h) for h in halves], bf16(by), fidelity)
    return near(name, along, pool, value, error, halves, by, fidelity=fidelity)


def near(name, along, pool, value, error, halves, by, **rest):
    return Case(name=name, body=body(pool, along, len(halves)), output=("Float32", 1),
                near=to_faces(spread(along, value, 0.0)), bound=to_faces(spread(along, error, 0.0)),
                headers=("reduce", "reconfig_data_format"),
                inputs=[("Float16_b", pages(*halves)), ("Float16_b", pages(by))], **rest)


def sum_of_all(rng, factor, format="Float16_b"):
    """The 16 sums of columns lose bits to a source register, before they are added up."""
    half = usual_bf16(rng)
    by = scaler(rng, (bits([factor] * 4) >> 16).astype(np.uint16))
    partial, error = sums("COL", [bf16(half)], bf16(by), "HiFi4")
    kept = 2.0 ** (-7 if format == "Float16_b" else -10)
    size = np.abs(partial).sum() * factor
    bound = factor * (kept * np.abs(partial) + error).sum() + size * 2.0**-6
    words = [tile if format == "Float16_b" else tile.astype(np.uint32) << 16 for tile in (half, by)]
    return Case(name=f"reduce_tile SUM SCALAR {format} {factor}", body=body("SUM", "SCALAR", 1),
                output=("Float32", 1), headers=("reduce",),
                near=to_faces(spread("SCALAR", partial.sum() * factor, 0.0)),
                bound=to_faces(spread("SCALAR", bound, 0.0)),
                inputs=[(format, pages(tile)) for tile in words])


def order(words):
    """f32 by sign, exponent and fraction."""
    words = np.asarray(words, np.uint32)
    return np.where(words >> 31, -(words & 0x7FFFFFFF).astype(np.int64),
                    (words & 0x7FFFFFFF).astype(np.int64))


def largest(words, axis):
    return np.take_along_axis(words, order(words).argmax(axis, keepdims=True), axis).squeeze(axis)


def maxima(along, words):
    words = np.where((words >> 23 & 255) == 0, 0, words).astype(np.uint32)
    return largest(words.reshape(-1), 0) if along == "SCALAR" else largest(words, int(along == "ROW"))


def max_case(along, name, format, tiles, result, output="Float32", ones="Float16_b", **rest):
    type = np.uint32 if output == "Float32" else np.uint16
    by = bits(np.ones((32, 32))) if ones == "Float32" else np.full((32, 32), 0x3F80, np.uint16)
    return Case(name=f"reduce_tile MAX {along} {name}", body=body("MAX", along, len(tiles)),
                output=(output, 1), exact=pages(spread(along, result, 0).astype(type)),
                headers=("reduce",), inputs=[(format, pages(*tiles)), (ones, pages(by))], **rest)


def max_cases(rng, along):
    halves = [usual_bf16(rng) for _ in range(2)]
    words = np.concatenate([h.astype(np.uint32) << 16 for h in halves], int(along == "ROW"))
    found = maxima(along, words)
    yield max_case(along, "Float16_b", "Float16_b", halves, found)
    yield max_case(along, "in 16 bits", "Float16_b", halves, found >> 16, output="Float16_b",
                   fp32_dest_acc=False)
    wide = random_bits(rng)
    # Numbers that a source register keeps, with zeros of both signs and subnormals.
    wide = np.where((wide >> 23 & 255) == 255, wide & 0xFF000000, wide) & np.uint32(0xFFFFE000)
    found = maxima(along, wide)
    yield max_case(along, "Float32", "Float32", [wide], found, ones="Float32")
    # The largest of a row, and of all elements on Blackhole, go through SrcB, which keeps as
    # many bits as factors of bf16 need.
    for arch in BOTH:
        cut = along == "ROW" or (along == "SCALAR" and arch == "blackhole")
        kept = found & np.uint32(0xFFFF0000) if cut else found
        yield max_case(along, f"Float32 by Float16_b on {arch}", "Float32", [wide], kept,
                       archs=(arch,))


def cases():
    rng = np.random.default_rng(23)
    for along in ("ROW", "COL"):
        yield from (sum_case(rng, along, "SUM", fidelity) for fidelity in PASSES)
        yield sum_case(rng, along, "AVG", "HiFi4", factor=1 / 32)
        yield sum_case(rng, along, "AVG", "HiFi4", factor=0.3)
    yield sum_of_all(rng, 1.0)
    yield sum_of_all(rng, 0.25)
    yield sum_of_all(rng, 0.25, "Float32")
    for along in RESULTS:
        yield from max_cases(rng, along)
