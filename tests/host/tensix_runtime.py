"""Compiles emitted programs through the vendor's runtime, on whatever device the environment names.

    python tensix_runtime.py FOLDER..

Each folder holds what `tilec compile --target tt` writes. Its programs run on inputs of zeros;
on a mock device that compiles and links their kernels and checks buffers and arguments, and
gives zeros. One line for each folder says `ok` or what went wrong.
"""

import importlib.util
import json
import pathlib
import sys

import numpy as np
import ttnn


def script_of(folder):
    """The folder's run.py as a module."""
    spec = importlib.util.spec_from_file_location("run", folder / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def zeros(script, described):
    buffers = (b for b in described["buffers"] if b["role"] == "input")
    return {b["tensor"]: np.zeros(b["shape"], script.FILES[b["element"]]) for b in buffers}


def try_folder(device, folder):
    script = script_of(folder)
    described = json.loads((folder / "program.json").read_text())
    outputs = script.run(ttnn, device, described, zeros(script, described))
    for buffer in described["buffers"]:
        if buffer["role"] == "output":
            shape = list(outputs[buffer["tensor"]].shape)
            assert shape == buffer["shape"], f"{buffer['tensor']} has the shape {shape}"


def main(folders):
    device = ttnn.open_device(device_id=0)
    for folder in folders:
        try:
            try_folder(device, pathlib.Path(folder))
            print(f"{folder}: ok", flush=True)
        except (Exception, SystemExit) as fault:  # whatever it is, the next folder is tried
            said = " ".join(str(fault).split())
            print(f"{folder}: {type(fault).__name__}: {said}", flush=True)
    ttnn.close_device(device)


if __name__ == "__main__":
    main(sys.argv[1:])
