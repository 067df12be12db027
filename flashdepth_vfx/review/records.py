"""What renders left beside a pass: their manifests, read for people, with whatever has become of them since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flashdepth_vfx.errors import UsageError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.review.passes import DepthPass

__all__ = ["RenderRecord", "records_beside"]

_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class RenderRecord:
    """One manifest. `frames` is the range that its render wrote and kept; `job` is None where it is of another
    version, and cannot be read as one. Relative paths in it start from `working_folder`.
    """

    frames: str
    written_at: str
    host: str
    outcome: str
    error: str
    job: RenderJob | None
    working_folder: str
    exposure_stops: float
    written: int
    kept: int
    seconds: float
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether the render came to its end."""
        return self.outcome == "done"

    def placed(self, path: str) -> str:
        """`path` of its job, from wherever this is run."""
        return str(Path(self.working_folder) / Path(path).expanduser())


def records_beside(found: DepthPass) -> tuple[tuple[RenderRecord, ...], tuple[str, ...]]:
    """The renders of a pass, the earliest first, and a line on each manifest that cannot be read.

    A pass that was converted has none: its frames alone speak for it.
    """
    folder = found.sequence.beside
    shared = sorted(folder.glob("manifest.*.json")) if folder.is_dir() else []
    # Views that share files have folders of their own in there.
    own = sorted((folder / found.view).glob("manifest.*.json")) if found.view else []
    records, amiss = [], []
    for path in own or shared:
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ValueError("it is too large")
            told = json.loads(path.read_bytes())
            if _is_of(told, found.sequence):
                records.append(_record(told))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as wrong:
            amiss.append(f"{path}: is no manifest that can be read ({wrong})")
    return tuple(sorted(records, key=lambda record: record.written_at)), tuple(amiss)


def _is_of(told: Mapping[str, Any], sequence: FrameSequence) -> bool:
    """Whether it is of these files: `shot.####.exr` and `shot_####.exr` share a folder."""
    output = str(told["job"]["output"])
    name = output.replace("\\", "/").rpartition("/")[2]
    if not name or not name.lower().endswith(".exr"):
        return True
    try:
        stem = FrameSequence.parse(name.replace("%V", "").replace("%v", "")).stem
    except UsageError:
        return True
    return "%" in name or stem == sequence.stem


def _record(told: Mapping[str, Any]) -> RenderRecord:
    job = told["job"]
    frames = sorted({*told["frames_written"], *told["frames_kept"]})
    try:
        read = RenderJob.from_dict(job)
    except UsageError:
        read = None
    return RenderRecord(
        frames=f"{frames[0]}-{frames[-1]}" if frames else "none",
        written_at=str(told["written_at"]),
        host=str(told["host"]),
        outcome=str(told["outcome"]),
        error=str(told["error"]),
        job=read,
        working_folder=str(told.get("working_folder", "")),
        exposure_stops=float(told["identity"]["exposure_stops"]),
        written=len(told["frames_written"]),
        kept=len(told["frames_kept"]),
        seconds=float(told["seconds"]),
        stage_seconds={str(k): float(v) for k, v in told["stage_seconds"].items()},
        warnings=tuple(map(str, told["warnings"])),
    )
