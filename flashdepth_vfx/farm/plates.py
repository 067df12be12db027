"""Plates that a host has yet to make: what is planned of them, and the task that makes them.

A comp as input is a step of its own, which holds the host's licence; the tasks that render hold none.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from flashdepth_vfx.errors import MissingFrameError, PlanError, PlatesStepError
from flashdepth_vfx.frames import IMAGE_SUFFIXES, FrameSequence
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.program import run_program
from flashdepth_vfx.viewturn import stands_for_view, view_names

__all__ = ["PlatesStep", "PromisedPlates", "make_plates"]

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]*")


@dataclass(frozen=True)
class PlatesStep:
    """What makes the plates of a shot before it is rendered.

    `command` is a program and its arguments, run by no shell and as they are written: nothing is put in the place of
    a word, and a relative path means another folder to every engine. `PathMapping` maps each word that is a path as a
    whole, the program's too; a path within a word, as in `--out=/show/plates`, stays. `licence` is the farm's own
    word for the host's licence, as `nuke_r`; empty where it takes none. Raises `PlanError`.
    """

    command: tuple[str, ...]
    licence: str = ""

    def __post_init__(self) -> None:
        if not self.command or not self.command[0]:
            raise PlanError("the command that makes the plates is empty")
        if self.licence and not _WORD.fullmatch(self.licence):
            raise PlanError(
                f"licence '{self.licence}': it is one word of letters, digits and _.@-, as nuke_r"
            )


class PromisedPlates:
    """The plates of a job before they are there, as a reader of them: their files and frames are known, and no more.

    Raises `PlanError` where the job does not say which files will be there.
    """

    sequential = False

    def __init__(self, job: RenderJob, view: str | None) -> None:
        source, frames = job.shot.input, job.frame_range
        self.sequence = FrameSequence.parse(source, view=view)
        if not self.sequence.padding or self.sequence.suffix.lower() not in IMAGE_SUFFIXES:
            raise PlanError(
                f"{source}: plates that are yet to be made need a frame pattern, as plate.####.exr"
            )
        if frames is None:
            raise PlanError(
                f"{source}: plates that are yet to be made need --frames: those that will be there"
            )
        self.name, self.frames = self.sequence.pattern, frames.frames

    def path(self, frame: int) -> Path:
        """The file that will hold `frame`."""
        return self.sequence.path(frame)

    def header(self, frame: int) -> NoReturn:
        """Raises `MissingFrameError`."""
        raise MissingFrameError(self.name, frame, self.path(frame), "it is yet to be made")

    read = stamp = header

    def close(self) -> None:
        """Nothing is open."""


def make_plates(
    job: RenderJob,
    step: PlatesStep,
    *,
    tell: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """Run the command of `step`, unless every frame of `job` is there, and give what came of it as JSON values.

    What it says is told line by line. Setting `stop` ends it and all that it started, by raising `Interrupted`.
    Raises `PlatesStepError` where it cannot be started or fails, `MissingFrameError` for the first frame that is not
    on disk after it.
    """
    promised = list(_promised(job))
    patterns = [each.name for each in promised]
    if _lacking(promised) is None:
        tell(f"all plates are there ({', '.join(patterns)}): {step.command[0]} is not run")
        return {"plates": patterns, "made": False}
    run_program(step.command, partial(PlatesStepError, step.command[0]), tell=tell, stop=stop)
    lacking = _lacking(promised)
    if lacking is not None:
        each, frame = lacking
        remedy = f"{step.command[0]} ended well and did not write it"
        raise MissingFrameError(each.name, frame, each.path(frame), remedy)
    return {"plates": patterns, "made": True}


def _promised(job: RenderJob) -> Iterator[PromisedPlates]:
    """Of each view that has files of its own."""
    views: tuple[str | None, ...] = (None,)
    if stands_for_view(job.shot.input):
        views = view_names(job.shot.view, job.shot.input, tuple) or views
    for view in views:
        yield PromisedPlates(job, view)


def _lacking(promised: list[PromisedPlates]) -> tuple[PromisedPlates, int] | None:
    """The first frame that has no file."""
    for each in promised:
        for frame in each.frames:
            if not each.path(frame).is_file():
                return each, frame
    return None
