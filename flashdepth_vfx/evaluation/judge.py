"""What predictions of one clip are worth: what its truth alone decides is found once for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.evaluation.report import Measures
from flashdepth_vfx.measures.baselines import constant
from flashdepth_vfx.measures.boundary import boundary_f1
from flashdepth_vfx.measures.clip import TruthClip
from flashdepth_vfx.measures.metrics import accuracy_once_aligned, aligned
from flashdepth_vfx.measures.temporal import (
    Followed,
    flicker,
    follow,
    temporal_alignment_error,
)

__all__ = ["Judge"]


@dataclass(frozen=True)
class Judge:
    """Of one clip. It keeps no prediction."""

    clip: TruthClip

    @cached_property
    def followed(self) -> Followed | None:
        """None where nothing can be followed: without cameras, in one frame, or where all that is near moves."""
        clip = self.clip
        if clip.cameras is None or len(clip.truth_100_per_m) < 2:
            return None
        followed = follow(clip)
        return followed if followed.has_still_points else None

    def measures(self, predicted: Tensor) -> Measures:
        """Of one prediction `(T, H, W)`; steadiness is None where nothing can be followed.

        Raises `SettingsError` where the truth has nothing to measure, or the prediction is not finite.
        """
        truth = self.clip.truth_100_per_m
        exact = aligned(predicted.double(), truth)
        right = accuracy_once_aligned(predicted, exact, truth)
        fitted, followed = exact.to(predicted.dtype), self.followed
        return Measures(
            delta1=right.delta1,
            abs_rel=right.abs_rel,
            rank=right.rank,
            boundary_f1=boundary_f1(fitted, truth),
            tae=None if followed is None else temporal_alignment_error(fitted, followed),
            flicker=None if followed is None else flicker(fitted, followed),
        )

    def constant(self) -> Measures | SettingsError:
        """Those of the constant, or why this clip shows nothing to measure: all of it is sky, or unknown.

        Asked of the constant, whose numbers are sound: a model's own failure is no reason to leave a clip out.
        """
        try:
            return self.measures(constant(self.clip.rgb))
        except SettingsError as error:
            return error
