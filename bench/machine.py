"""What a measurement was taken on."""

import os
import platform
from pathlib import Path


def machine() -> dict:
    """Processor, threads and memory, without names of hosts or users."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")]
    flags = next((line for line in info.splitlines() if line.startswith("flags")), "")
    return {
        "processor": names[0] if names else platform.processor(),
        "threads": os.cpu_count(),
        "avx512": " avx512f " in flags,
        "system": f"{platform.system()} {platform.machine()}",
    }
