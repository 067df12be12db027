"""The size at which the teacher sees a frame: by its short side, or by the research code's rule."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from golden import tiny

from flashdepth_vfx.model import ModelConfig
from flashdepth_vfx.model.config import TeacherConfig
from flashdepth_vfx.model.fusion import teacher_size

FULL_TEACHER = ModelConfig.preset("full").teacher


@pytest.mark.parametrize(
    ("height", "width", "short", "by_height"),
    [
        (1148, 2044, (490, 868), (490, 868)),
        (1092, 1932, (490, 854), (490, 854)),
        (504, 644, (490, 616), (490, 616)),
        (700, 700, (490, 476), (490, 476)),  # exact arithmetic would give 490
        (490, 2044, (490, 2044), (490, 2044)),
        (280, 364, (280, 364), (280, 364)),
        (2044, 1148, (868, 490), (490, 266)),
        (644, 280, (644, 280), (490, 210)),
        (2800, 70, (2800, 70), (490, 14)),  # by height not even one patch is left
    ],
)
def test_teacher_size(
    height: int, width: int, short: tuple[int, int], by_height: tuple[int, int]
) -> None:
    assert FULL_TEACHER is not None
    assert FULL_TEACHER.side == "short"
    research: TeacherConfig = dataclasses.replace(FULL_TEACHER, side="height")
    assert teacher_size(FULL_TEACHER, height, width) == short
    assert teacher_size(research, height, width) == by_height


def test_the_teacher_s_rule_reaches_the_network() -> None:
    frame = tiny.frame(168, 112)
    with torch.inference_mode():
        by_short, _ = tiny.net("full", side="short")(frame)
        by_height, _ = tiny.net("full", side="height")(frame)
    assert not torch.equal(by_short, by_height)
