"""Products of tiles, and ops on two tiles, on the matrix unit."""

import numpy as np

from case import Case, from_faces, pack, pages, to_faces
from formats import bf16, bits, block_values, e4m3_values, f32, usual_bf16

PASSES = {"LoFi": 1, "HiFi2": 2, "HiFi3": 3, "HiFi4": 4}


def split(values, upper_bits):
    """The upper bits of significands, with the leading one, and the rest of 11 bits."""
    words = bits(values)
    upper = f32(words & np.uint32(0xFFFFFFFF << (24 - upper_bits) & 0xFFFFFFFF)).astype(np.float64)
    whole = f32(words & np.uint32(0xFFFFE000)).astype(np.float64)
    return upper, whole - upper


def product(left, right, fidelity):
    """What the passes of a fidelity add up to, and how far the unit may be off."""
    left_upper, left_rest = split(left, 7)
    right_upper, right_rest = split(right, 5)
    terms = [(left_upper, right_upper), (left_upper, right_rest),
             (left_rest, right_upper), (left_rest, right_rest)]
    value = np.zeros((left.shape[0], right.shape[1]))
    error = np.zeros_like(value)
    for a, b in terms[: PASSES[fidelity]]:
        value += a @ b
        # Eight terms are rounded to 2^-11 of (at most four times) the largest of them.
        each = np.abs(a[:, :, None] * b[None, :, :])
        largest = each.reshape(a.shape[0], -1, 8, b.shape[1]).max(2)
        error += 8 * 4 * 2.0**-11 * largest.sum(1)
    size = np.abs(left) @ np.abs(right)
    return value, error + 2.0**-18 * size + 1e-37


def near_case(name, value, error, **rest):
    tiles = [from_rows(value), from_rows(error)]
    return Case(name=name, output=("Float32", len(tiles[0])), near=np.concatenate(tiles[0]),
                bound=np.concatenate(tiles[1]), **rest)


def from_rows(matrix):
    """The tiles of a matrix, row by row, in memory's order."""
    rows, columns = matrix.shape[0] // 32, matrix.shape[1] // 32
    tiles = matrix.reshape(rows, 32, columns, 32).swapaxes(1, 2).reshape(-1, 32, 32)
    return [to_faces(tile) for tile in tiles]


def single(rng, fidelity):
    left, right = (np.stack([usual_bf16(rng) for _ in range(3)]) for _ in range(2))
    a = np.concatenate([bf16(t) for t in left], 1)
    b = np.concatenate([bf16(t) for t in right], 0)
    value, error = product(a, b, fidelity)
    body = """    compute_kernel_hw_startup<SrcOrder::Reverse>(0, 1, 16);
    matmul_init(0, 1);
    cb_wait_front(0, 3);
    cb_wait_front(1, 3);
    tile_regs_acquire();
    for (uint32_t k = 0; k < 3; ++k) matmul_tiles(0, 1, k, k, 0);
""" + pack()
    return near_case(f"matmul_tiles {fidelity}", value, error, body=body, headers=("matmul",),
                     inputs=[("Float16_b", pages(*left)), ("Float16_b", pages(*right))],
                     fidelity=fidelity)


def block(rng, rows, columns, depth, transpose):
    left = np.stack([usual_bf16(rng) for _ in range(rows * depth)])
    right = np.stack([usual_bf16(rng) for _ in range(depth * columns)])
    a = np.block([[bf16(left[r * depth + k]) for k in range(depth)] for r in range(rows)])
    turned = [bf16(t).T if transpose else bf16(t) for t in right]
    b = np.block([[turned[k * columns + c] for c in range(columns)] for k in range(depth)])
    value, error = product(a, b, "HiFi4")
    shape = f"{int(transpose)}, {columns}, {rows}, {depth}"
    body = f"""    compute_kernel_hw_startup<SrcOrder::Reverse>(0, 1, 16);
    matmul_block_init(0, 1, {shape});
    cb_wait_front(0, {rows * depth});
    cb_wait_front(1, {columns * depth});
    tile_regs_acquire();
    for (uint32_t k = 0; k < {depth}; ++k) matmul_block(0, 1, k, k * {columns}, 0, {shape});
""" + pack(rows * columns)
    return near_case(f"matmul_block {shape}", value, error, body=body, headers=("matmul",),
                     full_sync=rows * columns > 4,
                     inputs=[("Float16_b", pages(*left)), ("Float16_b", pages(*right))])


def stored(name, rng, format, archs, decode, random_page):
    left, right = random_page(rng), random_page(rng)
    a, b = (from_faces(decode(page)).astype(np.float32) for page in (left, right))
    value, error = product(a, b, "HiFi4")
    body = """    compute_kernel_hw_startup<SrcOrder::Reverse>(0, 1, 16);
    matmul_init(0, 1);
    cb_wait_front(0, 1);
    cb_wait_front(1, 1);
    tile_regs_acquire();
    matmul_tiles(0, 1, 0, 0, 0);
""" + pack()
    return near_case(name, value, error, body=body, headers=("matmul",), archs=archs,
                     inputs=[(format, left[None]), (format, right[None])])


