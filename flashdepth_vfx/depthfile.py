"""How the depth in a file of ours is to be read: by what its own header says, and in which of its views."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flashdepth_vfx.depth import DepthCode
from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.exr_channels import list_channels
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.settings import NORMALISED, Convention, SceneUnit

__all__ = ["code_said_by", "views_in"]


def code_said_by(told: Mapping[str, Any], path: Path) -> DepthCode:
    """How a file of ours is to be read. Raises `PlateError` where it does not say, or cannot be turned back."""
    try:
        convention = Convention(told.get("flashdepth/convention", ""))
        unit = SceneUnit(told.get("flashdepth/sceneUnit", "m"))
    except ValueError as unknown:
        raise PlateError(
            path, f"its header does not say what its pixels are ({unknown})"
        ) from unknown
    lost = f"is {convention}" if convention in NORMALISED else ""
    if "flashdepth/distance" in told:
        lost = "is distance along the ray"
    if lost:
        raise PlateError(
            path, f"{lost}, which cannot be turned back; convert what it was made from"
        )
    return DepthCode(convention, unit)


def views_in(sequence: FrameSequence) -> tuple[str, ...]:
    """The views that the files of a sequence hold, by the first of them; none for files of one view.

    Raises `CorruptPlateError`, and `PlateError` where there is no file.
    """
    frames = sequence.frames_on_disk()
    if not frames:
        raise PlateError(sequence.pattern, "no such file; check the path")
    return list_channels(read_headers(sequence.path(frames[0])))[0]
