"""A clip's judge: the measures by themselves, what cannot be measured, and what is found once for all predictions."""

from __future__ import annotations

import dataclasses

import torch

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.evaluation.judge import Judge
from flashdepth_vfx.evaluation.report import Measures
from flashdepth_vfx.measures.baselines import vertical_ramp
from flashdepth_vfx.measures.boundary import boundary_f1
from flashdepth_vfx.measures.clip import TruthClip
from flashdepth_vfx.measures.metrics import accuracy, aligned
from flashdepth_vfx.measures.temporal import flicker, follow, temporal_alignment_error
from flashdepth_vfx.training.made import made_clips


def test_a_judge_gives_what_each_measure_gives_by_itself() -> None:
    (clip,) = made_clips(1, 1, 3, 32, 48, flicker=0.0)
    judge, truth = Judge(clip), clip.truth_100_per_m
    noise = torch.rand(truth.shape, generator=torch.Generator().manual_seed(0))
    for predicted in (vertical_ramp(clip.rgb), noise, truth, -truth):
        right, fitted = accuracy(predicted, truth), aligned(predicted, truth)
        assert judge.measures(predicted) == Measures(
            delta1=right.delta1,
            abs_rel=right.abs_rel,
            rank=right.rank,
            boundary_f1=boundary_f1(fitted, truth),
            tae=temporal_alignment_error(fitted, follow(clip)),
            flicker=flicker(fitted, follow(clip)),
        )


def test_points_are_followed_once() -> None:
    (clip,) = made_clips(1, 1, 2, 32, 48, flicker=0.0)
    judge = Judge(clip)
    assert judge.followed is not None
    assert judge.followed is judge.followed


def test_where_all_moves_there_is_accuracy_and_no_steadiness() -> None:
    (clip,) = made_clips(1, 1, 3, 32, 48, flicker=0.0)
    assert clip.still is not None
    crowd = dataclasses.replace(clip, still=torch.zeros_like(clip.still))
    measures, all_of_it = Judge(crowd).constant(), Judge(clip).constant()
    assert isinstance(measures, Measures)
    assert isinstance(all_of_it, Measures)
    assert None not in dataclasses.astuple(all_of_it)
    assert measures == dataclasses.replace(all_of_it, tae=None, flicker=None)


def test_a_clip_of_sky_shows_nothing_to_measure() -> None:
    sky = TruthClip("sky", torch.rand(2, 3, 32, 32), torch.zeros(2, 32, 32))
    assert isinstance(Judge(sky).constant(), SettingsError)
