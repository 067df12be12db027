"""Where the takes of a shot begin, without a render: what `--cuts` would do to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from flashdepth_vfx.color import ColorTransform, plan_color
from flashdepth_vfx.cutplan import CutPlan, plan_cuts
from flashdepth_vfx.cuts import Picture, small_picture
from flashdepth_vfx.engine import as_seen
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.job import Shot
from flashdepth_vfx.masks import mask_plates
from flashdepth_vfx.pipeline import read_ahead
from flashdepth_vfx.preprocess import Canvas, plan_canvas, shot_window, to_network
from flashdepth_vfx.schedule import Action, Step
from flashdepth_vfx.settings import RenderSettings
from flashdepth_vfx.shotinfo import open_shot
from flashdepth_vfx.takes import in_takes
from flashdepth_vfx.workers import usable_cores

__all__ = ["cuts_seen", "find_cuts"]

#: The working size of the networks here; a render looks at its own, which moves no clear cut.
_LONG_SIDE_PX = 512


@dataclass(frozen=True)
class _Looked:
    picture: Picture


def find_cuts(
    shot: Shot, cuts: str | None = None, *, colorspace: str | None = None, ocio: str | None = None
) -> tuple[int, ...]:
    """The frames on disk that begin a new take, ascending; the first frame of the shot is none of them.

    `cuts` is "none", "auto" or a file that lists them; None is auto for a movie, none for a sequence.
    Raises `SettingsError`, `ColorError`, and `PlateError` for a plate that cannot be read.
    """
    reader = open_shot(shot)
    try:
        plan = plan_cuts(cuts, reader)
        if plan.listed is not None:
            return tuple(sorted(plan.listed))
        headers = [
            reader.header(f) for f in (reader.frames[:1] if reader.sequential else reader.frames)
        ]
        color = ColorTransform(plan_color(headers[0], colorspace=colorspace, ocio=ocio))
        window, aspect = shot_window(headers), headers[0].pixel_aspect
        side = min(_LONG_SIDE_PX, round(max(window.width * aspect, window.height)))
        canvas = plan_canvas(window, aspect, side, multiple=1, minimum=1)
        plates = mask_plates(reader, shot, RenderSettings(), empty=None)
        return cuts_seen(plates, plan, color, canvas)
    finally:
        reader.close()


def cuts_seen(
    plates: PlateReader, plan: CutPlan, color: ColorTransform, canvas: Canvas
) -> tuple[int, ...]:
    """The frames that begin a new take, by the pictures that a network with this canvas sees of all plates."""
    steps = [Step(frame, Action.SEE, write=False) for frame in plates.frames]
    workers = 1 if plates.sequential else len(usable_cores())
    look = partial(_look, plates, color, canvas)
    read = read_ahead(steps, look, workers=workers, ahead=2 * workers)
    return tuple(turn.step.frame for turn in in_takes(read, plan, "", len(steps)) if turn.cut)


def _look(reader: PlateReader, color: ColorTransform, canvas: Canvas, step: Step) -> _Looked:
    plate = reader.read(step.frame)
    pixels = to_network(as_seen(plate, color), plate.header.data_window, canvas, plate.ignored)
    return _Looked(small_picture(pixels))
