"""Scenes in time: poses that agree with depth, parts of a clip, edits, shutters, lights, and what mirrors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scene_kit import CPU, SIZE, drawn_scene, made_scene, paint
from slow_rays import Array, of, slow_depth

from flashdepth_vfx.training.scenes import Clip, Scene, draw_scenes, render, spliced
from flashdepth_vfx.training.scenes.draw import MIRROR
from flashdepth_vfx.training.scenes.parts import IDENTITY, box, cutout, ellipsoid
from flashdepth_vfx.training.scenes.stage import STILL, Motion


def _in_the_next_frame(clip: Clip, which: int) -> tuple[Array, Array, Array]:
    """Where the first frame's pixels are in the second, by its depth and both poses: row, column, depth, flat."""
    height, width = SIZE
    rows, columns = (axis.ravel() for axis in np.indices(SIZE))
    focal = float(clip.focal_px[which])
    across, up = (columns + 0.5 - width / 2) / focal, -(rows + 0.5 - height / 2) / focal
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = 100.0 / of(clip.disparity_100_per_m[which, 0]).ravel()
        local = np.stack([across, up, np.ones_like(across)], -1) * depth[:, None]
        turn, eye = of(clip.eye_turn[which]), of(clip.eye_m[which])
        x, y, z = ((local @ turn[0].T + eye[0] - eye[1]) @ turn[1]).T
        return -y / z * focal + height / 2 - 0.5, x / z * focal + width / 2 - 0.5, z


@pytest.mark.parametrize("shutter", [0.0, 0.8])
def test_depth_and_pose_put_what_is_still_where_the_next_frame_has_it(shutter: float) -> None:
    scene = drawn_scene(range(300, 310), frames=2, stride=4)
    clip = render(scene, *SIZE, shutter=torch.full((10,), shutter))
    # the slow ray cast looks from the clip's own cameras, at the middle of the exposure
    filmed = dataclasses.replace(
        scene, eye_m=clip.eye_m, eye_turn=clip.eye_turn, began=torch.full((10,), 0.5 * shutter)
    )
    ratios, steps = [], []
    for which in range(10):
        row, column, z = _in_the_next_frame(clip, which)
        still = clip.still[which, 0].flatten().numpy() & np.isfinite(z) & (z > 0.1)
        inside = still & (row > -0.5) & (row < SIZE[0] - 0.5)
        inside &= (column > -0.5) & (column < SIZE[1] - 0.5)
        found = slow_depth(filmed, which, 1, (row[inside], column[inside]), SIZE)
        ratios.append(found / z[inside])
        steps.append(float((clip.eye_m[which, 1] - clip.eye_m[which, 0]).norm()))
    assert np.mean(np.array(steps) > 0.02) > 0.5, "cameras that stand still prove nothing"
    ratio = np.concatenate(ratios)
    assert len(ratio) > 4000
    # what was seen is there, or something nearer has come before it
    assert (ratio < 1.002).mean() > 0.998
    assert (np.abs(ratio - 1.0) < 0.002).mean() > 0.9


def test_still_is_what_does_not_move_by_itself() -> None:
    far = box((0.0, 0.0, 14.0), (500.0, 500.0, 4.0), paint())
    ball = ellipsoid((0.0, 0.0, 5.0), (1.0, 1.0, 1.0), paint())
    drift = Motion(np.array([0.1, 0.0, 0.0]), 0.0, np.zeros(3))
    spin = Motion(np.zeros(3), 0.1, np.zeros(3))
    for motion, moves in ((STILL, False), (drift, True), (spin, True)):
        clip = render(made_scene([far, ball], motions=[STILL, motion]), *SIZE)
        on_ball = clip.disparity_100_per_m > 15.0
        assert 0 < int(on_ball.sum()) < on_ball.numel() / 2
        assert torch.equal(clip.still, ~on_ball if moves else torch.ones_like(on_ball))
    assert bool(render(made_scene([]), *SIZE).still.all()), "the sky does not move"


