"""What somebody knows of a shot's distances: the scale and shift that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from flashdepth_vfx.calibration import (
    Anchor,
    Calibration,
    calibrate,
    calibrate_against,
    calibrate_range,
    read_anchor_value,
)
from flashdepth_vfx.depthsource import DepthSource
from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.job import ConvertJob
from flashdepth_vfx.plate import FloatArray, Window
from flashdepth_vfx.reference import open_reference, sampled_pairs
from flashdepth_vfx.settings import NORMALISED
from flashdepth_vfx.shotrange import measured_range

__all__ = ["find_calibration"]


def find_calibration(job: ConvertJob, views: Sequence[DepthSource]) -> Calibration | None:
    """Scale and shift by anchors, by a layer, or by near and far; None where the job has none of them.

    Distances are those in the first of `views`, near and far those of all.

    Raises `SettingsError`, `CalibrationError`, and what the plates of a layer deserve.
    """
    source, metres = views[0], job.scene_unit.metres
    if job.reference is not None:
        return _against(job, job.reference, source)
    if job.anchors:
        anchors = [Anchor.parse(text) for text in job.anchors]
        values = _values(anchors, source)
        return calibrate(values, [anchor.distance * metres for anchor in anchors])
    if job.near is not None and job.far is not None and job.convention not in NORMALISED:
        span = measured_range(views, None)
        return calibrate_range(span.near_per_m, span.far_per_m, job.near * metres, job.far * metres)
    return None


def _values(anchors: list[Anchor], source: DepthSource) -> list[float]:
    """The disparity at each, in their order; a frame of several is read once."""
    absent = [anchor for anchor in anchors if anchor.frame not in source.given]
    if absent:
        frame = absent[0].frame
        raise SettingsError(f"anchor {absent[0]}: frame {frame} is not in the input")
    found: dict[int, float] = {}
    by_frame = sorted(range(len(anchors)), key=lambda index: anchors[index].frame)
    for frame, indices in groupby(by_frame, key=lambda index: anchors[index].frame):
        plate, disparity = source.read(frame)
        windows = plate.header.data_window, plate.header.display_window
        for index in indices:
            found[index] = read_anchor_value(anchors[index], disparity, *windows)
    return [found[index] for index in range(len(anchors))]


def _against(job: ConvertJob, pattern: str, source: DepthSource) -> Calibration:
    def disparity_of(frame: int) -> tuple[FloatArray, Window]:
        plate, disparity = source.read(frame)
        return disparity, plate.header.data_window

    reference = open_reference(pattern, job.reference_layer, job.reference_view)
    try:
        ours, theirs = sampled_pairs(source.frames, disparity_of, reference)
    finally:
        reference.close()
    return calibrate_against(ours, theirs * np.float32(job.scene_unit.metres))
