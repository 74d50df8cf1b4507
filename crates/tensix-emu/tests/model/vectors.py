"""Instructions of the vector unit, each on a tile of 32-bit words.

Register 0 holds a and register 1 holds b; the result is register 2, which holds a before.
"""

import numpy as np

from case import BOTH, Case, to_faces
from formats import SPECIAL, bits, f32

# a is tile 0 of DST and b tile 1 (made of their halves, so that both chips can); the
# results are tile 2, of which one page each is packed.
FUNCTIONS = """
#ifdef TRISC_MATH
inline void each_vector(void (*body)()) {
    TTI_STALLWAIT(p_stall::STALL_SFPU, p_stall::MATH);
    TT_SETC16(DEST_TARGET_REG_CFG_MATH_Offset_ADDR32, get_dest_buffer_base());
    TTI_SFPENCC(3, 0, 0, 10);
    TTI_SFPCONFIG(0, 11, 1);
    for (uint32_t vector = 0; vector < 32; ++vector) {
        body();
        TTI_INCRWC(0, 2, 0, 0);
    }
    TTI_SETRWC(p_setrwc::CLR_NONE, 0, 0, 0, 0, p_setrwc::SET_D);
}
inline void whole() {
    TTI_SFPLOAD(0, 4, ADDR_MOD_3, 0);
    TTI_SFPLOAD(1, 4, ADDR_MOD_3, 64);
    TTI_SFPSHFT(16, 0, 0, 1);
    TTI_SFPOR(0, 1, 0, 0);
    TTI_SFPSTORE(0, 4, ADDR_MOD_3, 0);
    TTI_SFPLOAD(0, 4, ADDR_MOD_3, 128);
    TTI_SFPLOAD(1, 4, ADDR_MOD_3, 192);
    TTI_SFPSHFT(16, 0, 0, 1);
    TTI_SFPOR(0, 1, 0, 0);
    TTI_SFPSTORE(0, 4, ADDR_MOD_3, 64);
}
inline void begin() {
    TTI_SFPLOAD(0, 4, ADDR_MOD_3, 0);
    TTI_SFPLOAD(1, 4, ADDR_MOD_3, 64);
    TTI_SFPMOV(0, 0, 2, 0);
}
inline void end() {
    TTI_SFPNOP;
    TTI_SFPENCC(3, 0, 0, 10);
    TTI_SFPSTORE(2, 4, ADDR_MOD_3, 128);
}
#endif
"""
START = """    compute_kernel_hw_startup(0, 16);
    copy_init(0);
    cb_wait_front(0, 4);
"""
ROUND = """    tile_regs_acquire();
    for (uint32_t tile = 0; tile < 4; ++tile) copy_tile(0, tile, tile);
    MATH(each_vector(whole);)
    MATH(each_vector([] { begin(); INSTRUCTIONS end(); });)
    tile_regs_commit();
    cb_reserve_back(16, 1);
    tile_regs_wait();
    pack_tile(2, 16);
    tile_regs_release();
    cb_push_back(16, 1);
"""


def signed(x):
    return x.astype(np.int32)


def shift(x, by):
    by = signed(by)
    return np.where(by >= 0, x << (by & 31).astype(np.uint32), x >> (-by & 31).astype(np.uint32))


def order(x):
    """Sign and magnitude as an integer that sorts."""
    return np.where(x >> 31, signed(x ^ np.uint32(0x7FFFFFFF)), signed(x))


def rotated(x):
    """Each lane gets its left neighbor's value, within the 8 lanes of a row."""
    return np.roll(x.reshape(-1, 4, 8), 1, 2).reshape(-1, 32)


def exponent(x):
    return x >> 23 & 255


def from_integer(x):
    magnitude = (x & 0x7FFFFFFF).astype(np.float32)
    return bits(magnitude) | x & np.uint32(0x80000000)


def rounded(a, b):
    """To bf16: to nearest, ties away from 0, NaN to infinity."""
    up = (a & np.uint32(0xFFFF0000)) + (a & np.uint32(0x8000)) * np.uint32(2)
    return np.choose(np.where(exponent(a) == 0, 0, np.where(exponent(a) == 255, 1, 2)),
                     [np.zeros_like(a), a & np.uint32(0xFF800000), up])


