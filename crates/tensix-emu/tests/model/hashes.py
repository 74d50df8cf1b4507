"""Where records of the vendor's simulator are, and how they name pages."""

import pathlib

RECORDED = pathlib.Path(__file__).with_name("recorded.json")


def fnv(*parts):
    """FNV-1a of 64 bits, as 16 digits."""
    value = 0xCBF29CE484222325
    for byte in b"".join(parts):
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"