def test_with_a_stride_a_camera_takes_longer_steps_on_the_same_path() -> None:
    single, triple = draw_scenes(range(12), 6), draw_scenes(range(12), 2, stride=3)
    # a camera that goes farther may pass through more, and then other things are left out
    same = [
        which
        for which in range(12)
        if np.array_equal(single["centre_m"][which], triple["centre_m"][which])
    ]
    assert len(same) >= 10
    long, short = (
        render(Scene.from_arrays({n: a[same] for n, a in arrays.items()}, CPU), 12, 16)
        for arrays in (triple, single)
    )
    assert np.allclose(triple["eye_m"][same], single["eye_m"][same][:, ::3], atol=1e-5)
    close = torch.isclose(long.disparity_100_per_m, short.disparity_100_per_m[:, ::3], rtol=1e-3)
    assert float(close.float().mean()) > 0.998


def test_a_longer_clip_begins_as_a_shorter_one() -> None:
    short, long = draw_scenes(range(20, 28), 2), draw_scenes(range(20, 28), 4)
    assert np.array_equal(short["eye_m"], long["eye_m"][:, :3])
    assert short["eye_m"].shape[1] == 3, "one pose more than frames"


def test_a_part_of_a_clip_is_that_part() -> None:
    scene = drawn_scene(range(40, 46), frames=4, stride=2)
    size = (12, 16)
    assert int(scene.moves.any(1).sum()) >= 2
    shutter = torch.tensor([0.0, 0.5, 0.0, 0.9, 0.0, 0.0])
    light = torch.linspace(-0.5, 0.5, 24).view(6, 4)
    whole = render(scene, *size, shutter=shutter, light_stops=light)
    part = render(scene.part(1, 3), *size, shutter=shutter, light_stops=light[:, 1:3])
    assert part.slot.shape == (6, 2, *size)
    for field in dataclasses.fields(Clip):
        given, wanted = getattr(part, field.name), getattr(whole, field.name)
        wanted = wanted if field.name == "focal_px" else wanted[:, 1:3]
        near = torch.isclose(given.float(), wanted.float(), rtol=1e-3, atol=1e-4)
        assert float(near.float().mean()) > 0.999, field.name
    again = render(scene.part(1, 4).part(1, 3), *size)
    assert torch.equal(
        again.disparity_100_per_m, render(scene.part(2, 4), *size).disparity_100_per_m
    )


def test_an_edit_shows_one_scene_before_the_cut_and_the_other_from_it_on() -> None:
    first, second = (render(drawn_scene(seeds, frames=3), 8, 8) for seeds in ([1, 2], [3, 4]))
    cut = spliced(first, second, torch.tensor([1, 3]))
    for field in dataclasses.fields(Clip):
        joined, one, two = (getattr(clip, field.name) for clip in (cut, first, second))
        if field.name == "focal_px":
            assert torch.equal(joined, one)
            continue
        assert joined.dtype == one.dtype
        assert torch.equal(joined[0, :1], one[0, :1])
        assert torch.equal(joined[0, 1:], two[0, 1:])
        assert torch.equal(joined[1], one[1]), "a cut after the last frame is none"


def _passing_ball(frames: int = 2) -> Scene:
    far = box((0.0, 0.0, 24.0), (500.0, 500.0, 4.0), paint((0.1, 0.1, 0.1)))
    ball = ellipsoid((-1.5, 0.0, 5.0), (1.0, 1.0, 1.0), paint((0.9, 0.2, 0.1)))
    motion = Motion(np.array([1.5, 0.0, 0.0]), 0.0, np.zeros(3))
    return made_scene([far, ball], frames, motions=[STILL, motion])


def test_a_shutter_that_is_closed_at_once_takes_one_sample() -> None:
    scene = _passing_ball()
    one, two = render(scene, *SIZE), render(scene, *SIZE, shutter=torch.zeros(1))
    for field in dataclasses.fields(Clip):
        assert torch.equal(getattr(one, field.name), getattr(two, field.name))


def test_an_open_shutter_gathers_light_and_never_depth() -> None:
    scene, shutter = _passing_ball(), 0.6
    blurred = render(scene, *SIZE, shutter=torch.tensor([shutter]))

    def at(time: float) -> Clip:
        return render(dataclasses.replace(scene, began=torch.tensor([time])), *SIZE)

    middle = at(0.5 * shutter)
    assert torch.equal(blurred.disparity_100_per_m, middle.disparity_100_per_m)
    assert torch.equal(blurred.slot, middle.slot)
    light = torch.stack([at(shutter * part).rgb_linear for part in (0, 0.25, 0.5, 0.75, 1)])
    assert torch.allclose(blurred.rgb_linear, light.mean(0), atol=1e-5)
    assert float((blurred.rgb_linear - middle.rgb_linear).abs().max()) > 0.1