# Instructions and what they make of lanes a and b, bit by bit.
EXACT = {
    "TTI_SFPIADD(0, 1, 2, 4); TTI_SFPMOV(0, 2, 2, 1);": lambda a, b: a + b ^ 0x80000000,
    "TTI_SFPIADD(0, 1, 2, 6);": lambda a, b: b - a,
    "TTI_SFPIADD(0xff0, 1, 2, 5);": lambda a, b: b - np.uint32(16),
    "TTI_SFPIADD(0, 1, 2, 0); TTI_SFPLOADI(2, 2, 9);":
        lambda a, b: np.where(signed(a + b) < 0, 9, a + b),
    "TTI_SFPIADD(0, 1, 2, 8); TTI_SFPLOADI(2, 2, 9);":
        lambda a, b: np.where(signed(a + b) < 0, a + b, 9),
    "TTI_SFPSHFT(5, 0, 2, 1);": lambda a, b: a << np.uint32(5),
    "TTI_SFPSHFT(0xff9, 0, 2, 1);": lambda a, b: a >> np.uint32(7),
    "TTI_SFPSHFT(0, 1, 2, 0);": shift,
    "TTI_SFPAND(0, 1, 2, 0);": lambda a, b: a & b,
    "TTI_SFPOR(0, 1, 2, 0);": lambda a, b: a | b,
    "TTI_SFPXOR(0, 1, 2, 0);": lambda a, b: a ^ b,
    "TTI_SFPNOT(0, 1, 2, 0);": lambda a, b: ~b,
    "TTI_SFPABS(0, 0, 2, 0);": lambda a, b: np.abs(signed(a)).astype(np.uint32),
    "TTI_SFPCAST(0, 2, 0);": lambda a, b: from_integer(a),
    "TTI_SFPEXEXP(0, 0, 2, 0);": lambda a, b: exponent(a) - np.uint32(127),
    "TTI_SFPEXEXP(0, 0, 2, 1);": lambda a, b: exponent(a),
    "TTI_SFPEXMAN(0, 0, 2, 0);": lambda a, b: a & 0x7FFFFF | 0x800000,
    "TTI_SFPEXMAN(0, 0, 2, 1);": lambda a, b: a & 0x7FFFFF,
    "TTI_SFPSETEXP(0, 1, 2, 0);": lambda a, b: b & 0x807FFFFF | (a & 255) << 23,
    "TTI_SFPSETEXP(130, 0, 2, 1);": lambda a, b: a & 0x807FFFFF | 130 << 23,
    "TTI_SFPSETEXP(0, 1, 2, 2);": lambda a, b: b & 0x807FFFFF | exponent(a) << 23,
    "TTI_SFPSETMAN(0, 1, 2, 0);": lambda a, b: b & 0xFF800000 | a & 0x7FFFFF,
    "TTI_SFPSETSGN(0, 1, 2, 0);": lambda a, b: b & 0x7FFFFFFF | a & 0x80000000,
    "TTI_SFPSETSGN(1, 0, 2, 1);": lambda a, b: a | 0x80000000,
    "TTI_SFPMOV(0, 1, 2, 1);": lambda a, b: b ^ 0x80000000,
    "TTI_SFPLOADI(2, 0, 0xc0a0);": lambda a, b: np.full_like(a, 0xC0A00000),
    "TTI_SFPLOADI(2, 4, 0xfff0);": lambda a, b: np.full_like(a, 0xFFFFFFF0),
    "TTI_SFPLOADI(2, 8, 0x1234);": lambda a, b: a & 0xFFFF | 0x12340000,
    "TTI_SFPLOADI(2, 10, 0x1234);": lambda a, b: a & 0xFFFF0000 | 0x1234,
    "TTI_SFPSETCC(0, 1, 0, 0); TTI_SFPMOV(0, 1, 2, 0);": lambda a, b: np.where(b >> 31, b, a),
    "TTI_SFPSETCC(0, 1, 0, 6); TTI_SFPCOMPC(0, 0, 0, 0); TTI_SFPMOV(0, 1, 2, 0);":
        lambda a, b: np.where(b == 0, a, b),
    "TTI_SFPPUSHC(0, 0, 0, 0); TTI_SFPSETCC(0, 1, 0, 2); TTI_SFPPOPC(0, 0, 0, 0); "
    "TTI_SFPMOV(0, 1, 2, 0);": lambda a, b: b,
    "TTI_SFPSWAP(0, 1, 2, 1);": lambda a, b: np.where(order(b) < order(a), b, a),
    "TTI_SFPSWAP(0, 1, 2, 0);": lambda a, b: b,
    "TTI_SFPSWAP(0, 1, 2, 9);": lambda a, b: np.where(order(b) >= order(a), b, a),
    "TTI_SFPSHFT2(0, 1, 2, 3);": lambda a, b: rotated(b),
    "TTI_SFPSHFT2(0, 1, 2, 5);": lambda a, b: shift(a, b),
    "TTI_SFPMOV(0, 1, 3, 0); TTI_SFPTRANSP(0, 0, 0, 0);":
        lambda a, b: np.concatenate([x[:, 16:24] for x in (a, b, a, b)], 1),
    "TTI_SFPDIVP2(3, 0, 2, 1);":
        lambda a, b: np.where(exponent(a) == 255, a, a & 0x807FFFFF | (exponent(a) + 3 & 255) << 23),
    "TTI_SFP_STOCH_RND(0, 0, 0, 0, 2, 1);": rounded,
    "TTI_SFPSETMAN(0, 0, 2, 1);": lambda a, b: a & np.uint32(0xFF800000),
    "TTI_SFPABS(0, 0, 2, 1);": lambda a, b: np.where(a <= 0xFF800000, a & 0x7FFFFFFF, a),
    "TTI_SFPEXEXP(0, 0, 2, 2); TTI_SFPMOV(0, 1, 2, 0);":
        lambda a, b: np.where(exponent(a) < 127, b, exponent(a) - np.uint32(127)),
    "TTI_SFPLZ(0, 0, 2, 2); TTI_SFPMOV(0, 1, 2, 0);": lambda a, b: np.where(a == 0, 32, b),
    "TTI_SFPLZ(0, 0, 2, 0);":
        lambda a, b: np.where(a == 0, 32, 31 - np.floor(np.log2(np.maximum(a, 1)))).astype(np.uint32),
}
# What only Blackhole has.
BLACKHOLE = {
    "TTI_SFPLE(0, 1, 2, 1); TTI_SFPMOV(0, 1, 2, 0);": lambda a, b: np.where(order(a) <= order(b), b, a),
    "TTI_SFPGT(0, 1, 2, 8);": lambda a, b: np.where(order(a) > order(b), 0xFFFFFFFF, 0),
    "TTI_SFPSHFT(0xffd, 1, 2, 7);": lambda a, b: (signed(b) >> 3).astype(np.uint32),
    "TTI_SFPAND(0, 1, 2, 1);": lambda a, b: a & b,
    "TTI_SFPCAST(0, 2, 3);": lambda a, b: np.where(a >> 31, np.uint32(0x80000000) | (0 - a), a),
}
# Floats, by which f64 tells the value, and how many units of 2^-24 of the terms it may be off.
NEAR = {
    "TTI_SFPADD(0, 10, 1, 2, 0);": (lambda a, b: (a, b), 1),
    "TTI_SFPMUL(0, 1, 9, 2, 0);": (lambda a, b: (a * b,), 1),
    "TTI_SFPMAD(0, 1, 1, 2, 0);": (lambda a, b: (a * b, b), 2),
    "TTI_SFPADDI(0x4049, 2, 0);": (lambda a, b: (a, np.full_like(a, 3.140625)), 1),
    "TTI_SFPMULI(0xc049, 2, 0);": (lambda a, b: (a * -3.140625,), 1),
}


