"""Normals: exact on planes up to their edges, facing the camera, and never smeared from one surface to another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from flashdepth_vfx.camera import FilmBack, normals_of, picture_shares, positions, slopes_at
from flashdepth_vfx.plate import Window

Doubles = NDArray[np.float64]
H, W = 40, 60
PICTURE = Window(0, 0, W, H)
RAYS = slopes_at(FilmBack(30, 36).frustum(PICTURE, 1.0), *picture_shares(PICTURE, PICTURE))


def plane(normal: tuple[float, float, float], away: float) -> Doubles:
    """Disparity of a plane that faces the camera by `normal`, and lies `away` before it along the axis."""
    n = np.array(normal) / np.linalg.norm(normal)
    x, y = RAYS
    return np.asarray(100.0 * (n[0] * x + n[1] * y - n[2]) / (-n[2] * away))


def found_in(disparity: Doubles) -> Doubles:
    disparity = disparity.astype(np.float32)
    known = disparity > 0
    distance = 100.0 / np.where(known, disparity, 1.0).astype(float)
    points = np.where(known[..., None], positions(RAYS, distance), 0.0)
    return normals_of(points, disparity)


def off_deg(found: Doubles, normal: tuple[float, float, float]) -> Doubles:
    wanted = np.array(normal) / np.linalg.norm(normal)
    return np.degrees(np.arccos(np.clip(found @ wanted, -1, 1)))


FRONT, LEFT, FLOOR = (0.0, 0.0, 1.0), (-0.6, 0.1, 1.0), (0.0, 1.0, 0.4)


@pytest.mark.parametrize("normal", [FRONT, LEFT, FLOOR, (0.3, -0.2, 0.9)])
def test_a_plane_s_normal_is_exact_to_the_picture_s_edge(
    normal: tuple[float, float, float],
) -> None:
    disparity = np.where(plane(normal, 5.0) > 0, plane(normal, 5.0), 0.0)
    found, known = found_in(disparity), disparity > 0
    # float32 disparity, and steps of a hundredth
    assert off_deg(found, normal)[known].max() < 0.1
    assert not found[~known].any()
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1)[known], 1.0, rtol=1e-12)


@pytest.mark.parametrize("away", [5.5, 8.0, 60.0])
def test_neither_side_of_a_depth_edge_takes_from_the_other(away: float) -> None:
    disparity = plane(LEFT, away)
    near = np.zeros((H, W), bool)
    near[10:30, 20:45] = True
    disparity[near] = plane(FLOOR, 2.0)[near]
    found = found_in(disparity)
    assert off_deg(found, FLOOR)[near].max() < 0.2
    assert off_deg(found, LEFT)[~near].max() < 0.2


def test_a_crease_belongs_to_the_one_plane_or_the_other() -> None:
    """A roof: two planes that meet without a step."""
    left, right = plane((-1.0, 0.0, 1.0), 4.0), plane((1.0, 0.0, 1.0), 4.0)
    found = found_in(np.minimum(left, right))
    is_left = left < right
    assert off_deg(found, (-1.0, 0.0, 1.0))[is_left].max() < 0.2
    assert off_deg(found, (1.0, 0.0, 1.0))[~is_left].max() < 0.2


def test_a_ball_s_normals_point_from_its_middle() -> None:
    x, y = RAYS
    middle, radius = np.array([0.2, -0.1, -4.0]), 1.2
    rays = np.stack(np.broadcast_arrays(x, y, -np.ones((H, W))), axis=-1)
    a, b = (rays**2).sum(-1), rays @ middle
    under = b**2 - a * (middle @ middle - radius**2)
    hit = under > 0
    distance = (b - np.sqrt(np.where(hit, under, 0))) / a
    found = found_in(np.where(hit, 100.0 / distance, 0.0))
    wanted = (rays * distance[..., None] - middle) / radius
    off = np.degrees(np.arccos(np.clip((found * wanted).sum(-1), -1, 1)))
    # at its rim, 20 pixels from its middle, the ball turns away within a pixel
    face = hit & (wanted[..., 2] > 0.75)
    assert np.median(off[face]) < 0.15
    assert off[face].max() < 3.0


@given(st.integers(0, 1000))
def test_whatever_the_depth_normals_face_the_camera(seed: int) -> None:
    drawn = np.random.default_rng(seed)
    disparity = drawn.uniform(0.5, 80.0, (H, W))
    disparity[drawn.random((H, W)) < 0.1] = 0.0
    found = found_in(disparity)
    x, y = RAYS
    towards = found[..., 0] * -x + found[..., 1] * -y + found[..., 2]
    some = np.linalg.norm(found, axis=-1) > 0
    assert (towards[some] > 0).all()
    assert not found[disparity == 0].any()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_a_picture_too_small_for_a_tangent_has_no_normal(shape: tuple[int, int]) -> None:
    rays = tuple(
        np.broadcast_to(axis[: shape[0], : shape[1]], shape) for axis in np.broadcast_arrays(*RAYS)
    )
    points = positions((rays[0], rays[1]), np.full(shape, 5.0))
    found = normals_of(points, np.full(shape, 20.0, np.float32))
    if min(shape) < 2:
        assert not found.any()
    else:
        assert off_deg(found, FRONT).max() < 1e-6
