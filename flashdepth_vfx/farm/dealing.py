"""One shot, dealt out: its takes, views and chunks as tasks, and what comes before and after them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import UNSET

from flashdepth_vfx.cutlist import read_cuts
from flashdepth_vfx.errors import FlashDepthError, PlanError
from flashdepth_vfx.farm.known import Known, converted_apart
from flashdepth_vfx.farm.modes import Mode
from flashdepth_vfx.farm.naming import view_list
from flashdepth_vfx.farm.plates import PlatesStep
from flashdepth_vfx.farm.tasks import Kind, PlannedShot, ShotPage, Task
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.job import ConvertJob, RenderJob
from flashdepth_vfx.outputs import output_sequence
from flashdepth_vfx.viewturn import stands_for_view

__all__ = ["DealtShot", "Rules"]

#: What a reviewer opens.
_PAGE = "report.html"


@dataclass(frozen=True)
class Rules:
    """How the shots of a plan are dealt out."""

    mode: Mode
    chunk_frames: int
    report: bool
    hook: str | None = None
    known: Known | None = None
    plates: PlatesStep | None = None


class DealtShot:
    """A shot on its way into the plan. `notes` are for people."""

    def __init__(self, job: RenderJob, reader: PlateReader, name: str, rules: Rules) -> None:
        self.notes: list[str] = []
        self._rules, self._name, self._reader = rules, name, reader
        job, convert = converted_apart(job, reader, rules.known)
        self._job = job
        self._frames = self._wanted()
        # Cut lists are read once, not for each view.
        takes = list(self._takes())
        self._parts = [(view, part) for view in self._views() for part in takes]
        self.shot = PlannedShot(
            name=name,
            job=job,
            frames=str(FrameRange(reader.frames)),
            frame_count=len(self._frames),
            decided=len(self._parts) > 1,
            convert=convert,
            report=self._page(convert) if rules.report else None,
            hook=rules.hook,
            plates=rules.plates or UNSET,
        )

    def tasks(self) -> Iterator[Task]:
        """In order."""
        name, done = self._name, []
        before_all = tuple(self._first())
        yield from before_all
        first = tuple(task.id for task in before_all[-1:])
        before: dict[tuple[str | None, int], str] = {}
        # The first frame of the part after each; another view begins at the head again.
        ahead = (part[0] for _, (_, part) in self._parts[1:])
        for view, (take, frames) in self._parts:
            span = f".{frames[0]}-{frames[-1]}" if len(self._parts) > 1 else ""
            task_id = f"{name}.render{'.' + view if view else ''}{span}"
            chained = self._rules.mode is Mode.CHAIN and (view, take) in before
            yield Task(
                id=task_id,
                shot=name,
                kind=Kind.RENDER,
                needs=(before[view, take],) if chained else first,
                frames=self._text(frames, next(ahead, None)),
                frame_count=len(frames),
                view=view,
            )
            before[view, take] = task_id
            done.append(task_id)
        yield from self._last(tuple(done))

    def _first(self) -> Iterator[Task]:
        name = self._name
        needs: tuple[str, ...] = ()
        if self._rules.plates is not None:
            needs = (f"{name}.{Kind.PLATES}",)
            yield Task(id=needs[0], shot=name, kind=Kind.PLATES, frames=self._job.frames)
        if self.shot.decided:
            yield Task(id=f"{name}.{Kind.DECIDE}", shot=name, kind=Kind.DECIDE, needs=needs)

    def _last(self, needs: tuple[str, ...]) -> Iterator[Task]:
        name = self._name
        if self.shot.convert is not None:
            yield Task(id=f"{name}.{Kind.CONVERT}", shot=name, kind=Kind.CONVERT, needs=needs)
            needs = (f"{name}.{Kind.CONVERT}",)
        if self.shot.report is not None:
            yield Task(id=f"{name}.{Kind.REPORT}", shot=name, kind=Kind.REPORT, needs=needs)
            needs = (f"{name}.{Kind.REPORT}",)
        if self.shot.hook is not None:
            yield Task(id=f"{name}.{Kind.PUBLISH}", shot=name, kind=Kind.PUBLISH, needs=needs)

    def _page(self, convert: ConvertJob | None) -> ShotPage:
        """Beside the depth that was asked for, with its states and manifests."""
        job = self._job
        output, word = (job.output, "_depth") if convert is None else (convert.output, "")
        views = view_list(job.shot.view) if stands_for_view(output) else (job.shot.view,)
        places = [output_sequence(output, self._reader, view or None, word) for view in views]
        return ShotPage(
            sources=tuple(place.pattern for place in places),
            page=str(places[0].beside / _PAGE),
            depth_layer=job.settings.depth_layer,
        )

    def _wanted(self) -> tuple[int, ...]:
        """The frames on disk that are to be written."""
        asked = self._job.frame_range
        found = (
            self._reader.frames
            if asked is None
            else tuple(f for f in self._reader.frames if f in asked)
        )
        if not found:
            raise PlanError(
                f"{self._reader.name} holds {FrameRange(self._reader.frames)}: none of {asked}"
            )
        return found

    def _text(self, frames: Sequence[int], after: int | None) -> str | None:
        """What `--frames` is told; None where a task writes all that is there when it runs."""
        if len(self._parts) == 1:
            return self._job.frames
        asked = self._job.frame_range
        # Holes are of the part before them: they repeat its last frame, or carry its state over.
        span = range(frames[0], frames[-1] + 1 if after is None or after <= frames[0] else after)
        return str(FrameRange.of(span if asked is None else (f for f in span if f in asked)))

    def _views(self) -> tuple[str | None, ...]:
        """Views that are tasks of their own: those that are named and have files of their own."""
        asked = self._job.shot.view
        if asked is None or "," not in asked or not stands_for_view(self._job.output):
            return (None,)
        return view_list(asked)

    def _takes(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """The parts of all takes: the number of the take, and the frames."""
        starts = self._cuts()
        for number, (first, after) in enumerate(zip((None, *starts), (*starts, None), strict=True)):
            begin = 0 if first is None else bisect_left(self._frames, first)
            end = None if after is None else bisect_left(self._frames, after)
            for part in self._chunks(self._frames[begin:end]):
                yield number, part

    def _chunks(self, frames: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        whole = self._rules.mode is Mode.WHOLE
        size = max(len(frames), 1) if whole else self._rules.chunk_frames
        for place in range(0, len(frames), size):
            yield frames[place : place + size]

    def _cuts(self) -> tuple[int, ...]:
        asked, first, last = (
            self._job.settings.cuts,
            self._reader.frames[0],
            self._reader.frames[-1],
        )
        if self._job.settings.sparse or asked == "none":
            return ()
        if asked not in (None, "auto"):
            return read_cuts(Path(str(asked)).expanduser(), first, last)
        if asked is None and not self._reader.sequential:
            return ()
        if self._rules.plates is not None:
            self.notes.append(
                f"{self._name}: its cuts are not known before its plates are made; they are found then, and its takes"
                " are not spread"
            )
            return ()
        found = _decided_cuts(self._job, self._reader, self._views()[0])
        if found is None:
            self.notes.append(
                f"{self._name}: its cuts are not known before it is looked through; run flashdepth decide, and plan"
                " again, to spread its takes"
            )
        return found or ()


def _decided_cuts(job: RenderJob, reader: PlateReader, view: str | None) -> tuple[int, ...] | None:
    """What an earlier `decide` found in the plates that are there now; None where it has not looked."""
    sequence = output_sequence(job.output, reader, view or job.shot.view, "_depth")
    if not sequence.beside.is_dir():
        return None
    # They bring torch along, which a thousand shots that nobody looked through do without.
    from flashdepth_vfx.decided import Decided
    from flashdepth_vfx.shotfolder import ShotFolder

    try:
        decided = Decided.load(ShotFolder(sequence))
    except FlashDepthError:
        return None
    return decided.cuts if decided.frames == str(FrameRange(reader.frames)) else None
