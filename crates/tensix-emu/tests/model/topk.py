"""Top-k of columns of 64 values in two tiles, with their indices in two more."""

import numpy as np

from case import Case, to_faces
from formats import SPECIAL
from reductions import order

START = """    compute_kernel_hw_startup(0, 16);
    cb_wait_front(0, 2);
    cb_wait_front(1, 2);
"""
ROUND = """    reconfig_data_format(0, 0);
    copy_init(0);
    tile_regs_acquire();
    copy_tile(0, 0, 0);
    copy_tile(0, 1, 1);
    reconfig_data_format(1, 1);
    copy_init(1);
    copy_tile(1, 0, 2);
    copy_tile(1, 1, 3);
    topk_tile_init();
CALLS
    tile_regs_commit();
    cb_reserve_back(16, 2);
    tile_regs_wait();
    pack_tile(FIRST, 16);
    pack_tile(FIRST + 1, 16);
    tile_regs_release();
    cb_push_back(16, 2);
"""


def pages(columns):
    """The two tiles of columns: 64 rows of 32."""
    tiles = np.ascontiguousarray(columns).reshape(2, 32, 32)
    return np.stack([to_faces(tile).view(np.uint8) for tile in tiles])


def case(name, values, indices, rounds, of_indices, **rest):
    """`rounds` are calls on these columns, and what they make of their values or indices, if
    documents tell."""
    wide = rest.get("fp32_dest_acc", False)
    output = "UInt32" if wide else "UInt16" if of_indices else "Float16_b"
    body = "".join(ROUND.replace("CALLS", "\n".join(f"    {call};" for call in calls))
                   for calls, _ in rounds).replace("FIRST", str(2 * of_indices))
    results = [result for _, result in rounds]
    exact = None if any(r is None for r in results) else np.concatenate([pages(r) for r in results])
    return Case(name=f"topk {name}", body=START + body, exact=exact,
                inputs=[("Float16_b", pages(values)), ("UInt16", pages(indices))],
                output=(output, 2 * len(rounds)),
                headers=("tile_move_copy", "reconfig_data_format", "topk"),
                **{"fp32_dest_acc": False, **rest})


def keys(values):
    return order(values.astype(np.uint32) << 16)


def permuted(values, indices, rows, by):
    """Rows of both, taken in the order `by`."""
    for x in (values, indices):
        x[rows] = np.take_along_axis(x[rows], by, 0)


def sorted_run(values, indices, rows, ascending):
    key = keys(values[rows])
    permuted(values, indices, rows, np.argsort(key if ascending else -key, 0, kind="stable"))


def local_sort(values, indices, ascending, phase):
    """Runs of 2^(phase + 1), of alternating directions; the first one descends where it is
    shorter than 16, whatever the direction."""
    run = 2 << phase
    for at, first in enumerate(range(0, 64, run)):
        rises = (at % 2 == 1) != (ascending and run >= 16)
        sorted_run(values, indices, np.s_[first : first + run], rises)


def merge(values, indices, iteration, k, smallest):
    """Element by element, the larger of two runs that are 2^iteration apart."""
    k = min(k, 32)
    distance = min(32, k << iteration)
    for first in range(0, 64, 2 * distance):
        if first >= max(2 * k, 64 >> iteration) // (2 * k) * 2 * distance:
            break
        for i in range(first, first + k):
            a, b = keys(values[i]), keys(values[i + distance])
            other = b < a if smallest else b > a
            for x in (values, indices):
                x[i], x[i + distance] = np.where(other, [x[i + distance], x[i]], [x[i], x[i + distance]])


def rebuild(values, indices, iteration, k, ascending):
    """Sorts runs that are 2^(iteration + 1) apart, in alternating directions."""
    if k >= 32:
        distance = k
    else:
        distance = min(32, k << (iteration + 1))
    for at, first in enumerate(range(0, 64, distance)):
        rises = (at % 2 == 1) != (ascending and k >= 16)
        sorted_run(values, indices, np.s_[first : first + k], rises)


