"""What the headers of a whole shot decide, whatever part of it is rendered: its first frame, and its canvas."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from flashdepth_vfx.errors import FlashDepthError, NoSuchChannelError, PlateError
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.pipeline import each_header
from flashdepth_vfx.plate import PlateHeader, Window
from flashdepth_vfx.preprocess import shot_window
from flashdepth_vfx.schedule import Action, Step
from flashdepth_vfx.shotinfo import open_shot
from flashdepth_vfx.viewturn import ViewTurn

__all__ = ["canvas_window", "first_readable"]


def first_readable(reader: PlateReader) -> PlateHeader:
    """The first header of the sequence, past frames that are damaged or still on their way."""
    for frame in reader.frames[:-1]:
        with contextlib.suppress(PlateError, NoSuchChannelError):
            return reader.header(frame)
    return reader.header(reader.frames[-1])


def canvas_window(
    job: RenderJob,
    reader: PlateReader,
    steps: tuple[Step, ...],
    turn: ViewTurn | None,
    notices: list[str],
) -> Window:
    """What the canvas holds: the windows of all frames on disk, of all views that are rendered."""
    needed = {step.frame for step in steps if step.action is Action.SEE}
    own = _headers(reader, needed, notices)
    return shot_window(chain(own, _headers_of_others(job, turn, notices)))


def _headers_of_others(
    job: RenderJob, turn: ViewTurn | None, notices: list[str]
) -> Iterator[PlateHeader]:
    """Those of the views that share the canvas."""
    for name in () if turn is None else turn.others:
        reader = open_shot(replace(job.shot, view=name))
        # A view that is not there is no hole of it.
        first_readable(reader)
        yield from _headers(reader, set(), notices)


def _headers(reader: PlateReader, needed: set[int], notices: list[str]) -> Iterator[PlateHeader]:
    """The headers of the whole sequence on disk, whatever part of it is rendered."""
    if reader.sequential:
        yield reader.header(reader.frames[0])
        return

    def header_of(frame: int) -> PlateHeader | FlashDepthError:
        try:
            return reader.header(frame)
        except (PlateError, NoSuchChannelError) as error:
            # A frame that this render does not need may still be on its way to the disk.
            if frame in needed:
                raise
            return error

    for _, found in each_header(reader.frames, header_of):
        if isinstance(found, PlateHeader):
            yield found
        else:
            notices.append(f"not counted in the shot's canvas: {found}")
