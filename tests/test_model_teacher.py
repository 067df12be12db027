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


HYBRID_TEACHER = ModelConfig.preset("nano-hybrid").teacher


@pytest.mark.parametrize(
    ("height", "width", "short", "by_height"),
    [
        (384, 640, (192, 320), (192, 320)),
        (640, 384, (320, 192), (192, 128)),  # 115.2 is nearer to 128 than to 96
        (224, 384, (192, 320), (192, 320)),  # 329.1
        (288, 512, (192, 352), (192, 352)),  # 341.3
        (512, 512, (192, 192), (192, 192)),
        (1088, 1920, (192, 352), (192, 352)),  # 338.8
        (256, 448, (192, 352), (192, 352)),  # 336, half way: the larger
        (192, 2048, (192, 2048), (192, 2048)),
        (128, 224, (128, 224), (128, 224)),
        (2048, 64, (2048, 64), (192, 32)),  # by height 6 px are left: one stride
    ],
)
def test_a_pyramid_sees_the_nearest_multiple_of_its_stride(
    height: int, width: int, short: tuple[int, int], by_height: tuple[int, int]
) -> None:
    assert HYBRID_TEACHER is not None
    assert HYBRID_TEACHER.side_px == 192
    by_rule = dataclasses.replace(HYBRID_TEACHER, side="height")
    assert teacher_size(HYBRID_TEACHER, height, width) == short
    assert teacher_size(by_rule, height, width) == by_height


@pytest.mark.parametrize("side", [160, 192, 224])
def test_a_pyramid_s_frame_is_whole_strides_near_its_shape(side: int) -> None:
    assert HYBRID_TEACHER is not None
    teacher = dataclasses.replace(HYBRID_TEACHER, side_px=side)
    for height in range(32, 800, 32):
        for width in range(32, 1400, 96):
            seen = teacher_size(teacher, height, width)
            assert all(length % 32 == 0 and length >= 32 for length in seen)
            assert min(seen) <= side
            scale = min(side / min(height, width), 1.0)
            assert abs(seen[0] - height * scale) <= 16
            assert abs(seen[1] - width * scale) <= 16


def test_a_small_frame_is_made_whole_for_the_teacher_s_own_patches() -> None:
    """Its encoder may take other multiples than its student's."""
    assert FULL_TEACHER is not None
    assert HYBRID_TEACHER is not None
    assert teacher_size(FULL_TEACHER, 96, 160) == (98, 154)
    assert teacher_size(HYBRID_TEACHER, 70, 98) == (64, 96)


def test_the_teacher_s_rule_reaches_the_network() -> None:
    frame = tiny.frame(168, 112)
    with torch.inference_mode():
        by_short, _ = tiny.net("full", side="short")(frame)
        by_height, _ = tiny.net("full", side="height")(frame)
    assert not torch.equal(by_short, by_height)