def distinct(rng):
    """Columns of 64 different bf16, of both signs."""
    codes = np.concatenate([np.arange(0x3F00, 0x4100), np.arange(0xBF00, 0xC100)])
    columns = [rng.choice(codes, 64, replace=False) for _ in range(32)]
    return np.stack(columns, 1).astype(np.uint16)


def numbers(rng):
    return np.stack([rng.permutation(65536)[:64] for _ in range(32)], 1).astype(np.uint16)


def sorts(rng):
    values, indices = distinct(rng), numbers(rng)
    rounds = []
    for ascending in (0, 1):
        for phase in range(1, 6):
            found = indices.copy()
            local_sort(values.copy(), found, ascending, phase)
            rounds.append(([f"topk_local_sort(0, {ascending}, {phase})"], found))
    return case("local_sort", values, indices, rounds, True)


def chain(values, indices, k, smallest):
    """The largest (or smallest) k of 64, as the documents have it."""
    log, direction = k.bit_length() - 1, str(bool(smallest)).lower()
    kept, found = values.copy(), indices.copy()
    calls = [f"topk_local_sort(0, {smallest}, {log - 1})"]
    local_sort(kept, found, smallest, log - 1)
    for iteration in range(max(1, 6 - log)):
        calls += [f"topk_merge<{direction}>(0, {iteration}, {k})",
                  f"topk_rebuild(0, {direction}, {iteration}, {k}, {log}, 0)"]
        merge(kept, found, iteration, k, smallest)
        rebuild(kept, found, iteration, k, smallest)
    return calls, found


def chains(rng, smallest):
    values, indices = distinct(rng), numbers(rng)
    rounds = [chain(values, indices, k, smallest) for k in (4, 8, 16, 32, 64)]
    return case("smallest" if smallest else "largest", values, indices, rounds, True)


def in_32_bits(rng):
    values, indices = distinct(rng), numbers(rng)
    calls, found = chain(values, indices, 8, 0)
    return case("in 32 bits", values, indices, [(calls, found.astype(np.uint32))], True,
                fp32_dest_acc=True)


def special(rng):
    """Any bits: NaN of both signs lie at the ends, and subnormals become zeros of their sign."""
    values = np.where(rng.random((64, 32)) < 0.5, rng.integers(0, 65536, (64, 32)),
                      rng.choice(SPECIAL >> 16, (64, 32))).astype(np.uint16)
    flushed = np.where((values & 0x7F80) == 0, values & 0x8000, values)
    rounds = []
    for ascending in (0, 1):
        by = np.argsort(order_of_zeros(flushed) * (1 if ascending else -1), 0, kind="stable")
        # The packer has no NaN, and one zero.
        result = np.take_along_axis(flushed, by, 0)
        result = np.where((result & 0x7FFF) > 0x7F80, result & 0x8000 | 0x7F80, result)
        result = np.where((result & 0x7FFF) == 0, 0, result).astype(np.uint16)
        rounds.append(([f"topk_local_sort(0, {ascending}, 5)"], result))
    return case("values", values, numbers(rng), rounds, False)


def order_of_zeros(values):
    """-0 lies below +0."""
    bits = values.astype(np.int64)
    return np.where(bits & 0x8000, -(bits & 0x7FFF) - 1, bits)


def ties(rng):
    """Few different values; the network alone knows the order of equal ones."""
    values = rng.choice(np.array([0x3F80, 0x4000, 0xBF80], np.uint16), (64, 32))
    calls = [[f"topk_local_sort(0, {ascending}, 5)"] for ascending in (0, 1)]
    calls += [["topk_local_sort(0, 0, 2)", "topk_merge<false>(0, 0, 8)",
               "topk_rebuild(0, false, 0, 8, 3, 0)"]]
    return case("ties", values, numbers(rng), [(each, None) for each in calls], True)


def cases():
    rng = np.random.default_rng(24)
    yield sorts(rng)
    yield chains(rng, 0)
    yield chains(rng, 1)
    yield special(rng)
    yield ties(rng)
    yield in_32_bits(rng)
