"""Error before and after: by the evaluation's own measures, in means that nothing weighs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from flashdepth_vfx.measures.baselines import constant, vertical_ramp
from flashdepth_vfx.measures.clip import TruthClip
from flashdepth_vfx.measures.metrics import accuracy
from flashdepth_vfx.training.studio import HELD_OUT_SHOTS, MADE_SCENES, errors


def clip(name: str, frames: int, tilt: float) -> TruthClip:
    """A ground that is nearer at the bottom, more so with `tilt`, and less so at the right."""
    rows = torch.linspace(0.0, 1.0, 8)[:, None] * tilt
    truth = 10.0 + rows * torch.linspace(1.0, 0.5, 12)
    return TruthClip(name, torch.rand(frames, 3, 8, 12), truth.expand(frames, 8, 12).clone())


def test_rows_are_those_of_the_evaluation() -> None:
    shots, made = [clip("a", 2, 20.0), clip("b", 6, 80.0)], [clip("m", 1, 5.0)]
    rows = errors(shots, made, {"constant": constant, "ramp": vertical_ramp})
    found = {(row.held_out, row.predictor): row for row in rows}
    assert len(found) == len(rows) == 8
    for shot in shots:
        expected = accuracy(vertical_ramp(shot.rgb), shot.truth_100_per_m)
        row = found[shot.name, "ramp"]
        assert (row.delta1, row.abs_rel, row.rank) == dataclasses.astuple(expected)
    mean = found[HELD_OUT_SHOTS, "constant"]
    each = [found[shot.name, "constant"].abs_rel for shot in shots]
    assert each[0] != pytest.approx(each[1])
    assert mean.abs_rel == pytest.approx(sum(each) / 2), "however long the shots are"
    assert (mean.clips, found[MADE_SCENES, "ramp"].clips) == (2, 1)


def test_clips_are_seen_one_at_a_time() -> None:
    seen: list[str] = []

    def stream() -> Iterator[TruthClip]:
        for name in ("a", "b"):
            seen.append(f"open {name}")
            yield clip(name, 1, 20.0)

    def predict(rgb: Tensor) -> Tensor:
        seen.append("predict")
        return vertical_ramp(rgb)

    errors(stream(), [], {"one": predict, "two": predict})
    assert seen == ["open a", "predict", "predict", "open b", "predict", "predict"]


def test_what_is_all_far_or_unknown_is_left_out() -> None:
    far = dataclasses.replace(clip("far", 1, 1.0), truth_100_per_m=torch.full((1, 8, 12), 0.5))
    unknown = dataclasses.replace(far, name="unknown", truth_100_per_m=torch.full((1, 8, 12), -1.0))
    rows = errors([far, clip("a", 1, 20.0), unknown], [far], {"ramp": vertical_ramp})
    assert [(row.held_out, row.clips) for row in rows] == [("a", 1), (HELD_OUT_SHOTS, 1)]
