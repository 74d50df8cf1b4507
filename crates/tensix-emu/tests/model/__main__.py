"""Writes kernels, their tiles and what numpy says must come out: python tests/model FOLDER.

The cases are listed in FOLDER/cases.json; each names its files there. What the vendor's
simulator made of the same tiles is in recorded.json, as a hash (see record.py).
"""

import json
import pathlib
import sys

import numpy as np

import copies
import products
import reductions
import strips
import topk
import vectors
from hashes import RECORDED, fnv


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
    hashed = fnv(text.encode(), *(pages.tobytes() for _, pages in case.inputs))
    return {"name": case.name, "text": text + "}\n", "inputs": inputs, "direct": case.direct,
            "output": {"format": case.output[0], "pages": case.output[1]},
            "archs": list(case.archs), "fp32_dest_acc": case.fp32_dest_acc,
            "full_sync": case.full_sync, "fidelity": case.fidelity, "of": hashed,
            "wrong_sums": case.wrong_sums, **files}


def main(folder):
    cases = [case for topic in (products, reductions, topk, strips, copies, vectors) for case in topic.cases()]
    listed = [described(folder, number, case) for number, case in enumerate(cases)]
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    for case in listed:
        # A record of another kernel or of other tiles says nothing.
        record = recorded.get(case["name"], {})
        case["recorded"] = record["pages"] if record.get("of") == case["of"] else {}
    (folder / "cases.json").write_text(json.dumps(listed))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
