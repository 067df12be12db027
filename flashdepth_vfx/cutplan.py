"""What a render does about cuts, decided before its first pixel: none, those of a list, or those it finds."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from pathlib import Path

from flashdepth_vfx.cutlist import read_cuts
from flashdepth_vfx.cuts import DETECTOR, LOOK_AHEAD
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io.contract import PlateReader

__all__ = ["CutPlan", "cuts_at", "plan_cuts"]


@dataclass(frozen=True)
class CutPlan:
    """`seen` are all frames that the network may see, in order; `listed` those of them that begin a take,
    or None where pictures decide. `text` tells apart what decides otherwise. `watched` are the plates whose
    pictures decide, where those are another view's.
    """

    seen: tuple[int, ...]
    listed: frozenset[int] | None
    text: str
    watched: PlateReader | None = None

    @property
    def from_pictures(self) -> bool:
        """Whether the render looks for cuts itself."""
        return self.listed is None

    def parts(self, frame: int) -> bool:
        """Whether a take is known to begin at `frame`: nothing before it is its past."""
        return self.listed is not None and frame in self.listed

    def head_of_take(self, frame: int) -> int | None:
        """The last frame, up to `frame`, where a take is known to begin; None where none is."""
        return max((cut for cut in self.listed or () if cut <= frame), default=None)

    def deciding_after(self, frame: int) -> tuple[int, ...]:
        """The frames after `frame` that have a say in whether it begins a take."""
        if not self.from_pictures:
            return ()
        at = bisect_right(self.seen, frame)
        return self.seen[at : at + LOOK_AHEAD]

    def stamp(self, reader: PlateReader, frame: int) -> str:
        """The version of the plate of `frame`, and of those after it that decide about it."""
        own = reader.stamp(frame)
        if reader.sequential:
            return own
        deciding = reader if self.watched is None else self.watched
        stamps = [deciding.stamp(later) for later in self.deciding_after(frame)]
        if self.watched is not None:
            stamps.append(self.watched.stamp(frame))
        return "+".join((own, *stamps))


def plan_cuts(
    asked: str | None,
    reader: PlateReader,
    *,
    sparse: FrameRange | None = None,
    waits_for: int | None = None,
) -> CutPlan:
    """`asked` is none, auto or a file; None is auto for a movie and none for a sequence.

    `sparse` are the only frames that the network may see, None for all; `waits_for` is the frame that a
    state given waits for: plates before it may be gone. Raises as `read_cuts` does.
    """
    seen = reader.frames
    if sparse is not None:
        seen = tuple(frame for frame in seen if frame in sparse)
    if asked is None:
        asked = "auto" if reader.sequential else "none"
    if asked == "auto":
        return CutPlan(seen, None, DETECTOR)
    if asked == "none":
        return CutPlan(seen, frozenset(), "none")
    cuts = read_cuts(Path(asked).expanduser(), reader.frames[0], reader.frames[-1])
    return cuts_at(cuts, seen, reader.frames[0] if waits_for is None else waits_for - 1)


def cuts_at(cuts: tuple[int, ...], seen: tuple[int, ...], head: int) -> CutPlan:
    """The plan of a list: `seen` are all frames that the network may see; the first take began by `head`."""
    # Which takes there are is in the past of each frame: a longer list makes no frame of the others stale.
    text = "listed" if cuts else "none"
    # A take that begins in a hole is met at the first frame after it.
    places = (bisect_left(seen, cut) for cut in cuts if cut > head)
    return CutPlan(seen, frozenset(seen[p] for p in places if p < len(seen)), text)
