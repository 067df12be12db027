"""Cameras: what a pixel sees by hand-computed cases, and that points go there and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from camera_kit import exr_matrices, pose
from hypothesis import assume, given
from hypothesis import strategies as st
from plates import windows, write_exr
from scene_kit import drawn_scene

from flashdepth_vfx.camera import (
    Camera,
    FilmBack,
    Frustum,
    picture_shares,
    positions,
    ray_lengths,
    shares_of_points,
    slopes_at,
    to_world,
)
from flashdepth_vfx.camera.attributes import camera_of_header
from flashdepth_vfx.camera.value import placed_in_metres
from flashdepth_vfx.errors import CameraError
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.plate import Window
from flashdepth_vfx.training.scenes import render as render_scene

SQUARE = Window(0, 0, 100, 50)
HERE = Path("shot.1001.exr")


def slopes(lens: FilmBack, display: Window, aspect: float, data: Window) -> tuple[float, ...]:
    """Of the first and the last pixel of `data`: x, y, x, y."""
    x, y = slopes_at(lens.frustum(display, aspect), *picture_shares(data, display))
    return float(x[0, 0]), float(y[0, 0]), float(x[0, -1]), float(y[-1, 0])


HAND = {
    # 36 mm of film before 18 mm of lens: 45 degrees to each side; half a pixel in from the edge is 0.99
    "plain": (FilmBack(18, 36), SQUARE, 1.0, SQUARE, (-0.99, 0.49, 0.99, -0.49)),
    # pixels twice as wide: the same width of film is half as many pixels high
    "anamorphic": (FilmBack(18, 36), Window(0, 0, 100, 100), 2.0, Window(0, 0, 100, 100),
                   (-0.99, 0.495, 0.99, -0.495)),
    # film moved 9 mm right and 4.5 mm up: all of it sees by 0.5 and 0.25 more to the right and up
    "shifted": (FilmBack(18, 36, 9, 4.5), SQUARE, 1.0, SQUARE, (-0.49, 0.74, 1.49, -0.24)),
    # a display window that does not begin at 0 sees what one at 0 sees
    "origin": (FilmBack(18, 36), Window(7, -3, 100, 50), 1.0, Window(7, -3, 100, 50),
               (-0.99, 0.49, 0.99, -0.49)),
    # ten pixels beyond each side: the lens does not change, more is seen
    "overscan": (FilmBack(18, 36), SQUARE, 1.0, Window(-10, -10, 120, 70), (-1.19, 0.69, 1.19, -0.69)),
    # a crop: the last ten columns and the top five rows
    "crop": (FilmBack(18, 36), SQUARE, 1.0, Window(90, 0, 10, 5), (0.81, 0.49, 0.99, 0.41)),
    "longer": (FilmBack(36, 36), SQUARE, 1.0, SQUARE, (-0.495, 0.245, 0.495, -0.245)),
}  # fmt: skip


@pytest.mark.parametrize("case", HAND)
def test_a_pixel_s_ray_is_what_the_film_says(case: str) -> None:
    lens, display, aspect, data, wanted = HAND[case]
    assert slopes(lens, display, aspect, data) == pytest.approx(wanted, abs=1e-12)


def test_a_point_is_right_up_and_before_the_camera() -> None:
    # the top right pixel of 2x2, film as wide as the lens is long: slopes of a quarter
    shares = picture_shares(Window(0, 0, 2, 2), Window(0, 0, 2, 2))
    rays = slopes_at(FilmBack(10, 10).frustum(Window(0, 0, 2, 2), 1.0), *shares)
    points = positions(rays, np.full((2, 2), 8.0))
    assert points[0, 1].tolist() == [2.0, 2.0, -8.0]
    assert points[1, 0].tolist() == [-2.0, -2.0, -8.0]
    assert float(ray_lengths(rays)[0, 1]) == pytest.approx(np.sqrt(1 + 2 / 16))
    # turned a quarter to the left (about y) a camera looks along -x; it stands 100 m up
    camera = Camera(FilmBack(10, 10), placed_in_metres(pose(90, 0, (0, 100, 0)), 1.0))
    found = to_world(camera, points, unit_m=1.0, points=True)
    np.testing.assert_allclose(found[0, 1], [-8.0, 102.0, -2.0], atol=1e-12)
    # of a scene in cm the camera's place is so too, and a direction has none
    assert to_world(camera, np.zeros(3), unit_m=0.01, points=True)[1] == pytest.approx(10_000)
    turned = to_world(camera, np.array([0.0, 0.0, -1.0]), unit_m=0.01, points=False)
    np.testing.assert_allclose(turned, [-1, 0, 0], atol=1e-12)


numbers = st.floats(-50, 50)


@given(
    data=windows, display=windows, aspect=st.sampled_from((0.5, 1.0, 2.0)),
    focal=st.floats(8, 200), offset=st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
    turn=st.floats(-180, 180), tilt=st.floats(-80, 80), place=st.tuples(numbers, numbers, numbers),
)  # fmt: skip
def test_there_and_back_is_the_same_pixel(
    data: Window, display: Window, aspect: float, focal: float, offset: tuple[float, float],
    turn: float, tilt: float, place: tuple[float, float, float],
) -> None:  # fmt: skip
    camera = Camera(FilmBack(focal, 24, *offset), placed_in_metres(pose(turn, tilt, place), 0.1))
    seen = camera.frustum(display, aspect)
    across, up = picture_shares(data, display)
    distance = np.linspace(0.5, 90, data.width * data.height).reshape(data.shape)
    points = positions(slopes_at(seen, across, up), distance)
    world = to_world(camera, points, unit_m=0.1, points=True)
    back = shares_of_points(camera, seen, world, unit_m=0.1)
    for found, wanted in zip(back, (across, up, distance), strict=True):
        np.testing.assert_allclose(found, np.broadcast_to(wanted, data.shape), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("layout", ["openexr", "gl"])
@given(
    turn=st.floats(-180, 180), tilt=st.floats(-80, 80), place=st.tuples(numbers, numbers, numbers),
    edges=st.tuples(*(st.floats(0.1, 1.0),) * 4), shift=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
)  # fmt: skip
def test_a_renderer_s_matrices_say_the_camera_they_were_made_from(
    layout: str, turn: float, tilt: float, place: tuple[float, float, float],
    edges: tuple[float, float, float, float], shift: tuple[float, float],
) -> None:  # fmt: skip
    left, right, bottom, top = edges
    seen = Frustum(shift[0] - left, shift[0] + right, shift[1] - bottom, shift[1] + top)
    # what is counted the other way looks so, and is refused
    axis = -seen.left / (seen.right - seen.left), -seen.bottom / (seen.top - seen.bottom)
    assume(
        min(abs(axis[0]), abs(axis[0] - 0.75)) > 0.05
        or min(abs(axis[1] - 1), abs(axis[1] - 0.75)) > 0.05
    )
    world = pose(turn, tilt, place)
    found = camera_of_header(exr_matrices(world, seen, layout), HERE, 0.01)
    assert isinstance(found.lens, Frustum)
    for edge in ("left", "right", "bottom", "top"):
        assert getattr(found.lens, edge) == pytest.approx(getattr(seen, edge), abs=1e-3)
    assert found.world_from_camera is not None
    np.testing.assert_allclose(found.world_from_camera[:3, :3], world[:3, :3], atol=1e-5)
    np.testing.assert_allclose(found.world_from_camera[:3, 3], world[:3, 3] / 100, atol=1e-5)


def test_matrices_survive_a_file(tmp_path: Path) -> None:
    seen, world = Frustum(-0.5, 0.6, -0.3, 0.2), pose()
    matrices = exr_matrices(world, seen, "openexr")
    path = write_exr(tmp_path / "cg.exr", {"Z": np.ones((4, 4), np.float32)}, **matrices)
    found = camera_of_header(read_headers(path)[0], path, 1.0)
    assert found.world_from_camera is not None
    np.testing.assert_allclose(found.world_from_camera, world, atol=1e-5)
    # OpenEXR's own definition by hand: what the top left corner sees, 4 m away, is at 0, 0 of NDC
    point = world @ np.array([-0.5 * 4, 0.2 * 4, -4.0, 1.0])
    ndc = point @ matrices["worldToNDC"].astype(float)
    np.testing.assert_allclose(ndc[:2] / ndc[3], [0, 0], atol=1e-5)


NUKE = {"nuke/camera/focal": "50", "nuke/camera/haperture": "24.576", "nuke/camera/vaperture": "18.672"}  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "exr/"])
@pytest.mark.parametrize("kind", ["text", "list", "tcl", "m44f"])
def test_nuke_s_attributes(prefix: str, kind: str) -> None:
    row_major = pose().ravel().tolist()
    matrix = {
        "text": str(row_major),
        "list": row_major,
        "tcl": "{" + " ".join(map(str, row_major)) + "}",
        "m44f": pose().T.astype(np.float32),
    }[kind]
    told = {f"{prefix}{name}": value for name, value in NUKE.items()}
    found = camera_of_header({**told, f"{prefix}nuke/camera/matrix": matrix}, HERE, 1.0)
    assert found.lens == FilmBack(50, 24.576)
    assert found.world_from_camera is not None
    np.testing.assert_allclose(found.world_from_camera, pose(), atol=1e-6)
    lens_alone = camera_of_header(told, HERE, 1.0)
    assert lens_alone.world_from_camera is None


GOOD = exr_matrices(pose(), Frustum(-1, 1, -1, 1), "openexr")
ORTHOGRAPHIC = {**GOOD, "worldToNDC": np.eye(4, dtype=np.float32)}
BAD = {
    "no camera": ({"lensMake": "x", "focalLength": 35.0}, "has no camera"),
    "half of it": ({"worldToCamera": GOOD["worldToCamera"]}, "worldToCamera and no worldToNDC"),
    "the other half": ({"worldToNDC": GOOD["worldToNDC"]}, "worldToNDC and no worldToCamera"),
    "orthographic": (ORTHOGRAPHIC, "no perspective"),
    "mirrored": ({**GOOD, "worldToNDC": GOOD["worldToNDC"] * np.float32([-1, 1, 1, 1])}, "mirrors"),
    "another's": ({**GOOD, "worldToNDC": exr_matrices(pose(80), Frustum(-1, 1, -1, 1), "gl")["worldToNDC"]},
                  "worldToNDC"),
    "flat": ({**GOOD, "worldToCamera": np.zeros((4, 4), np.float32)}, "flattens"),
    "not a matrix": ({**GOOD, "worldToCamera": "none"}, "not a matrix of 16"),
    "0 to 1, y up": ({**GOOD, "worldToNDC": GOOD["worldToNDC"] @ np.float32(
        [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 1]])}, "neither 0 to 1"),
    "-1 to 1, y down": ({**GOOD, "worldToNDC": GOOD["worldToNDC"] @ np.float32(
        [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 1, 0], [-1, -1, 0, 1]])}, "neither 0 to 1"),
    "the other eye's": ({**GOOD, "worldToNDC": exr_matrices(
        pose(place=(1.065, 2, 3)), Frustum(-1, 1, -1, 1), "openexr")["worldToNDC"]}, "stands elsewhere"),
    "not finite": ({**GOOD, "worldToCamera": np.full((4, 4), np.nan, np.float32)}, "not a matrix of 16"),
    "no aperture": ({"nuke/camera/focal": "50"}, "nuke/camera/haperture is missing"),
    "no number": ({**NUKE, "nuke/camera/focal": "long"}, "long"),
    "no length": ({**NUKE, "nuke/camera/focal": "0"}, "focal length is 0"),
    "rows for columns": ({**NUKE, "nuke/camera/matrix": str(pose().T.ravel().tolist())}, "last row"),
    "sheared": ({**NUKE, "nuke/camera/matrix": str((pose() @ np.diag([1, 2, 1, 1.0])).ravel().tolist())}, "shears"),
    "left-handed": ({**NUKE, "nuke/camera/matrix": str((pose() @ np.diag([1, 1, -1, 1.0])).ravel().tolist())},
                    "mirrors"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_camera_that_cannot_be_used_names_its_file(case: str) -> None:
    told, word = BAD[case]
    with pytest.raises(CameraError, match=word) as failed:
        camera_of_header(told, HERE, 1.0)
    assert failed.value.path == str(HERE)


def test_a_parent_s_scale_does_not_reach_the_points() -> None:
    scaled = pose() @ np.diag([7.0, 7.0, 7.0, 1.0])
    np.testing.assert_allclose(placed_in_metres(scaled, 1.0), pose(), atol=1e-12)


def test_points_of_made_scenes_land_on_the_pixels_that_saw_them() -> None:
    """Exact depth, camera and poses: what stands still is seen at the same place of the world from every frame."""
    scene = drawn_scene([3, 11], frames=3, stride=6)
    height, width = 48, 64
    clip = render_scene(scene, height, width)
    picture = Window(0, 0, width, height)
    shares = picture_shares(picture, picture)
    for index in range(2):
        lens = FilmBack(float(clip.focal_px[index]), float(width))
        cameras = []
        for frame in range(3):
            matrix = np.eye(4)
            matrix[:3, :3] = clip.eye_turn[index, frame].double().numpy()
            matrix[:3, 3] = clip.eye_m[index, frame].double().numpy()
            # their z is forward, in the world too: both are mirrored
            mirror = np.diag([1.0, 1.0, -1.0, 1.0])
            cameras.append(Camera(lens, placed_in_metres(mirror @ matrix @ mirror, 1.0)))
        seen = lens.frustum(picture, 1.0)
        first, other = clip.disparity_100_per_m[index, 0], clip.disparity_100_per_m[index, 2]
        known = (first > 0) & clip.still[index, 0]
        distance = 100.0 / torch.where(known, first, 1.0).double().numpy()
        points = positions(slopes_at(seen, *shares), distance)
        world = to_world(cameras[0], points, unit_m=1.0, points=True)
        across, up, back = shares_of_points(cameras[0], seen, world)
        np.testing.assert_allclose(across, np.broadcast_to(shares[0], back.shape), atol=1e-6)
        np.testing.assert_allclose(up, np.broadcast_to(shares[1], back.shape), atol=1e-6)
        # seen from two frames later, most of those points are what is seen there, as far away as it says
        across, up, back = shares_of_points(cameras[2], seen, world)
        columns, rows = (
            np.floor(across * width).astype(int),
            np.floor((1 - up) * height).astype(int),
        )
        inside = known.numpy() & (back > 0)
        inside &= (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        assert inside.mean() > 0.2
        there = other.numpy()[rows[inside], columns[inside]]
        agrees = np.abs(there * back[inside] / 100.0 - 1.0) < 0.05
        assert agrees.mean() > 0.85
