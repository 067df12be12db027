"""What was there before a render: the state that it is given, and what was decided for all tasks of the shot."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from flashdepth_vfx.decided import Decided
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.model.attention import Choice, choice_in
from flashdepth_vfx.resume import state_given
from flashdepth_vfx.shotfolder import ShotFolder
from flashdepth_vfx.state import ShotIdentity, ShotState

__all__ = ["Before"]


@dataclass(frozen=True)
class Before:
    """`given` by --state-in; `decided` by `flashdepth decide`."""

    given: ShotState | None
    decided: Decided | None

    @classmethod
    def of(cls, job: RenderJob, plates: PlateReader, folder: ShotFolder) -> Before:
        """What the job names. Raises as `state_given` and `Decided.load` do."""
        return cls(state_given(job, plates), Decided.load(folder) if job.decided else None)

    @property
    def settled(self) -> ShotIdentity | None:
        """What no plate has a say in any more."""
        known = self.decided or self.given
        return None if known is None else known.identity

    def attention(self, folder: ShotFolder) -> Choice:
        """What an earlier part of this shot ran, so that this one rounds as it did."""
        earlier = self.settled
        if earlier is None and (state := next(folder.states(sys.maxsize, []), None)):
            earlier = state.identity
        return {} if earlier is None else choice_in(earlier.kernels)
