"""What a render's reading threads do: a plate, in colour and at the network's size."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flashdepth_vfx.cuts import Picture, small_picture
from flashdepth_vfx.engine import PreparedFrame
from flashdepth_vfx.errors import PlateSizeError
from flashdepth_vfx.schedule import Action, Step
from flashdepth_vfx.shotplan import ShotPlan

__all__ = ["Loaded", "load_step"]


@dataclass(frozen=True)
class Loaded:
    """What a reading thread hands to the ordered side. `picture` is there where cuts are looked for."""

    prepared: PreparedFrame
    picture: Picture | None
    read_seconds: float
    prepare_seconds: float


def load_step(plan: ShotPlan, step: Step) -> Loaded | None:
    """The frame of `step`; None for a hole. Raises `PlateError` for a plate that cannot be used."""
    if step.action is not Action.SEE:
        return None
    reader = plan.reader
    began = time.perf_counter()
    stamp = plan.cuts.stamp(reader, step.frame)
    plate = reader.read(step.frame)
    read = time.perf_counter()
    window, canvas = plate.header.data_window, plan.identity.canvas.window
    if not canvas.contains(window):
        reason = f"its data window {window} left the canvas {canvas} while the shot was rendered"
        raise PlateSizeError(plate.header.path, f"{reason}; run again when all plates are there")
    prepared = plan.engine.prepare(plate, stamp)
    picture = _deciding(plan, prepared) if plan.cuts.from_pictures else None
    return Loaded(prepared, picture, read - began, time.perf_counter() - read)


def _deciding(plan: ShotPlan, prepared: PreparedFrame) -> Picture:
    """What tells whether a take begins: this view's picture, or that of the view that decides for all."""
    if plan.cuts.watched is None:
        return small_picture(prepared.pixels)
    plate = plan.cuts.watched.read(prepared.header.frame)
    return small_picture(plan.engine.prepare(plate).pixels)