def test_only_the_clips_whose_shutter_is_open_are_blurred() -> None:
    scene = drawn_scene(range(4), frames=2)
    sharp = render(scene, 12, 16)
    some = render(scene, 12, 16, shutter=torch.tensor([0.0, 0.9, 0.0, 0.9]))
    for which, blurred in enumerate([False, True, False, True]):
        same = torch.allclose(some.rgb_linear[which], sharp.rgb_linear[which], atol=1e-5)
        assert same is not blurred


def test_the_camera_of_an_exposure_is_that_of_its_middle() -> None:
    scene = drawn_scene(range(6), frames=3)
    poses = scene.eye_m
    clip = render(scene, 8, 8, shutter=torch.ones(6))
    # on the last frame too: there is one pose more than frames
    assert torch.allclose(clip.eye_m, 0.5 * (poses[:, 1:] + poses[:, :-1]), atol=1e-6)
    turn = clip.eye_turn
    assert torch.allclose(turn @ turn.mT, torch.eye(3).expand_as(turn), atol=1e-5)
    closed = render(scene, 8, 8)
    assert torch.equal(closed.eye_m, poses[:, :-1])
    assert torch.equal(closed.eye_turn, scene.eye_turn[:, :-1])
    assert torch.equal(closed.focal_px, scene.focal_ratio * 8)


def test_lights_brighten_the_frame_that_they_are_told_to_and_no_depth() -> None:
    scene = dataclasses.replace(_passing_ball(), velocity_m=torch.zeros(1, 144, 3))
    plain = render(scene, *SIZE)
    lit = render(scene, *SIZE, light_stops=torch.tensor([[0.0, 2.0]]))
    assert torch.equal(lit.disparity_100_per_m, plain.disparity_100_per_m)
    assert torch.equal(lit.rgb_linear[:, 0], plain.rgb_linear[:, 0])
    # lamps give all of it, and half of what comes from everywhere
    by_hand = dataclasses.replace(
        scene, light_colour=scene.light_colour * 4.0, ambient=scene.ambient * 2.0
    )
    wanted = render(by_hand, *SIZE).rgb_linear[:, 1]
    assert torch.allclose(lit.rgb_linear[:, 1], wanted, rtol=1e-5)
    assert float((wanted / plain.rgb_linear[:, 1]).min()) > 1.9


def test_a_mirror_has_the_depth_of_its_own_flat_and_shows_what_is_elsewhere() -> None:
    glass = cutout((0.0, 0.0, 5.0), (9.0, 9.0), paint((0.0, 0.0, 0.0), 1.0), IDENTITY, (0, 1, 0))
    behind = ellipsoid((0.0, 0.0, -8.0), (3.0, 3.0, 3.0), paint((0.9, 0.0, 0.0)))
    clip = render(made_scene([glass, behind]), *SIZE)
    assert torch.allclose(clip.disparity_100_per_m, torch.tensor(20.0), rtol=1e-5)
    red, green, blue = clip.rgb_linear[0, 0, :, 11:13, 15:17].mean((1, 2))
    assert float(red) > 4.0 * max(float(green), float(blue))
    _, rim_green, _ = clip.rgb_linear[0, 0, :, 0, 0]
    assert float(rim_green) == pytest.approx(0.4, abs=0.01), "the sky"


def test_what_mirrors_in_a_drawn_scene_changes_its_colour_and_no_depth() -> None:
    scene = drawn_scene(range(4))
    surface = scene.surface.clone()
    surface[..., MIRROR] = 0.9
    plain, mirrored = (
        render(scene, *SIZE),
        render(dataclasses.replace(scene, surface=surface), *SIZE),
    )
    assert torch.equal(plain.disparity_100_per_m, mirrored.disparity_100_per_m)
    assert float((plain.rgb_linear - mirrored.rgb_linear).abs().mean()) > 0.02
