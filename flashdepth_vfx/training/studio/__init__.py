"""A studio's own renders as training data: plate and Z sequences on disk, checked, then cut into clips."""

from __future__ import annotations

from flashdepth_vfx.training.studio.check import ShotReport, check_shots, open_shots
from flashdepth_vfx.training.studio.clips import ClipSettings, StudioClips, whole_clip
from flashdepth_vfx.training.studio.dataset import StudioRenders
from flashdepth_vfx.training.studio.judging import (
    HELD_OUT_SHOTS,
    MADE_SCENES,
    ErrorRow,
    errors,
)
from flashdepth_vfx.training.studio.mixing import Mixture
from flashdepth_vfx.training.studio.reading import DepthIs, StudioReading
from flashdepth_vfx.training.studio.shot import StudioShot

__all__ = [
    "HELD_OUT_SHOTS",
    "MADE_SCENES",
    "ClipSettings",
    "DepthIs",
    "ErrorRow",
    "Mixture",
    "ShotReport",
    "StudioClips",
    "StudioReading",
    "StudioRenders",
    "StudioShot",
    "check_shots",
    "errors",
    "open_shots",
    "whole_clip",
]
