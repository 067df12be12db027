"""The sets with known depth, opened by name, one clip at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from flashdepth_vfx.errors import CorruptPlateError, DeviceError, PlateError
from flashdepth_vfx.evaluation.clip import TruthClip
from flashdepth_vfx.evaluation.job import EvaluationJob
from flashdepth_vfx.evaluation.levels import level_clips
from flashdepth_vfx.evaluation.made import made_clips
from flashdepth_vfx.evaluation.photos import load_photos

__all__ = ["UNMEASURED", "data_folder", "describe", "is_missing", "open_set"]

UNMEASURED = (PlateError, DeviceError)
"""What is raised where a set is not here, or cannot be drawn here. A damaged one is a `CorruptPlateError`."""

_LEVEL_SEED = 0


def open_set(job: EvaluationJob, name: str, device: torch.device) -> Iterator[TruthClip]:
    """The clips of `made`, `flicker` (the same scenes, everything that can flicker does), `levels` or `photos`.

    Before the first clip it raises `PlateError` where the data is not there, `DeviceError` where levels cannot be
    drawn. Made scenes are rendered on `device`.
    """
    size = (job.height_px, job.width_px)
    match name:
        case "made":
            return made_clips(0, job.clips, job.frames, *size, flicker=0.0, device=device)
        case "flicker":
            return made_clips(0, job.clips, job.frames, *size, flicker=1.0, device=device)
        case "levels":
            folder = data_folder(job)
            return level_clips(folder, job.clips_per_level, job.frames, _LEVEL_SEED, *size)
        case "photos":
            return iter(load_photos(data_folder(job)))
    raise ValueError(f"'{name}' is no set of clips")


def data_folder(job: EvaluationJob) -> Path:
    """The folder of what was fetched. Raises `PlateError` when the job names none."""
    if job.data is None:
        raise PlateError(
            "--data", "not given: `python benchmarks/fetch_evaluation_data.py FOLDER` fills one"
        )
    return job.data


def describe(job: EvaluationJob, name: str, count: int) -> str:
    """What a set was, for its heading."""
    if name not in ("made", "flicker", "levels"):
        return "one photograph, full size"
    return f"{count} clips of {job.frames} frames, {job.width_px}x{job.height_px}"


def is_missing(error: Exception) -> bool:
    """Whether a set is not here, as against here and damaged."""
    return isinstance(error, UNMEASURED) and not isinstance(error, CorruptPlateError)
