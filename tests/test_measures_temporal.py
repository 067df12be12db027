"""Steadiness: cases by hand, planes from any camera, made scenes, and what does not count."""

from __future__ import annotations

import dataclasses
import math
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.measures.clip import Cameras, TruthClip
from flashdepth_vfx.measures.temporal import (
    flicker,
    follow,
    temporal_alignment_error,
)
from flashdepth_vfx.training.scenes import Scene, draw_scenes, render

_FRONT = torch.eye(3).expand(2, 3, 3)


def _clip(
    truth: Tensor, eye_m: Tensor, eye_turn: Tensor = _FRONT, focal_px: float = 8.0
) -> TruthClip:
    frames, height, width = truth.shape
    cameras = Cameras(eye_m, eye_turn[:1].expand(frames, 3, 3), torch.tensor(focal_px))
    if len(eye_turn) == frames:
        cameras = dataclasses.replace(cameras, eye_turn=eye_turn)
    still = torch.ones_like(truth, dtype=torch.bool)
    return TruthClip("case", torch.zeros(frames, 3, height, width), truth, cameras, still)


def _wall(*depth_m: float) -> Tensor:
    return torch.stack([torch.full((6, 8), 100.0 / depth) for depth in depth_m])


def _along(axis: int, *metres: float) -> Tensor:
    eye = torch.zeros(len(metres), 3)
    eye[:, axis] = torch.tensor(metres)
    return eye


def _both(predicted: Tensor, clip: TruthClip) -> tuple[float, float]:
    followed = follow(clip)
    return temporal_alignment_error(predicted, followed), flicker(predicted, followed)


def test_a_depth_that_does_not_notice_the_camera() -> None:
    # A wall at 10 m, the camera goes 1 m towards it. Who says 10 m twice is, moved, at 9 where it says 10, and back
    # at 11: 10 % both ways. Followed, 10/10 against 9/10.
    clip = _clip(_wall(10.0, 9.0), _along(2, 0.0, 1.0))
    error, unrest = _both(_wall(10.0, 10.0), clip)
    assert error == pytest.approx(10.0, abs=1e-4)
    assert unrest == pytest.approx(-100.0 * math.log(0.9), abs=1e-4)
    assert _both(clip.truth_100_per_m, clip) == pytest.approx((0.0, 0.0), abs=1e-4)


def test_a_scale_that_jitters() -> None:
    # A still camera, depth smaller by 1.05 in the second frame: 10 against 10 / 1.05 is 5 %, back it is 1 - 1 / 1.05
    clip = _clip(_wall(10.0, 10.0, 10.0), _along(2, 0.0, 0.0, 0.0))
    jitter = clip.truth_100_per_m * torch.tensor([1.0, 1.05, 1.0])[:, None, None]
    error, unrest = _both(jitter, clip)
    assert error == pytest.approx(100.0 * (0.05 + 0.05 / 1.05) / 2, abs=1e-4)
    assert unrest == pytest.approx(100.0 * math.log(1.05), abs=1e-4)


def test_pairs_weigh_the_same() -> None:
    # still, then a jump of a tenth: (0 + 0 + 0.1 + 0.1 / 1.1) / 4
    clip = _clip(_wall(10.0, 10.0, 10.0), _along(2, 0.0, 0.0, 0.0))
    error = temporal_alignment_error(_wall(10.0, 10.0, 10.0 / 1.1), follow(clip))
    assert error == pytest.approx(100.0 * (0.1 + 0.1 / 1.1) / 4, abs=1e-4)


def _turn(yaw: float, pitch: float, roll: float) -> Tensor:
    turn = torch.eye(3, dtype=torch.float64)
    for axis, angle in ((1, yaw), (0, pitch), (2, roll)):
        c, s = math.cos(angle), math.sin(angle)
        one, two = (axis + 1) % 3, (axis + 2) % 3
        step = torch.eye(3, dtype=torch.float64)
        step[one, one], step[one, two], step[two, one], step[two, two] = c, -s, s, c
        turn = turn @ step
    return turn


