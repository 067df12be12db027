"""A pass on disk -> what is to be said of it. Each frame is read once, and a few small pictures are kept."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.review.findings import findings, trembling
from flashdepth_vfx.review.measure import FrameMeasure, measure
from flashdepth_vfx.review.passes import DepthPass, find_passes
from flashdepth_vfx.review.pictures import Shown, shown, shown_frames
from flashdepth_vfx.review.plates import plates_of
from flashdepth_vfx.review.records import RenderRecord, records_beside
from flashdepth_vfx.wording import words_of

__all__ = ["PassReport", "report_on"]


@dataclass(frozen=True)
class PassReport:
    """What is to be said of one pass. `starts` are the frames at which takes begin, `span` what its pictures show
    darkest and lightest, `commands` how its renders are run again.
    """

    found: DepthPass
    measured: tuple[FrameMeasure, ...]
    starts: tuple[int, ...]
    records: tuple[RenderRecord, ...]
    findings: tuple[str, ...]
    span: tuple[float, float]
    pictures: tuple[Shown, ...]
    commands: tuple[str, ...]

    @property
    def takes(self) -> tuple[FrameRange, ...]:
        """The frames on disk of each take."""
        ends = (*self.starts[1:], math.inf)
        frames = self.found.frames
        return tuple(
            FrameRange(tuple(f for f in frames if start <= f < end))
            for start, end in zip(self.starts, ends, strict=True)
        )

    def to_plain(self) -> dict[str, Any]:
        """As JSON values, without the pictures."""
        found = self.found
        return {
            "name": found.name,
            "files": found.sequence.pattern,
            "view": found.view,
            "channel": found.channel,
            "unit": found.unit,
            "frames": str(FrameRange(found.frames)),
            "holes": str(found.holes),
            "torn": sorted(found.torn),
            "takes": [str(take) for take in self.takes],
            "resets": [r.frame for r in found.records if r.reset],
            "findings": list(self.findings),
            "commands": list(self.commands),
            "seconds": sum(record.seconds for record in self.records),
            "measures": [asdict(one) for one in self.measured],
        }


def report_on(
    sources: Iterable[str], *, layer: str | None = None, view: str | None = None
) -> tuple[PassReport, ...]:
    """Measure the passes of `sources`, folders or frame patterns. Every frame is read once, and those shown twice.

    Raises `PlateError` where there is no depth of ours, `UsageError`.
    """
    passes = [one for source in sources for one in find_passes(source, layer=layer, view=view)]
    return tuple(_report(found, _views_beside(found, passes)) for found in passes)


def _views_beside(found: DepthPass, passes: Sequence[DepthPass]) -> str | None:
    """All views of its files, which are rendered together or not at all; None for files of one view."""
    views = [one.view for one in passes if one.sequence == found.sequence and one.view]
    return ",".join(views) or None


def _report(found: DepthPass, views: str | None) -> PassReport:
    records, amiss = records_beside(found)
    starts = _starts(found)
    unreadable: list[str] = []

    def whole() -> Any:
        for seen in found.look(found.frames):
            if isinstance(seen, PlateError):
                unreadable.append(str(seen))
            else:
                yield seen

    ratios = found.code is not None
    measured = tuple(measure(whole(), frozenset(starts), ratios=ratios))
    span = _span(measured)
    frames = shown_frames([one.frame for one in measured], starts, trembling(measured))
    plates = plates_of(records)
    try:
        pictures = tuple(shown(found, frames, span, plates))
    finally:
        if plates is not None:
            plates.close()
    told = findings(found, measured, records, (*unreadable, *amiss))
    return PassReport(
        found, measured, starts, records, told, span, pictures, _commands(records, views)
    )


def _starts(found: DepthPass) -> tuple[int, ...]:
    begins = {r.frame for r in found.records if r.reset or r.cut}
    return tuple(sorted({found.frames[0], *begins}))


def _span(measured: Sequence[FrameMeasure]) -> tuple[float, float]:
    """From the lowest to the highest of what frames hold, but for their outermost hundredths."""
    low = min((m.low for m in measured if m.low is not None), default=0.0)
    high = max((m.high for m in measured if m.high is not None), default=1.0)
    if not math.isfinite(high):
        finite = [m.median for m in measured if m.median is not None and math.isfinite(m.median)]
        high = max(finite, default=1.0)
    return low, max(high, low + 1e-6 * max(abs(low), 1.0))


def _commands(records: Sequence[RenderRecord], views: str | None) -> tuple[str, ...]:
    """Each once, in the order of the renders."""
    told = []
    for record in records:
        if record.job is not None:
            shot = record.job.shot
            job = replace(record.job, shot=replace(shot, view=views or shot.view))
            place = f"cd {shlex.quote(record.working_folder)} && " if _is_relative(job) else ""
            told.append(place + words_of(job))
    return tuple(dict.fromkeys(told))


def _is_relative(job: RenderJob) -> bool:
    paths = (job.shot.input, job.output)
    return not all(Path(path).expanduser().is_absolute() for path in paths)
