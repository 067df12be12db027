"""Depth is exact: every pixel of the renderer against a slow ray cast in float64."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scene_kit import SIZE, drawn_scene, made_scene, paint
from slow_rays import slow_depth

from flashdepth_vfx.training.scenes import Scene, draw_scene, render
from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.layouts import LAYOUTS
from flashdepth_vfx.training.scenes.parts import Part, box, cutout, ellipsoid, rotation
from flashdepth_vfx.training.scenes.solids import Kind
from flashdepth_vfx.training.scenes.stage import STILL, Motion, Stage
from flashdepth_vfx.training.scenes.textures import Mask

#: On an edge float32 and float64 may fall on either side: there, the depth a hair beside the pixel counts too.
_BESIDE_PX = ((0.0, 0.0), (0.02, 0.0), (-0.02, 0.0), (0.0, 0.02), (0.0, -0.02))


def wrong_pixels(scene: Scene, frame: int) -> int:
    """How many pixels have a disparity that no ray through them has, to a thousandth."""
    fast = render(scene, *SIZE).disparity_100_per_m[:, frame].double().numpy()
    rows, columns = (axis.ravel().astype(np.float64) for axis in np.indices(SIZE))
    wrong = 0
    for which in range(scene.batch):
        given, left = fast[which].ravel(), np.arange(rows.size)
        for down, across in _BESIDE_PX:
            place = (rows[left] + down, columns[left] + across)
            slow = 100.0 / slow_depth(scene, which, frame, place, SIZE)
            left = left[np.abs(given[left] - slow) > 1e-3 * slow + 1e-6]
        wrong += len(left)
    return wrong


@pytest.mark.parametrize("layout", [layout for layout, _ in LAYOUTS], ids=lambda f: f.__name__)
def test_every_pixel_of_a_layout_equals_a_slow_ray_cast(
    layout: Callable[[Draw], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw_scene, "LAYOUTS", ((layout, 1.0),))
    # a stride of 5: by the second picture, what moves has moved
    scene = drawn_scene(range(6), frames=2, stride=5)
    seen = render(scene, *SIZE)
    assert len(set(seen.slot.flatten().tolist())) > 15
    assert [wrong_pixels(scene, frame) for frame in (0, 1)] == [0, 0]


def _any_part(draw: Draw, kind: Kind, mask: Mask = Mask.FULL) -> Part:
    """Somewhere before the camera, some of it across the edge of the frame."""
    far = draw.between(1.0, 8.0)
    place = np.array([draw.between(-far, far), draw.between(-far, far), far])
    half = far * np.array([draw.between(0.1, 0.5) for _ in range(3)])
    if kind is Kind.CUTOUT:
        numbers = (int(mask), draw.count(2, 9), draw.count(0, 1 << 20))
        return cutout(place, (half[0], half[1]), paint(), draw.any_rotation(), numbers)
    return Part(kind, place, half, draw.any_rotation(), paint())


def _any_motion(draw: Draw) -> Motion:
    return Motion(draw.rng.normal(size=3) * 0.2, draw.normal(0.3), draw.rng.normal(size=3))


@pytest.mark.parametrize("kind", Kind)
def test_solids_anyhow_placed_moved_and_turned_equal_a_slow_ray_cast(kind: Kind) -> None:
    draw = Draw(np.random.default_rng(int(kind)))
    parts = [_any_part(draw, kind) for _ in range(20)]
    scene = made_scene(parts, frames=3, motions=[_any_motion(draw) for _ in parts])
    assert float((render(scene, *SIZE).slot >= 0).float().mean()) > 0.2
    assert [wrong_pixels(scene, frame) for frame in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("mask", Mask)
def test_a_cut_out_is_there_where_its_mask_says(mask: Mask) -> None:
    draw = Draw(np.random.default_rng(int(mask)))
    numbers = [(int(mask), cells, salt) for cells, salt in ((3, 5), (4, 900), (7, 1 << 19))]
    flats = [
        cutout((0.3 * n, 0.0, 1.0 + n), (0.9, 0.7), paint(), rotation(0.2 * n, 0.1, 0.3), cut)
        for n, cut in enumerate(numbers)
    ]
    scene = made_scene([*flats, *(_any_part(draw, Kind.CUTOUT, mask) for _ in range(8))])
    seen = float((render(scene, *SIZE).slot >= 0).float().mean())
    assert seen > 0.05
    assert wrong_pixels(scene, 0) == 0
    if mask is not Mask.FULL:
        whole = dataclasses.replace(scene, mask=torch.zeros_like(scene.mask))
        assert seen < float((render(whole, *SIZE).slot >= 0).float().mean())


@pytest.mark.parametrize("open_top", [0.0, 1.0])
def test_the_inside_of_a_room_equals_a_slow_ray_cast(open_top: float) -> None:
    draw = Draw(np.random.default_rng(3))
    room = made_scene([], room_half_m=(2.0, 3.0, 4.0))
    rooms = [
        dataclasses.replace(
            room,
            eye_m=torch.tensor([draw.between(-1.9, 1.9), draw.between(0.1, 2.9), 0.5]).expand(
                1, 2, 3
            ),
            eye_turn=torch.from_numpy(draw.any_rotation()).float().expand(1, 2, 3, 3),
            open_top=torch.tensor([open_top]),
        )
        for _ in range(12)
    ]
    assert [wrong_pixels(one, 0) for one in rooms] == [0] * 12
    sky = [bool((render(one, *SIZE).slot == -1).any()) for one in rooms]
    assert any(sky) == bool(open_top)


def test_the_ground_reaches_to_where_it_is_sky() -> None:
    eye = torch.tensor([0.0, 1.6, 0.0]).expand(1, 2, 3)
    for tilt in (0.0, 0.05):
        plane = torch.tensor([[-np.sin(tilt), np.cos(tilt), 0.0, 0.0]], dtype=torch.float32)
        field = dataclasses.replace(
            made_scene([]), eye_m=eye, ground=plane, ground_seen=torch.ones(1)
        )
        assert wrong_pixels(field, 0) == 0
        assert 0.3 < float((render(field, *SIZE).disparity_100_per_m > 0).float().mean()) < 0.7
    none = dataclasses.replace(field, ground_seen=torch.zeros(1))
    assert bool((render(none, *SIZE).disparity_100_per_m == 0).all())


def test_depth_is_along_the_axis_and_not_along_the_ray() -> None:
    wall = box((0.0, 0.0, 14.0), (500.0, 500.0, 4.0), paint())
    disparity = render(made_scene([wall]), *SIZE).disparity_100_per_m
    assert torch.allclose(disparity, torch.full_like(disparity, 10.0), rtol=1e-5)


@pytest.mark.parametrize("make", [box, ellipsoid])
def test_what_holds_the_camera_is_not_seen(make: Callable[..., Part]) -> None:
    behind = box((0.0, 0.0, 14.0), (500.0, 500.0, 4.0), paint())
    around = make((0.0, 0.0, 0.2), (1.0, 1.0, 1.0), paint())
    seen = render(made_scene([behind, around], motions=[STILL, STILL]), *SIZE)
    assert torch.allclose(seen.disparity_100_per_m, torch.tensor(10.0), rtol=1e-5)
