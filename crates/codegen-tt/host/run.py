#!/usr/bin/env python3
"""Runs the programs beside this file on whatever device or simulator ttnn finds.

    python run.py --input a=a.npy --input b=b.npy --output c=c.npy

Tensors are .npy files of the shapes in program.json. bf16 is given and written as
uint16, FP8 as uint8 (their bits); other types as themselves. What an output is not
asked for is not written. Needs numpy and ttnn 0.81.
"""

import argparse
import json
import pathlib
import sys

try:
    import numpy as np
except ImportError as missing:
    sys.exit(f"error: numpy cannot be imported by {sys.executable}: {missing}")

HERE = pathlib.Path(__file__).resolve().parent
TILE = 32

# The numpy type of a tensor's file, by element type.
FILES = {
    "f32": np.float32, "bf16": np.uint16, "f16": np.float16,
    "f8e4m3": np.uint8, "f8e5m2": np.uint8,
    "i32": np.int32, "i8": np.int8, "u8": np.uint8, "bool": np.bool_, "idx": np.int32,
}
# Bytes of a tile and the numpy type of its elements, by format.
FORMATS = {
    "Float32": (4096, np.float32), "UInt32": (4096, np.uint32), "Int32": (4096, np.int32),
    "Float16_b": (2048, np.uint16), "Float16": (2048, np.float16), "UInt16": (2048, np.uint16),
    "Bfp8_b": (1088, None),
    "Fp8_e4m3": (1024, np.uint8), "Lf8": (1024, np.uint8), "UInt8": (1024, np.uint8),
}


def fail(message):
    sys.exit(f"error: {message}")


# ---- tensors and pages ----

def matrices(buffer):
    """The sizes of a buffer: matrices, rows, columns, and the order of the dimensions."""
    order = buffer["batch"] + buffer["rows"] + buffer["columns"]
    size = lambda dimensions: int(np.prod([buffer["shape"][d] for d in dimensions], dtype=np.int64))
    return size(buffer["batch"]), size(buffer["rows"]), size(buffer["columns"]), order


def in_halves(array, buffer):
    """Words that lie as 16-bit integers, with their halves as a dimension more, and back."""
    if buffer["format"] != "UInt16" or FILES[buffer["element"]] != np.int32:
        return array, buffer
    halves = np.ascontiguousarray(array).reshape(-1).view(np.uint16)
    shape = [*buffer["shape"], 2]
    return halves.reshape(shape), {**buffer, "shape": shape}


def widened(array, element):
    """Narrow floats as float32, exactly; anything else as it is."""
    if element == "bf16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if array.dtype != np.float32 else array


def narrowed(array, element):
    """float32 back to the type of a file; the values are ones of that type."""
    if element == "bf16":
        return (array.view(np.uint32) >> 16).astype(np.uint16)
    return array.astype(FILES[element])