def _plane(eye_m: Tensor, eye_turn: Tensor, focal_px: float) -> Tensor:
    """Disparity of a slanted plane: of the points p with normal . p = 6, by the definition of a camera."""
    normal = torch.tensor([0.2, -0.3, 0.9], dtype=torch.float64)
    rays = torch.tensor(
        [
            [
                [(column + 0.5 - 8) / focal_px, (6 - row - 0.5) / focal_px, 1.0]
                for column in range(16)
            ]
            for row in range(12)
        ],
        dtype=torch.float64,
    )
    # along a ray, the world's point at depth z is eye + z * (turn @ ray)
    frames = zip(eye_m, eye_turn, strict=True)
    return torch.stack(
        [100.0 * (rays @ turn.mT @ normal) / (6.0 - normal @ eye) for eye, turn in frames]
    )


_angles = st.tuples(*[st.floats(-0.15, 0.15)] * 3)


@given(_angles, _angles, st.tuples(*[st.floats(-0.5, 0.5)] * 3))
def test_a_plane_is_steady_from_any_two_cameras(
    first: tuple[float, ...], second: tuple[float, ...], step: tuple[float, ...]
) -> None:
    eye_m = torch.tensor([(0.0, 0.0, 0.0), step], dtype=torch.float64)
    eye_turn = torch.stack([_turn(*first), _turn(*second)])
    truth = _plane(eye_m, eye_turn, 20.0)
    clip = _clip(truth, eye_m, eye_turn, focal_px=20.0)
    assert _both(truth, clip) == pytest.approx((0.0, 0.0), abs=1e-6)


@cache
def _made() -> list[TruthClip]:
    """Scenes with moving cameras, but for those that show nothing still twice, as a crowd before the sky."""
    arrays = draw_scenes(range(300, 310), 3, 4)
    made = render(Scene.from_arrays(arrays, torch.device("cpu")), 72, 96)
    clips = []
    for i, (rgb, truth) in enumerate(zip(made.rgb_linear, made.disparity_100_per_m, strict=True)):
        cameras = Cameras(made.eye_m[i], made.eye_turn[i], made.focal_px[i])
        clips.append(TruthClip(f"made-{i}", rgb, truth, cameras, made.still[i]))
    return [clip for clip in clips if follow(clip).has_still_points]


def test_the_truth_of_made_scenes_is_steady() -> None:
    assert len(_made()) >= 5
    for clip in _made():
        error, unrest = _both(clip.truth_100_per_m, clip)
        # what is left is curved surfaces, and edges of things less than 2 % apart
        assert error < 0.4
        assert unrest == pytest.approx(0.0, abs=1e-6)


def test_the_truth_is_not_steady_with_cameras_that_are_a_bit_off() -> None:
    right, wrong = [], []
    for clip in _made():
        assert clip.cameras is not None
        off = clip.cameras.eye_turn.clone()
        off[1] = off[1] @ _turn(0.0, 0.02, 0.0).float()
        turned = dataclasses.replace(clip, cameras=dataclasses.replace(clip.cameras, eye_turn=off))
        right.append(temporal_alignment_error(clip.truth_100_per_m, follow(clip)))
        wrong.append(temporal_alignment_error(clip.truth_100_per_m, follow(turned)))
    assert sum(wrong) > 5.0 * sum(right)


# A strip: a wall at 8 m, and before it, at 4 m, a thing two pixels wide. The camera goes 1 m to the right: the wall
# falls 1 pixel to the left, the thing 2. Of frame 0, pixel 0 leaves the frame and pixel 3 is hidden by the thing; in
# frame 1, pixel 4 was hidden by it and pixel 7 is new.
_STRIP = torch.full((2, 2, 8), 12.5)
_STRIP[0, :, 4:6] = _STRIP[1, :, 2:4] = 25.0


def _strip() -> TruthClip:
    return _clip(_STRIP.clone(), _along(0, 0.0, 1.0))


