"""Writes kernels, their tiles and what numpy says must come out: python tests/model FOLDER.

The cases are listed in FOLDER/cases.json; each names its files there.
"""

import json
import pathlib
import sys

import numpy as np

import copies
import products
import vectors


def file_of(folder, name, array):
    (folder / name).write_bytes(np.ascontiguousarray(array).tobytes())
    return name


def described(folder, number, case):
    """What a reader needs of a case, with its arrays in files."""
    text = "".join(f'#include "api/compute/{h}.h"\n' for h in ("common", *case.headers))
    counts = [len(pages) for _, pages in case.inputs]
    text += case.functions + "\nvoid kernel_main() {\n" + case.body
    text += "".join(f"    cb_pop_front({ring}, {count});\n" for ring, count in enumerate(counts))
    inputs = [{"format": format, "pages": len(pages),
               "file": file_of(folder, f"{number}.in{ring}", pages)}
              for ring, (format, pages) in enumerate(case.inputs)]
    arrays = {"exact": case.exact, "near": case.near, "bound": case.bound}
    files = {key: file_of(folder, f"{number}.{key}", array)
             for key, array in arrays.items() if array is not None}
    return {"name": case.name, "text": text + "}\n", "inputs": inputs, "direct": case.direct,
            "output": {"format": case.output[0], "pages": case.output[1]},
            "archs": list(case.archs), "fp32_dest_acc": case.fp32_dest_acc,
            "full_sync": case.full_sync, "fidelity": case.fidelity, **files}


def main(folder):
    cases = [case for topic in (products, copies, vectors) for case in topic.cases()]
    listed = [described(folder, number, case) for number, case in enumerate(cases)]
    (folder / "cases.json").write_text(json.dumps(listed))


main(pathlib.Path(sys.argv[1]))