def faces(matrices):
    """[batch, rows, columns] to [tiles, 1024]: tiles row by row, four 16 x 16 faces each."""
    batch, rows, columns = matrices.shape
    split = matrices.reshape(batch, rows // TILE, 2, 16, columns // TILE, 2, 16)
    return split.transpose(0, 1, 4, 2, 5, 3, 6).reshape(-1, 1024)


def unfaces(tiles, batch, rows, columns):
    """The inverse of `faces`; rows and columns are those of tiles."""
    split = tiles.reshape(batch, rows, columns, 2, 2, 16, 16)
    return split.transpose(0, 1, 3, 5, 2, 4, 6).reshape(batch, rows * TILE, columns * TILE)


def to_bfp8(tiles):
    """16 values share the largest exponent; magnitudes of 7 bits, rounded to nearest even."""
    values = tiles.reshape(-1, 64, 16)
    bits = values.view(np.uint32)
    exponents = ((bits >> 23) & 0xFF).astype(np.int32)
    shared = exponents.max(axis=-1, keepdims=True)
    absolute = np.where(exponents > 0, np.abs(values.astype(np.float64)), 0.0)
    magnitudes = np.minimum(np.rint(absolute * np.exp2(133.0 - shared)), 127).astype(np.uint8)
    signs = np.where(magnitudes > 0, bits >> 31, 0).astype(np.uint8)
    codes = (signs << 7 | magnitudes).reshape(-1, 1024)
    return np.concatenate([shared[..., 0].astype(np.uint8), codes], axis=1)


def from_bfp8(pages):
    """The inverse of `to_bfp8`, but for what was rounded."""
    shared = pages[:, :64].astype(np.float64)[..., None]
    codes = pages[:, 64:].reshape(-1, 64, 16)
    values = (codes & 0x7F) * np.exp2(shared - 133.0) * np.where(codes >> 7, -1.0, 1.0)
    return values.astype(np.float32).reshape(-1, 1024)


def tilize(array, buffer):
    """A tensor as pages of bytes, [pages, bytes of a tile]."""
    array, buffer = in_halves(array, buffer)
    batch, rows, columns, order = matrices(buffer)
    matrix = array.transpose(order).reshape(batch, rows, columns)
    page_bytes, kind = FORMATS[buffer["format"]]
    if buffer["format"] in ("Float32", "Bfp8_b"):
        matrix = widened(matrix, buffer["element"])
    elif buffer["element"] == "bool":
        matrix = matrix.astype(np.uint8)
    matrix = np.pad(matrix, [(0, 0), (0, -rows % TILE), (0, -columns % TILE)])
    tiles = np.ascontiguousarray(faces(matrix))
    if kind is None:
        return to_bfp8(tiles)
    return tiles.astype(kind, copy=False).view(np.uint8).reshape(-1, page_bytes)


def untilize(pages, buffer):
    """The inverse of `tilize`."""
    batch, rows, columns, order = matrices(buffer)
    _, kind = FORMATS[buffer["format"]]
    tiles = from_bfp8(pages) if kind is None else np.ascontiguousarray(pages).view(kind)
    matrix = unfaces(tiles, batch, -(-rows // TILE), -(-columns // TILE))
    array = matrix[:, :rows, :columns].reshape([buffer["shape"][d] for d in order])
    # np.ascontiguousarray would make one dimension of none.
    array = np.array(array.transpose(np.argsort(order)) if order else array.reshape(()), order="C")
    if buffer["format"] in ("Float32", "Bfp8_b"):
        return narrowed(array, buffer["element"])
    return array.astype(FILES[buffer["element"]], copy=False)


# ---- programs ----

def data_format(ttnn, name):
    types = ttnn.DataType
    known = {
        "Float32": types.FLOAT32, "Float16_b": types.BFLOAT16,
        "Bfp8_b": types.BFLOAT8_B, "Fp8_e4m3": types.FP8_E4M3,
        "UInt32": types.UINT32, "Int32": types.INT32,
        "UInt16": types.UINT16, "UInt8": types.UINT8,
    }
    if name not in known:
        fail(f"circular buffers of {name} cannot be asked for through ttnn's Python interface")
    return known[name]


def describe(ttnn, device, program, buffers):
    """A program of program.json as ttnn's ProgramDescriptor."""
    columns, rows = program["columns"], program["rows"]
    grid = device.compute_with_storage_grid_size()
    if columns > grid.x or rows > grid.y:
        fail(
            f"{program['name']} was compiled for {columns} x {rows} cores, "
            f"and the device has {grid.x} x {grid.y}"
        )
    last = ttnn.CoreCoord(columns - 1, rows - 1)
    cores = ttnn.CoreRangeSet([ttnn.CoreRange(ttnn.CoreCoord(0, 0), last)])
    noc = lambda column, row: device.worker_core_from_logical_core(ttnn.CoreCoord(column, row))

    def word(value, column, row):
        (kind, of), = value.items()
        at = row * columns + column
        return {
            "address": lambda: buffers[of].buffer_address(),
            "per_core": lambda: of[at],
            "noc_x": lambda: noc(of, row).x,
            "noc_y": lambda: noc(column, of).y,
            "noc_x_per_core": lambda: noc(of[at], row).x,
            "noc_y_per_core": lambda: noc(column, of[at]).y,
        }[kind]()

    def kernel(name, config):
        described = program[name]
        accessors = [ttnn.TensorAccessorArgs(buffers[b]) for b in described["accessors"]]
        words = lambda x, y: [word(a["value"], x, y) for a in described["arguments"]]
        each_core = [(x, y) for y in range(rows) for x in range(columns)]
        return ttnn.KernelDescriptor(
            kernel_source=(HERE / described["file"]).read_text(),
            source_type=ttnn.KernelDescriptor.SourceType.SOURCE_CODE,
            core_ranges=cores,
            compile_time_args=[a for b in accessors for a in b.get_compile_time_args()],
            runtime_args=[(ttnn.CoreCoord(x, y), words(x, y)) for x, y in each_core],
            config=config,
        )

    math, rings = program["math"], program["circular_buffers"]
    compute = ttnn.ComputeConfigDescriptor(
        math_fidelity=getattr(ttnn.MathFidelity, math["fidelity"]),
        fp32_dest_acc_en=math["fp32_dest_acc"],
        dst_full_sync_en=math["full_sync"],
    )
    compute.unpack_to_dest_mode = unpack_modes(ttnn, rings)
    return ttnn.ProgramDescriptor(
        kernels=[
            kernel("reader", ttnn.ReaderConfigDescriptor()),
            kernel("writer", ttnn.WriterConfigDescriptor()),
            kernel("compute", compute),
        ],
        cbs=[ring(ttnn, cores, r) for r in rings],
        semaphores=[
            ttnn.SemaphoreDescriptor(id=i, core_ranges=cores, initial_value=s["initial"])
            for i, s in enumerate(program["semaphores"])
        ],
    )


def unpack_modes(ttnn, rings):
    """Which rings are copied to DST past the source registers; chips have up to 64 rings."""
    modes = ttnn._ttnn.program_descriptor
    chosen = [modes.UnpackToDestMode.Default] * 64
    for ring in rings:
        if ring.get("unpack_to_dst"):
            chosen[ring["index"]] = modes.UnpackToDestMode.UnpackToDestFp32
    return modes.VectorUnpackToDestMode(chosen)


def ring(ttnn, cores, described):
    page_bytes, _ = FORMATS[described["format"]]
    form = ttnn.CBFormatDescriptor(
        buffer_index=described["index"],
        data_format=data_format(ttnn, described["format"]),
        page_size=page_bytes,
    )
    return ttnn.CBDescriptor(
        total_size=described["pages"] * page_bytes, core_ranges=cores, format_descriptors=[form]
    )


def run(ttnn, device, described, inputs):
    """Runs all programs; gives the outputs by name."""
    # Every buffer is a tensor of bytes with a page in each row, whatever it holds.
    carriers = {}
    for buffer in described["buffers"]:
        if buffer["role"] == "input":
            pages = tilize(inputs[buffer["tensor"]], buffer)
        else:
            pages = np.zeros((buffer["pages"], FORMATS[buffer["format"]][0]), np.uint8)
        pages = pages.reshape(1, 1, *pages.shape)
        carriers[buffer["name"]] = ttnn.Tensor(pages, ttnn.uint8, device, ttnn.ROW_MAJOR_LAYOUT)
    used = list(carriers.values())
    # ttnn wants an input beside the output, also where nothing is read.
    used *= 2 if len(used) == 1 else 1
    for program in described["programs"]:
        ttnn.generic_op(used, describe(ttnn, device, program, carriers))
        ttnn.synchronize_device(device)
    outputs = {}
    for buffer in described["buffers"]:
        if buffer["role"] == "output":
            pages = carriers[buffer["name"]].cpu().to_numpy()
            outputs[buffer["tensor"]] = untilize(pages.reshape(buffer["pages"], -1), buffer)
    return outputs


def read_inputs(described, given):
    """The input tensors, checked against their descriptions."""
    inputs = {}
    for buffer in described["buffers"]:
        name = buffer["tensor"]
        if buffer["role"] != "input" or name in inputs:
            continue
        if name not in given:
            fail(f"the input `{name}` is not given; add --input {name}=FILE.npy")
        array = np.load(given[name])
        kind = np.dtype(FILES[buffer["element"]])
        if array.dtype.itemsize == kind.itemsize and array.dtype.kind == "V":
            array = array.view(kind)
        if list(array.shape) != buffer["shape"] or array.dtype != kind:
            wanted = f"{buffer['element']}{buffer['shape']} as {kind}"
            fail(f"`{name}` is {wanted}; {given[name]} holds {array.dtype}{list(array.shape)}")
        inputs[name] = array
    return inputs


def main():
    pair = lambda text: text.split("=", 1)
    parser = argparse.ArgumentParser(description="Runs the programs beside this file through ttnn.")
    parser.add_argument("--input", action="append", default=[], type=pair, metavar="NAME=FILE.npy")
    parser.add_argument("--output", action="append", default=[], type=pair, metavar="NAME=FILE.npy")
    arguments = parser.parse_args()
    described = json.loads((HERE / "program.json").read_text())
    if described["version"] != 1:
        fail(f"program.json has version {described['version']}, and this script reads version 1")
    inputs = read_inputs(described, dict(arguments.input))
    try:
        import ttnn
    except ImportError as missing:
        fail(f"ttnn cannot be imported by {sys.executable}: {missing}")
    device = ttnn.open_device(device_id=0)
    try:
        outputs = run(ttnn, device, described, inputs)
    finally:
        ttnn.close_device(device)
    for name, path in arguments.output:
        if name not in outputs:
            fail(f"there is no output `{name}`, only {', '.join(outputs)}")
        np.save(path, outputs[name])


if __name__ == "__main__":
    main()