def random_blocks(rng):
    page = rng.integers(0, 256, 1088).astype(np.uint8)
    page[:64] = rng.integers(115, 135, 64)
    page[64:][page[64:] == 0x80] = 0  # -0 means -infinity there
    return page


def accumulated(rng):
    left, right = (np.stack([usual_bf16(rng) for _ in range(4)]) for _ in range(2))
    parts = [product(bf16(a), bf16(b), "HiFi4") for a, b in zip(left, right)]
    body = """    compute_kernel_hw_startup<SrcOrder::Reverse>(0, 1, 16);
    matmul_init(0, 1);
    cb_wait_front(0, 4);
    cb_wait_front(1, 4);
    cb_reserve_back(16, 1);
    for (uint32_t k = 0; k < 4; ++k) {
        tile_regs_acquire();
        matmul_tiles(0, 1, k, k, 0);
        tile_regs_commit();
        tile_regs_wait();
        pack_reconfig_l1_acc(k > 0);
        pack_tile<true>(0, 16, 0);
        tile_regs_release();
    }
    pack_reconfig_l1_acc(0);
    cb_push_back(16, 1);
"""
    return near_case("pack_reconfig_l1_acc", sum(p[0] for p in parts), sum(p[1] for p in parts),
                     body=body, headers=("matmul",),
                     inputs=[("Float16_b", pages(*left)), ("Float16_b", pages(*right))])


def least_negative(arch, expected, wrong_sums):
    """1 - 1 - 2^-23: the sum of the first 16 terms is 1, those behind it leave -1 unit of it."""
    left, right = np.zeros((32, 32)), np.ones((32, 32))
    left[:, 0], left[:, 16], left[:, 24] = 1, -1, -(2.0**-23)
    halves = [(bits(tile) >> 16).astype(np.uint16) for tile in (left, right)]
    body = """    compute_kernel_hw_startup<SrcOrder::Reverse>(0, 1, 16);
    matmul_init(0, 1);
    cb_wait_front(0, 1);
    cb_wait_front(1, 1);
    tile_regs_acquire();
    matmul_tiles(0, 1, 0, 0, 0);
""" + pack()
    return Case(name=f"matmul_tiles to -1 unit, {arch}", output=("Float32", 1), body=body,
                exact=np.full(1024, expected, np.float32), headers=("matmul",), archs=(arch,),
                inputs=[("Float16_b", pages(half)) for half in halves], wrong_sums=wrong_sums)


SPREADS = {"": lambda b: b, "rows": lambda b: np.broadcast_to(b[:1], b.shape),
           "cols": lambda b: np.broadcast_to(b[:, :1], b.shape),
           "scalar": lambda b: np.broadcast_to(b[:1, :1], b.shape)}
OPS = {"add": np.add, "sub": np.subtract, "mul": np.multiply}


def binary(rng, op, spread):
    left, right = usual_bf16(rng), usual_bf16(rng)
    a, b = bf16(left).astype(np.float64), SPREADS[spread](bf16(right)).astype(np.float64)
    # A sum is rounded where the smaller operand is aligned to 11 bits of the larger one.
    error = 2.0**-10 * np.maximum(np.abs(a), np.abs(b)) if op != "mul" else 2.0**-20 * np.abs(a * b)
    init, call = (f"{op}_bcast_{spread}_init", f"{op}_tiles_bcast_{spread}") if spread else (
        f"{op}_init", f"{op}_tiles")
    body = f"""    compute_kernel_hw_startup(0, 1, 16);
    {init}(0, 1);
    cb_wait_front(0, 1);
    cb_wait_front(1, 1);
    tile_regs_acquire();
    {call}(0, 1, 0, 0, 0);
""" + pack()
    return near_case(call, OPS[op](a, b), error + 1e-37, body=body,
                     headers=("bcast",) if spread else ("eltwise_binary",),
                     inputs=[("Float16_b", pages(left)), ("Float16_b", pages(right))])


def cases():
    rng = np.random.default_rng(20)
    yield from (single(rng, fidelity) for fidelity in PASSES)
    yield block(rng, 2, 2, 2, False)
    yield block(rng, 1, 4, 3, True)
    yield block(rng, 4, 2, 1, False)
    yield stored("matmul_tiles bfp8", rng, "Bfp8_b", ("wormhole", "blackhole"), block_values,
                 random_blocks)
    yield stored("matmul_tiles e4m3", rng, "Fp8_e4m3", ("blackhole",), e4m3_values,
                 lambda rng: rng.integers(0, 256, 1024).astype(np.uint8))
    yield accumulated(rng)
    yield from (binary(rng, op, spread) for op in OPS for spread in SPREADS)
    # Wormhole counts all bits of -1 as signs, and shifts it to the right instead of to the left.
    yield least_negative("wormhole", -16, wrong_sums=1024)
    yield least_negative("blackhole", -(2.0**-23), wrong_sums=0)
