"""The sets with known depth, opened by name, one clip at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import torch

from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.evaluation.job import EvaluationJob
from flashdepth_vfx.evaluation.levels import level_clips
from flashdepth_vfx.evaluation.photos import PHOTOS, load_photo
from flashdepth_vfx.measures.clip import TruthClip
from flashdepth_vfx.training.made import made_clips

__all__ = ["data_folder", "describe", "open_set"]

_LEVEL_SEED = 0


def open_set(job: EvaluationJob, name: str, device: torch.device) -> Iterator[TruthClip]:
    """The clips of `made`, `flicker` (the same scenes, and all that can flicker does), `levels`, or one of `PHOTOS`.

    Made scenes are rendered on `device`. Raises `PlateError` where the data is not there, `CorruptPlateError` where
    it is damaged, `DeviceError` where levels cannot be drawn: all before there is a clip, but for later damage.
    """
    clips = _clips(job, name, device)
    return chain((next(clips),), clips)


def _clips(job: EvaluationJob, name: str, device: torch.device) -> Iterator[TruthClip]:
    size = (job.height_px, job.width_px)
    match name:
        case "made":
            return made_clips(0, job.clips, job.frames, *size, flicker=0.0, device=device)
        case "flicker":
            return made_clips(0, job.clips, job.frames, *size, flicker=1.0, device=device)
        case "levels":
            folder = data_folder(job)
            return level_clips(folder, job.clips_per_level, job.frames, _LEVEL_SEED, *size)
    return iter((load_photo(data_folder(job), name),))


def data_folder(job: EvaluationJob) -> Path:
    """The folder of what was fetched. Raises `PlateError` when the job names none."""
    if job.data is None:
        raise PlateError("--data", "not given: `flashdepth evaluate --fetch FOLDER` fills one")
    return job.data


def describe(job: EvaluationJob, name: str, count: int) -> str:
    """What a set was, for its heading."""
    if name in PHOTOS:
        return "one photograph, full size"
    return f"{count} clips of {job.frames} frames, {job.width_px}x{job.height_px}"