@pytest.mark.parametrize(("frame", "column"), [(0, 0), (0, 3), (1, 4), (1, 7)])
def test_what_one_frame_alone_sees_does_not_count(frame: int, column: int) -> None:
    predicted = _STRIP.clone()
    predicted[frame, :, column] = 50.0
    assert _both(predicted, _strip()) == pytest.approx((0.0, 0.0), abs=1e-6)


@pytest.mark.parametrize(("frame", "column"), [(0, 1), (0, 4), (0, 7), (1, 0), (1, 3), (1, 6)])
def test_what_both_frames_see_counts(frame: int, column: int) -> None:
    predicted = _STRIP.clone()
    predicted[frame, :, column] *= 1.1
    assert min(_both(predicted, _strip())) > 0.5


@pytest.mark.parametrize("frame", [0, 1])
@pytest.mark.parametrize("why", ["moves", "unknown", "sky", "far"])
def test_what_is_not_known_to_be_still_and_near_does_not_count(frame: int, why: str) -> None:
    clip = _strip()
    assert clip.still is not None
    # pixel 2 of frame 0 is pixel 1 of frame 1
    column, predicted = 2 - frame, _STRIP.clone()
    predicted[frame, :, column] *= 1.1
    if why == "moves":
        clip.still[frame, :, column] = False
    else:
        clip.truth_100_per_m[frame, :, column] = {"unknown": -1.0, "sky": 0.0, "far": 1.25}[why]
    assert _both(predicted, clip) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_where_nobody_knows_what_moves_depth_decides() -> None:
    clip = dataclasses.replace(_strip(), still=None)
    predicted = _STRIP.clone()
    predicted[0, :, 3] = 50.0
    assert _both(predicted, clip) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_points_that_a_prediction_puts_behind_the_camera_count() -> None:
    # half a metre away, and the camera goes one: -0.5 where it says 1, and back 2 where it says 0.5
    clip = _clip(_wall(10.0, 9.0), _along(2, 0.0, 1.0))
    error = temporal_alignment_error(_wall(0.5, 1.0), follow(clip))
    assert error == pytest.approx(100.0 * (1.5 + 3.0) / 2, abs=1e-3)


def test_points_that_a_prediction_puts_out_of_the_frame_count() -> None:
    # six pixels count each way. Pixel 1 of frame 0 is at 2 m instead of 8 and falls at -3: pixel 0 of frame 1 is the
    # nearest and has 8, so 6 / 8. Back, pixel 0 falls on it: 6 / 2.
    predicted = _STRIP.clone()
    predicted[0, :, 1] = 50.0
    error = temporal_alignment_error(predicted, follow(_strip()))
    assert error == pytest.approx(100.0 * (6 / 8 + 6 / 2) / 6 / 2, abs=1e-3)


def test_what_cannot_be_followed_is_told() -> None:
    clip = _strip()
    photo = _clip(_STRIP[:1], _along(0, 0.0))
    blind = dataclasses.replace(clip, cameras=None)
    for bad, said in ((photo, "one frame"), (blind, "no cameras")):
        with pytest.raises(SettingsError, match=f"case: {said}"):
            follow(bad)
    crowd = follow(dataclasses.replace(clip, still=torch.zeros_like(_STRIP, dtype=torch.bool)))
    assert follow(clip).has_still_points
    assert not crowd.has_still_points
    for measure in (temporal_alignment_error, flicker):
        with pytest.raises(SettingsError, match="case: no still surface"):
            measure(clip.truth_100_per_m, crowd)
        with pytest.raises(ValueError, match="not the truth's"):
            measure(_STRIP[:, :1], follow(clip))


def test_one_following_serves_every_prediction() -> None:
    clip = _strip()
    followed = follow(clip)
    for scale in (1.0, 1.1, 3.0):
        predicted = _STRIP.clone()
        predicted[0] *= scale
        found = temporal_alignment_error(predicted, followed), flicker(predicted, followed)
        assert found == _both(predicted, clip)
