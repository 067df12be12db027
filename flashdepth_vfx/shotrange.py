"""What the depth of a whole shot spans."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from flashdepth_vfx.calibration import Calibration
from flashdepth_vfx.depth import DISPARITY_PER_INVERSE_METRE, DepthRange
from flashdepth_vfx.depthsource import DepthSource
from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.job import ConvertJob
from flashdepth_vfx.rangefile import RangeFile, read_range
from flashdepth_vfx.settings import NORMALISED

__all__ = ["decided_range", "measured_range"]

#: Of the pixels of a frame that are no sky: a speck in front of the lens is not what the shot spans.
_PERCENTILES = (0.1, 99.9)


def decided_range(
    job: ConvertJob,
    views: Sequence[DepthSource],
    output: FrameSequence,
    calibration: Calibration | None,
) -> DepthRange | None:
    """The range of a normalised conversion, of all views; `output` is that of the first. None for other conventions.

    Raises `SettingsError` for a range of another shot.
    """
    if job.convention not in NORMALISED:
        return None
    if job.near is not None and job.far is not None:
        metres = job.scene_unit.metres
        return DepthRange(1.0 / (job.near * metres), 1.0 / (job.far * metres))
    kept = None if job.overwrite else read_range(output)
    if job.range_file is not None:
        kept = RangeFile.read(Path(job.range_file))
    if kept is not None:
        return kept.of(views[0].reader.sequence)
    return measured_range(views, calibration)


def measured_range(views: Sequence[DepthSource], calibration: Calibration | None) -> DepthRange:
    """From the nearest thing of any frame to the farthest, the sky aside. Raises `SettingsError` where all is sky."""
    near, far = 0.0, np.inf
    for source in views:
        ahead = source.ahead(source.frames, _limits(source, calibration))
        with contextlib.closing(ahead) as frames:
            for _, (low, high) in frames:
                near, far = max(near, high), min(far, low)
    if not near > 0.0:
        raise SettingsError(f"{views[0].reader.name}: all of it is sky: it has no range")
    # one flat thing is a range too, of no width: then all of it is near
    return DepthRange(near, far if far < near else 0.0)


def _limits(
    source: DepthSource, calibration: Calibration | None
) -> Callable[[int], tuple[float, float]]:
    def limits(frame: int) -> tuple[float, float]:
        _, disparity = source.read(frame)
        if calibration is not None:
            disparity = calibration.apply(disparity)
        seen = disparity[disparity > 0]
        if not seen.size:
            return np.inf, 0.0
        low, high = np.percentile(seen, _PERCENTILES) / DISPARITY_PER_INVERSE_METRE
        return float(low), float(high)

    return limits
