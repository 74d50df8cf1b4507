"""Element types, their conversions, and the two kinds of array files.

A conversion here is ml_dtypes' round to nearest even, plus what the language
adds: FP8 saturates, infinities included, where ml_dtypes overflows.
"""

from pathlib import Path

import ml_dtypes
import numpy as np
import safetensors

F32 = np.dtype(np.float32)
F16 = np.dtype(np.float16)
BF16 = np.dtype(ml_dtypes.bfloat16)
E4M3 = np.dtype(ml_dtypes.float8_e4m3fn)
E5M2 = np.dtype(ml_dtypes.float8_e5m2)

NARROW = {"f8e4m3": E4M3, "f8e5m2": E5M2, "bf16": BF16, "f16": F16}
LARGEST = {t: float(ml_dtypes.finfo(t).max) for t in NARROW.values()}
SMALLEST = {t: float(ml_dtypes.finfo(t).smallest_subnormal) for t in [*NARROW.values(), F32]}
# Half the distance between neighbors, relative to a value: the rounding error.
HALF_ULP = {E4M3: 2.0**-4, E5M2: 2.0**-3, BF16: 2.0**-8, F16: 2.0**-11, F32: 2.0**-24}

BY_SAFETENSORS = {
    "F32": F32,
    "F16": F16,
    "BF16": BF16,
    "F8_E4M3": E4M3,
    "F8_E5M2": E5M2,
    "I32": np.dtype(np.int32),
    "I8": np.dtype(np.int8),
    "U8": np.dtype(np.uint8),
    "BOOL": np.dtype(bool),
}


def is_float(dtype) -> bool:
    return dtype == F32 or dtype in HALF_ULP


def convert(x: np.ndarray, to: np.dtype) -> np.ndarray:
    """From f32 to a narrower float, as the language defines it."""
    x = np.asarray(x, np.float32)
    if to in (E4M3, E5M2):
        x = np.clip(x, -LARGEST[to], LARGEST[to])  # NaN stays
    with np.errstate(over="ignore", invalid="ignore"):
        return x.astype(to)


def wide(x: np.ndarray) -> np.ndarray:
    """The values of any type, exactly, as f64."""
    with np.errstate(invalid="ignore"):
        return np.asarray(x).astype(np.float32 if is_float(x.dtype) else np.float64).astype(np.float64)


def bits(x: np.ndarray) -> np.ndarray:
    """The bit patterns, as unsigned integers."""
    return np.ascontiguousarray(x).reshape(np.shape(x)).view(f"u{x.dtype.itemsize}")


def save(path: Path, name: str, array: np.ndarray) -> None:
    """Writes one array; the ending of the path says how."""
    array = np.asarray(array)
    if path.suffix == ".npy":
        # NumPy's files know neither FP8 nor bf16, so these are their bits.
        np.save(path, bits(array) if array.dtype in (E4M3, E5M2, BF16) else array)
        return
    data = np.ascontiguousarray(array).tobytes()
    entry = {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}
    safetensors.serialize_file({name: entry}, str(path))


def load(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .safetensors file."""
    arrays = {}
    for name, entry in safetensors.deserialize(path.read_bytes()):
        flat = np.frombuffer(bytes(entry["data"]), BY_SAFETENSORS[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    return arrays
