"""What a process and a device hold, and have held at most."""

from __future__ import annotations

import gc
import re
import sys
from pathlib import Path

import torch

__all__ = [
    "device_bytes",
    "device_peak_bytes",
    "process_bytes",
    "process_peak_bytes",
    "release_memory",
]

_STATUS = Path("/proc/self/status")


def process_bytes() -> int | None:
    """Resident memory of this process now; None where the system does not say."""
    return _of_status("VmRSS")


def process_peak_bytes() -> int | None:
    """The highest resident memory of this process so far; None where the system does not say."""
    # Not getrusage where it can be helped: it also counts what the parent held when it started this process.
    peak = _of_status("VmHWM")
    if peak is not None or sys.platform == "win32":
        return peak
    import resource

    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if sys.platform == "darwin" else kilobytes * 1024


def device_bytes(device: torch.device) -> int | None:
    """What tensors hold on a GPU now; None on a CPU."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else None


def device_peak_bytes(device: torch.device) -> int | None:
    """The most that tensors held on a GPU in this process; None on a CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def release_memory(device: torch.device) -> None:
    """Give back what the last network left: PyTorch keeps a GPU's memory for itself, and other processes need it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _of_status(name: str) -> int | None:
    if not _STATUS.is_file():
        return None
    found = re.search(rf"{name}:\s*(\d+) kB", _STATUS.read_text())
    return int(found[1]) * 1024 if found else None
