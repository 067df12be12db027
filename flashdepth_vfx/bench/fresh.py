"""A new process: how long until its first depth is on disk, and what it holds at most."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flashdepth_vfx.bench.apart import measured_apart
from flashdepth_vfx.bench.job import Size
from flashdepth_vfx.job import RenderJob

__all__ = ["Fresh", "in_the_child", "measure_fresh"]


@dataclass(frozen=True)
class Fresh:
    """Seconds from the start of the process: until all is imported, until the weights are loaded and the shot is
    planned, until the first depth is on disk. Peaks are those after `frames`; None where nothing says, or on a CPU.
    """

    imported_s: float
    opened_s: float
    first_depth_s: float
    frames: int
    process_peak_bytes: int | None
    device_peak_bytes: int | None


def measure_fresh(job: RenderJob, frames: int) -> Fresh:
    """In a process of its own. Raises `FlashDepthError` when that fails."""
    return Fresh(**measured_apart("fresh", {"job": job.to_dict(), "frames": frames}))


def in_the_child(ticket: Mapping[str, Any]) -> dict[str, Any]:
    """What the child measures of itself, as `Fresh` takes it."""
    from flashdepth_vfx.bench.memory import device_peak_bytes, process_peak_bytes
    from flashdepth_vfx.bench.subject import open_subject

    began = ticket["began"]
    imported = time.time()
    with open_subject("", RenderJob.from_dict(ticket["job"]), Size(0, 0)) as subject:
        opened = time.time()
        state = subject.whole_frame(0, None)
        first = time.time()
        for index in range(1, ticket["frames"]):
            state = subject.whole_frame(index, state)
        return {
            "imported_s": imported - began,
            "opened_s": opened - began,
            "first_depth_s": first - began,
            "frames": ticket["frames"],
            "process_peak_bytes": process_peak_bytes(),
            "device_peak_bytes": device_peak_bytes(subject.device),
        }
