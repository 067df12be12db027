"""What is known of a shot's distances as it is planned: 1/Z is rendered, and converted to what was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from flashdepth_vfx.calibration import Anchor
from flashdepth_vfx.errors import CalibrationError, PlanError, UsageError
from flashdepth_vfx.farm.naming import view_list
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.job import ConvertJob, RenderJob
from flashdepth_vfx.outputs import output_sequence
from flashdepth_vfx.settings import NORMALISED, Convention, MissingPolicy

__all__ = ["Known", "converted_apart"]

#: Where depth lies that is yet to be converted, beside what was asked for.
_BEFORE_CONVERSION = "inverse_z"


@dataclass(frozen=True)
class Known:
    """Distances of one shot, in the scene unit of its job, as `ConvertJob` has them.

    `anchors` are texts as `Anchor.parse` reads them, two or more. `near` and `far` calibrate: how far the nearest and
    the farthest of the shot are; of a normalised convention they are its range. Raises `SettingsError` for an anchor
    that cannot be read, `CalibrationError` for a single one, `PlanError` where nothing is given.
    """

    anchors: tuple[str, ...] = ()
    near: float | None = None
    far: float | None = None

    def __post_init__(self) -> None:
        if not self.anchors and self.near is None and self.far is None:
            raise PlanError("no distance is known: give anchors, or near and far, or leave it out")
        for text in self.anchors:
            Anchor.parse(text)
        if len(self.anchors) == 1:
            raise CalibrationError("one distance tells no scale and shift: give two or more")

    @classmethod
    def from_dict(cls, plain: Any) -> Known:
        """From plain JSON values. Raises `PlanError`, or what the distances deserve."""
        try:
            return msgspec.convert(plain, cls)
        except msgspec.ValidationError as wrong:
            if isinstance(wrong.__cause__, UsageError):
                raise wrong.__cause__ from None
            raise PlanError(f"no known distances: {wrong}") from wrong


def converted_apart(
    job: RenderJob, reader: PlateReader, known: Known | None
) -> tuple[RenderJob, ConvertJob | None]:
    """A job that needs the whole shot, for its range or its scale, as a render of 1/Z and a conversion after it.

    Raises `SettingsError` as `ConvertJob` does; `PlanError` for an anchor of a frame that is not rendered, and for
    `--append-part`, which no conversion writes.
    """
    settings = job.settings
    if known is None and settings.convention not in NORMALISED:
        return job, None
    view = view_list(job.shot.view)[0] or None
    asked = output_sequence(job.output, reader, view, "_depth")
    output = (
        job.output if Path(job.output).suffix else str(Path(job.output) / Path(asked.pattern).name)
    )
    between = str(Path(output).parent / _BEFORE_CONVERSION / Path(output).name)
    convert = ConvertJob(
        input=between,
        output=output,
        convention=settings.convention,
        depth_layer=settings.depth_layer,
        compression=settings.compression,
        view=job.shot.view,
    )
    if known is not None:
        convert = _calibrated(convert, job, reader, known)
    rendered = replace(settings, convention=Convention.INVERSE_Z)
    return replace(job, output=between, settings=rendered), convert


def _calibrated(
    convert: ConvertJob, job: RenderJob, reader: PlateReader, known: Known
) -> ConvertJob:
    settings = job.settings
    if settings.append_part:
        raise PlanError(
            "--append-part writes what is rendered, and known distances are put in by a conversion after it: "
            "leave one of them out"
        )
    frames = _rendered(job, reader)
    for anchor in map(Anchor.parse, known.anchors):
        if anchor.frame not in frames:
            raise PlanError(f"anchor {anchor}: frame {anchor.frame} is not rendered; {frames} are")
    return replace(
        convert,
        scene_unit=settings.scene_unit,
        infinite_sky=settings.infinite_sky,
        anchors=known.anchors,
        near=known.near,
        far=known.far,
    )


def _rendered(job: RenderJob, reader: PlateReader) -> FrameRange:
    """The frames that will have depth: held ones too."""
    there, asked = reader.frames, job.frame_range
    if job.settings.missing is MissingPolicy.HOLD:
        return FrameRange.of(range(there[0], there[-1] + 1)) if asked is None else asked
    return FrameRange.of(there if asked is None else (f for f in there if f in asked))
