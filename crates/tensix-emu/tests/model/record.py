"""Records what the vendor's simulator makes of the cases: python record.py FOLDER ARCH.

FOLDER is what `python tests/model FOLDER` wrote. Needs ttnn and, in TT_METAL_SIMULATOR, the
simulator of that architecture. What is recorded already is not run again. Pages come out as raw bytes, so that nothing is converted
between the simulator's memory and the hash. A case that the simulator refuses is left out.
"""

import json
import pathlib
import subprocess
import sys

import numpy as np

from hashes import RECORDED, fnv

TYPES = {"Float16_b": "BFLOAT16", "Float32": "FLOAT32", "Bfp8_b": "BFLOAT8_B", "UInt16": "UINT16",
         "UInt32": "UINT32", "UInt8": "UINT8", "Fp8_e4m3": "FP8_E4M3"}
BYTES = {"Float16_b": 2048, "Float32": 4096, "Bfp8_b": 1088, "UInt16": 2048, "UInt32": 4096,
         "UInt8": 1024, "Fp8_e4m3": 1024}


def reader(inputs):
    text, offset = '#include "api/dataflow/dataflow_api.h"\nvoid kernel_main() {\n', "0"
    for ring, pages in enumerate(given["pages"] for given in inputs):
        text += f"""    constexpr auto args{ring} = TensorAccessorArgs<{offset}>();
    const auto from{ring} =
        TensorAccessor(args{ring}, get_arg_val<uint32_t>({ring}), get_tile_size({ring}));
    cb_reserve_back({ring}, {pages});
    for (uint32_t page = 0; page < {pages}; ++page)
        noc_async_read_page(page, from{ring}, get_write_ptr({ring}) + page * get_tile_size({ring}));
    noc_async_read_barrier();
    cb_push_back({ring}, {pages});
"""
        offset = f"args{ring}.next_compile_time_args_offset()"
    return text + "}\n"


def writer(pages):
    return f"""#include "api/dataflow/dataflow_api.h"
void kernel_main() {{
    constexpr auto args = TensorAccessorArgs<0>();
    const auto to = TensorAccessor(args, get_arg_val<uint32_t>(0), get_tile_size(16));
    for (uint32_t page = 0; page < {pages}; ++page) {{
        cb_wait_front(16, 1);
        noc_async_write_page(page, to, get_read_ptr(16));
        noc_async_write_barrier();
        cb_pop_front(16, 1);
    }}
}}
"""


class Device:
    """A core of a device, and kernels on it."""

    def __init__(self):
        import ttnn

        self.ttnn = ttnn
        self.device = ttnn.open_device(device_id=0)
        origin = ttnn.CoreCoord(0, 0)
        self.core = ttnn.CoreRangeSet([ttnn.CoreRange(origin, origin)])

    def carrier(self, pages):
        """Pages as rows of bytes, which no one converts."""
        rows = pages.reshape(1, 1, *pages.shape)
        return self.ttnn.Tensor(rows, self.ttnn.uint8, self.device, self.ttnn.ROW_MAJOR_LAYOUT)

    def ring(self, index, format, pages):
        described = self.ttnn.CBFormatDescriptor(
            buffer_index=index, data_format=getattr(self.ttnn.DataType, TYPES[format]),
            page_size=BYTES[format])
        return self.ttnn.CBDescriptor(total_size=BYTES[format] * pages, core_ranges=self.core,
                                      format_descriptors=[described])

    def kernel(self, text, config, tensors=()):
        accessors = [a for t in tensors
                     for a in self.ttnn.TensorAccessorArgs(t).get_compile_time_args()]
        return self.ttnn.KernelDescriptor(
            kernel_source=text, source_type=self.ttnn.KernelDescriptor.SourceType.SOURCE_CODE,
            core_ranges=self.core, compile_time_args=accessors, defines=[], config=config,
            runtime_args=[(self.ttnn.CoreCoord(0, 0), [t.buffer_address() for t in tensors])])

    def run(self, case, folder):
        out, count = case["output"]["format"], case["output"]["pages"]
        files = [np.fromfile(folder / given["file"], np.uint8) for given in case["inputs"]]
        inputs = [self.carrier(data.reshape(given["pages"], -1))
                  for data, given in zip(files, case["inputs"])]
        output = self.carrier(np.zeros((count, BYTES[out]), np.uint8))
        rings = [self.ring(i, given["format"], given["pages"])
                 for i, given in enumerate(case["inputs"])] + [self.ring(16, out, count)]
        config = self.ttnn.ComputeConfigDescriptor(
            math_fidelity=getattr(self.ttnn.MathFidelity, case["fidelity"]),
            fp32_dest_acc_en=case["fp32_dest_acc"], dst_full_sync_en=case["full_sync"])
        if case["direct"]:
            modes = self.ttnn._ttnn.program_descriptor
            mode = modes.UnpackToDestMode
            config.unpack_to_dest_mode = modes.VectorUnpackToDestMode(
                [mode.UnpackToDestFp32 if i in case["direct"] else mode.Default for i in range(64)])
        kernels = [self.kernel(reader(case["inputs"]), self.ttnn.ReaderConfigDescriptor(), inputs),
                   self.kernel(writer(count), self.ttnn.WriterConfigDescriptor(), [output]),
                   self.kernel(case["text"], config)]
        program = self.ttnn.ProgramDescriptor(kernels=kernels, cbs=rings, semaphores=[])
        result = self.ttnn.generic_op([*inputs, output], program)
        self.ttnn.synchronize_device(self.device)
        return np.array(result.cpu().to_list(), np.uint8)


def record(folder, arch):
    """Runs each case in a process of its own, since the simulator ends at what it refuses."""
    for case in json.loads((folder / "cases.json").read_text()):
        if arch in case["archs"] and arch not in case["recorded"]:
            command = [sys.executable, __file__, str(folder), arch, case["name"]]
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            print(case["name"], "recorded" if done.returncode == 0 else "refused", flush=True)


def record_one(folder, arch, name):
    cases = json.loads((folder / "cases.json").read_text())
    case = next(case for case in cases if case["name"] == name)
    pages = Device().run(case, folder)
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    entry = recorded.get(name, {})
    if entry.get("of") != case["of"]:
        entry = {"of": case["of"], "pages": {}}
    entry["pages"][arch] = fnv(pages.tobytes())
    recorded[name] = entry
    RECORDED.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")


if len(sys.argv) == 4:
    record_one(pathlib.Path(sys.argv[1]), *sys.argv[2:])
else:
    record(pathlib.Path(sys.argv[1]), sys.argv[2])