def lanes(tile):
    """Vectors of 32 lanes: 4 rows by the even or odd columns of a face."""
    return to_faces(tile).reshape(-1, 4, 8, 2).transpose(0, 3, 1, 2).reshape(-1, 32)


def from_lanes(vectors):
    """The page of 32 vectors."""
    return np.ascontiguousarray(vectors.reshape(-1, 2, 4, 8).transpose(0, 2, 3, 1)).reshape(-1)


def case(name, instructions, a, b, archs=BOTH, **expected):
    halves = [t.astype(np.uint16) for x in (a, b) for t in (x >> 16, x & 0xFFFF)]
    rounds = "".join(ROUND.replace("INSTRUCTIONS", text) for text in instructions)
    return Case(name=name, body=START + rounds, functions=FUNCTIONS,
                headers=("tile_move_copy",), full_sync=True, archs=archs,
                inputs=[("UInt16", np.stack([to_faces(h).view(np.uint8) for h in halves]))],
                output=("UInt32", len(instructions)), **expected)


def exact_case(name, table, rng, archs=BOTH):
    a, b = (rng.integers(0, 2**32, (32, 32), dtype=np.uint64).astype(np.uint32) for _ in "ab")
    a, b = (np.where(rng.random((32, 32)) < 0.3, rng.choice(SPECIAL, (32, 32)), x) for x in (a, b))
    made = [from_lanes(make(lanes(a), lanes(b)).astype(np.uint32)) for make in table.values()]
    return case(name, list(table), a, b, archs, exact=np.stack(made).view(np.uint8))


def exact_cases(rng):
    listed = list(EXACT.items())
    for first in range(0, len(listed), 6):
        yield exact_case(f"integers {first // 6}", dict(listed[first : first + 6]), rng)
    yield exact_case("integers of Blackhole", BLACKHOLE, rng, ("blackhole",))


def near_case(rng):
    texts = list(NEAR)
    a, b = (bits(rng.standard_normal((32, 32)) * np.exp(4 * rng.standard_normal((32, 32))))
            for _ in "ab")
    values, bounds = [], []
    for text in texts:
        terms, units = NEAR[text]
        parts = terms(*(from_lanes(f32(lanes(x)).astype(np.float64)) for x in (a, b)))
        values.append(sum(parts))
        bounds.append(units * 2.0**-24 * sum(np.abs(p) for p in parts) + 2.0**-126)
    made = case("floats", texts, a, b, near=np.concatenate(values), bound=np.concatenate(bounds))
    made.output = ("Float32", len(texts))
    return made


def cases():
    rng = np.random.default_rng(22)
    yield from exact_cases(rng)
    yield near_case(rng)
