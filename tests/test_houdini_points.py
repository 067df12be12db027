"""The COP and the SOP: pixels with their windows, and points where the renderer's own camera has them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import run_command, write_plate
from houdini_kit import HoudiniSession, depth_of, start_houdini
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plates import write_exr

from flashdepth_vfx.camera.pixels import picture_shares, positions, slopes_at
from flashdepth_vfx.camera.value import FilmBack
from flashdepth_vfx.depth import DepthCode, DepthRange
from flashdepth_vfx.plate import Window
from flashdepth_vfx.settings import Convention, SceneUnit

__all__ = ["start_houdini"]

Start = Callable[..., HoudiniSession]
#: Overscan on three sides, a crop on one, pixels that are no squares.
DATA, DISPLAY, ASPECT = Window(-4, -3, 40, 30), Window(0, 0, 32, 30), 2.0


@pytest.fixture
def maths(start_houdini: Start) -> Any:
    return start_houdini().module("depth_points")


def _exr(path: Path, channels: dict[str, np.ndarray]) -> Path:
    return write_exr(path, channels, data=DATA, display=DISPLAY, pixelAspectRatio=ASPECT)


def _scene() -> dict[str, np.ndarray]:
    rows, columns = np.mgrid[0 : DATA.height, 0 : DATA.width].astype(np.float32)
    distance = 2.0 + columns / 10 + rows / 20
    edge = np.where(columns == 7, np.float32(0.9), np.float32(0.1))
    return {"depth.Z": distance, "depth.edge": edge}


def _unprojected(maths: Any, focal: float, aperture: float, distance: np.ndarray) -> np.ndarray:
    """By the plugin, with windows as a layer has them: y counted up."""
    data = (DATA.x, DISPLAY.height - DATA.y - DATA.height, DATA.width, DATA.height)
    display = (0.0, 0.0, float(DISPLAY.width), float(DISPLAY.height))
    lens = maths.Lens(focal, aperture)
    return maths.unprojected(distance[::-1], lens, data, display, ASPECT)[::-1]


@pytest.mark.parametrize(("focal", "aperture"), [(50.0, 41.4214), (18.0, 24.9), (135.0, 54.12)])
def test_points_are_where_the_renderers_camera_has_them(
    maths: Any, focal: float, aperture: float
) -> None:
    distance = _scene()["depth.Z"].astype(np.float64)
    seen = FilmBack(focal, aperture).frustum(DISPLAY, ASPECT)
    theirs = positions(slopes_at(seen, *picture_shares(DATA, DISPLAY)), distance)
    np.testing.assert_allclose(_unprojected(maths, focal, aperture, distance), theirs, rtol=1e-12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0.05, 50.0), st.floats(1.1, 50.0), st.sampled_from([*SceneUnit]))
def test_normalised_and_the_sky_are_the_renderers(
    maths: Any, near: float, ratio: float, unit: SceneUnit
) -> None:
    far = near * ratio
    disparity = np.geomspace(100 / far / 2, 100 / near * 2, 50, dtype=np.float32)[None]
    disparity[0, 0] = 0.0
    span = DepthRange(1 / near, 1 / far)
    white = DepthCode(Convention.NORMALISED_NEAR_WHITE, unit, span=span).encode(disparity)
    metres = maths.UNITS_M[unit]
    for convention in (Convention.Z, Convention.INVERSE_Z):
        depth = DepthCode(convention, unit).encode(disparity)
        made = maths.normalised(depth, str(convention), near / metres, far / metres, str(unit))
        np.testing.assert_allclose(made, white, atol=2e-4)
        assert np.isinf(maths.distance_of(depth, str(convention), str(unit))[0, 0])


def test_what_says_no_distance_is_refused(maths: Any) -> None:
    with pytest.raises(ValueError, match="disparity: says no distance"):
        maths.distance_of(np.ones((2, 2)), "disparity", "m")
    with pytest.raises(ValueError, match="near 0, far 0"):
        maths.normalised(np.ones((2, 2)), "z", 0.0, 0.0)
    with pytest.raises(ValueError, match="both are above 0"):
        maths.Lens(0.0, 36.0)
    assert math.isinf(maths.distance_of(np.zeros((1, 1)), "inverse_z", "m")[0, 0])


def _network(session: HoudiniSession, **parms: Any) -> tuple[Any, Any]:
    """A COP over files on disk, and the SOP of it."""
    _exr(session.folder / "d/d.1001.exr", _scene())
    rows, columns = np.mgrid[0 : DATA.height, 0 : DATA.width].astype(np.float32)
    color = {"R": rows / 30, "G": columns / 40, "B": rows * 0 + 0.5}
    _exr(session.folder / "p/p.1001.exr", color)
    root = session.houdini.root
    cop = root.createNode("copnet", "pictures").createNode("flashdepth", "depth")
    cop.setParms({"file": "$JOB/d/d.$F4.exr", "plates": "$JOB/p/p.$F4.exr", "convention": "z"})
    sop = root.createNode("geo", "geo").createNode("flashdepth_points", "points")
    sop.setParms({"coppath": cop.path(), "step": 1, **parms})
    return cop, sop


def test_layers_keep_their_windows(start_houdini: Start) -> None:
    session = start_houdini()
    cop, _ = _network(session)
    cop.setParms({"near": 2.0, "far": 8.0})
    outputs = session.module("nodes").OUTPUTS
    for name in ("depth", "normalised", "edge", "color"):
        layer = cop.layer(outputs.index(name))
        assert layer.dataWindow().min() == (-4, 3), name
        assert layer.dataWindow().size() == (40, 30)
        assert layer.displayWindow().size() == (32, 30)
        assert layer.pixelAspectRatio() == 2.0
    distance = _scene()["depth.Z"]
    share = (1 / distance - 1 / 8) / (1 / 2 - 1 / 8)
    made = cop.layer(outputs.index("normalised")).pixels[::-1, :, 0]
    np.testing.assert_allclose(made, np.clip(share, 0, 1), atol=1e-6)
    with pytest.raises(session.houdini.module.OperationFailed, match="cannot read P"):
        cop.layer(outputs.index("position"))


def test_points_have_their_place_and_colour_and_edges_are_left_out(start_houdini: Start) -> None:
    session = start_houdini()
    _, sop = _network(session, focal=35.0, aperture=24.9)
    geometry = sop.geometry()
    distance = _scene()["depth.Z"].astype(np.float64)
    maths = session.module("depth_points")
    keep = np.ones(distance.shape, bool)
    keep[:, 7] = False
    # Layers have their rows from the bottom, and so have the points.
    expected = _unprojected(maths, 35.0, 24.9, distance)[::-1][keep[::-1]]
    np.testing.assert_allclose(geometry.positions, expected, rtol=1e-6)
    rows, columns = np.mgrid[0 : DATA.height, 0 : DATA.width].astype(np.float32)
    color = np.stack([rows / 30, columns / 40, rows * 0 + 0.5], axis=-1)[::-1][keep[::-1]]
    np.testing.assert_array_equal(geometry.attributes["Cd"], color)
    sop.setParms({"use_edge": 0, "step": 4, "clip": 4.0})
    fewer = sop.geometry()
    assert len(fewer.positions) < 8 * 10
    assert -fewer.positions[:, 2].min() < 4.0


def test_a_camera_gives_its_lens_and_its_place(start_houdini: Start) -> None:
    from fake_houdini.geometry import Matrix4

    session = start_houdini()
    _, sop = _network(session, use_edge=0, use_color=0, focal=35.0, aperture=24.9)
    without = sop.geometry().positions.copy()
    camera = session.houdini.root.createNode("cam", "cam1")
    camera.setParms({"focal": 35.0, "aperture": 24.9})
    # Turned about y by a quarter, then moved: rows are what the axes become.
    camera.matrix = Matrix4([[0, 0, -1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [10, 1.6, 0, 1]])
    sop.setParms({"camera": camera.path()})
    moved = sop.geometry().positions
    expected = np.stack([without[:, 2] + 10, without[:, 1] + 1.6, -without[:, 0]], axis=-1)
    np.testing.assert_allclose(moved, expected, atol=1e-9)
    sop.setParms({"camera": "/obj/none"})
    with pytest.raises(session.houdini.module.NodeError, match="is not there"):
        sop.geometry()


def test_a_p_pass_of_the_renderer_gives_the_same_points(
    start_houdini: Start, tmp_path: Path
) -> None:
    """`flashdepth convert --position` from rendered depth, against the lens of the SOP."""
    session = start_houdini()
    for frame in (1001, 1002):
        rgb = np.random.default_rng(frame).random((48, 64, 3))
        write_plate(tmp_path / f"s/s.{frame}.exr", rgb)
    camera = tmp_path / "camera.json"
    camera.write_text('{"format": "flashdepth-camera/1", "film_width_mm": 24.9, "focal_mm": 35}')
    for arguments in (
        ["render", "s/s.####.exr", "-o", "r/s.####.exr", "--weights", str(session.weights)],
        ["convert", "r/s.####.exr", "-o", "z/s.####.exr", "--convention", "z", "--near", "1", "--far", "9"],
        ["convert", "z/s.####.exr", "-o", "p/s.####.exr", "--convention", "z", "--position", "camera",
         "--camera", str(camera), "--lens", "undistorted"],
    ):  # fmt: skip
        done = run_command(arguments, tmp_path)
        assert done.returncode == 0, done.stderr
    root = session.houdini.root
    cop = root.createNode("copnet", "pictures").createNode("flashdepth", "depth")
    cop.setParms(
        {"file": "$JOB/z/s.$F4.exr", "position_file": "$JOB/p/s.$F4.exr", "convention": "z"}
    )
    sop = root.createNode("geo", "geo").createNode("flashdepth_points", "points")
    plain = {"use_edge": 0, "use_color": 0, "step": 1, "focal": 35.0, "aperture": 24.9}
    sop.setParms({"coppath": cop.path(), **plain})
    by_lens = sop.geometry().positions.copy()
    sop.setParms({"source": "position", "space": "camera"})
    by_pass = sop.geometry().positions
    assert len(by_lens) == 48 * 64
    np.testing.assert_allclose(by_pass, by_lens, rtol=1e-4, atol=1e-5)
    assert -by_lens[:, 2].min() == pytest.approx(
        depth_of(tmp_path / "z/s.1001.exr").max(), rel=1e-5
    )
