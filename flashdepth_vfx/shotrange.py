"""What the depth of a whole shot spans."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from flashdepth_vfx.calibration import Calibration
from flashdepth_vfx.depth import DISPARITY_PER_INVERSE_METRE, DepthRange
from flashdepth_vfx.depthsource import DepthSource
from flashdepth_vfx.errors import OutputExistsError, SettingsError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.job import ConvertJob
from flashdepth_vfx.rangefile import RangeFile, read_range
from flashdepth_vfx.settings import NORMALISED

__all__ = ["decided_range", "measured_range"]

#: Of the pixels of a frame that are no sky: a speck in front of the lens is not what the shot spans.
_PERCENTILES = (0.1, 99.9)


def decided_range(
    job: ConvertJob, source: DepthSource, output: FrameSequence, calibration: Calibration | None
) -> tuple[DepthRange | None, RangeFile | None]:
    """The range of a normalised conversion, and its file where the output has none yet.

    Raises `SettingsError` for a range of another shot and `OutputExistsError` where the output has another one.
    """
    if job.convention not in NORMALISED:
        return None, None
    shot = source.reader.sequence
    kept = None if job.overwrite else read_range(output)
    if job.near is not None and job.far is not None:
        metres = job.scene_unit.metres
        span = DepthRange(1.0 / (job.near * metres), 1.0 / (job.far * metres))
    elif job.range_file is not None:
        span = RangeFile.read(Path(job.range_file)).of(shot)
    elif kept is not None:
        span = kept.of(shot)
    else:
        span = measured_range(source, calibration)
    if kept is None:
        return span, RangeFile.made(shot, span)
    if kept.of(shot) != span:
        raise OutputExistsError(
            output.folder, f"holds frames of another range ({kept}); --overwrite replaces it"
        )
    return span, None


def measured_range(source: DepthSource, calibration: Calibration | None) -> DepthRange:
    """From the nearest thing of any frame to the farthest, the sky aside. Raises `SettingsError` where all is sky."""
    near, far = 0.0, np.inf
    with contextlib.closing(source.ahead(source.frames, _limits(source, calibration))) as frames:
        for _, (low, high) in frames:
            near, far = max(near, high), min(far, low)
    if not near > 0.0:
        raise SettingsError(f"{source.reader.name}: all of it is sky: it has no range")
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
