"""What a render's writing threads do: disparity back at plate size, and into its file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from flashdepth_vfx.io.exr_values import writable
from flashdepth_vfx.manifest import FrameRecord, frame_block
from flashdepth_vfx.plate import DepthFrame, PlateHeader
from flashdepth_vfx.shotplan import ShotPlan

__all__ = ["Written", "write_frame"]

#: What is true of one frame of a take and of no other: a held frame does not repeat it.
_OF_ONE_MOMENT = frozenset(("capDate", "keyCode", "timeCode"))


@dataclass(frozen=True)
class Written:
    """What a writing thread hands back to the ordered side."""

    record: FrameRecord
    size_bytes: int
    plate: Path
    left_out: tuple[str, ...]
    finish_seconds: float
    write_seconds: float


def write_frame(
    plan: ShotPlan, record: FrameRecord, header: PlateHeader, finish: Callable[[], DepthFrame]
) -> Written:
    """Put what `finish` makes into the file of `record`'s frame. Raises `OutputError`, `LeaseError`."""
    began = time.perf_counter()
    depth = finish()
    kept, left_out = writable(header.attributes)
    attributes = (
        kept
        | dict(depth.attributes)
        | frame_block(
            plan.identity,
            plan.job.settings,
            plan.network.record,
            plan.color.sentence(),
            record,
        )
    )
    if record.held_from is not None:
        attributes = {k: v for k, v in attributes.items() if k not in _OF_ONE_MOMENT}
    finished = time.perf_counter()
    plan.folder.require()
    size = plan.writer.write(replace(depth, frame=record.frame, attributes=attributes))
    wrote = time.perf_counter()
    return Written(record, size, header.path, left_out, finished - began, wrote - finished)
