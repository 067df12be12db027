"""Which frames a job passes through, from where its state begins to the last one it writes."""

from __future__ import annotations

from bisect import bisect_left

from flashdepth_vfx.cutplan import CutPlan
from flashdepth_vfx.errors import FrameRangeError
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.schedule import Step, plan_steps
from flashdepth_vfx.state import ShotState

__all__ = ["steps_of"]


def steps_of(
    job: RenderJob, reader: PlateReader, given: ShotState | None, cuts: CutPlan
) -> tuple[Step, ...]:
    """The schedule of a job, after the state that it was `given`.

    Raises `FrameRangeError` for a range that lies before or after all plates, and as `plan_steps` does.
    """
    wanted, first, last = job.frame_range, reader.frames[0], reader.frames[-1]
    if wanted is not None and (wanted.frames[-1] < first or wanted.frames[0] > last):
        raise FrameRangeError(str(wanted), f"{reader.name} holds {first}-{last}")
    return plan_steps(
        reader,
        wanted,
        job.settings.missing,
        sparse=job.settings.sparse,
        first_frame=_begin(job, reader, cuts) if given is None else given.next_frame,
    )


def _begin(job: RenderJob, reader: PlateReader, cuts: CutPlan) -> int | None:
    """Where the state begins: at the head of the shot (None), where a take is known to, or so many frames before."""
    wanted = job.frame_range
    if wanted is None or job.settings.sparse:
        return None
    head = cuts.head_of_take(wanted.frames[0])
    if job.preroll_frames is None:
        return head
    place = bisect_left(reader.frames, wanted.frames[0]) - job.preroll_frames
    begin = reader.frames[max(0, place)]
    return begin if head is None else max(begin, head)
