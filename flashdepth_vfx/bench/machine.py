"""The machine that was measured: what a reader needs to compare, and nothing that tells whose it is."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from flashdepth_vfx.workers import usable_cores

__all__ = ["Machine", "this_machine"]


@dataclass(frozen=True)
class Machine:
    """`cores` are those that this process may use, `threads` those of PyTorch. No host name, no path.

    `memory_bytes` and `load`, of the minute before this was asked, are None where the system does not say: with a
    load near the number of cores, others worked here. `gpus` and `driver` are empty without CUDA.
    """

    processor: str
    cores: int
    threads: int
    memory_bytes: int | None
    system: str
    python: str
    torch: str
    gpus: tuple[str, ...]
    driver: str
    load: float | None

    def line(self) -> str:
        """Everything on one line."""
        memory = "" if self.memory_bytes is None else f", {self.memory_bytes / 2**30:.0f} GiB"
        gpus = "".join(f", {gpu}" for gpu in self.gpus)
        driver = f" ({self.driver})" if self.driver else ""
        load = "" if self.load is None else f", load {self.load:.1f} before"
        return (
            f"{self.processor}, {self.cores} cores, {self.threads} threads{memory}{gpus}{driver}, "
            f"{self.system}, Python {self.python}, torch {self.torch}{load}"
        )


def this_machine(driver: str = "") -> Machine:
    """This one. `driver` is what the opened device says of its own (`Device.driver`)."""
    import torch

    there = torch.cuda.is_available()
    gpus = range(torch.cuda.device_count() if there else 0)
    return Machine(
        processor=_processor(),
        cores=len(usable_cores()),
        threads=torch.get_num_threads(),
        memory_bytes=_memory_bytes(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        torch=torch.__version__,
        gpus=tuple(torch.cuda.get_device_name(index) for index in gpus),
        driver=driver,
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.is_file() else None
    return found[1].strip() if found else platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
