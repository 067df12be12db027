"""`convert` with a camera: positions, normals and ray distance, in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from camera_kit import (
    DATA,
    DISPLAY,
    convert,
    distance,
    exr_matrices,
    layers,
    make_shot,
    pose,
    rays,
    write_json,
)
from plates import shared_plates
from render_kit import Probe, RenderKit, at, header_of, run_with, windows_of

from flashdepth_vfx import ConvertJob, RenderJob, RenderSettings, Shot, convert_depth
from flashdepth_vfx import render as render_shot
from flashdepth_vfx.camera import Frustum, normals_of
from flashdepth_vfx.errors import CalibrationError, CameraError, PlateError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.plate import Window


@pytest.fixture
def shot(kit: RenderKit) -> RenderKit:
    """As `make_shot`."""
    return make_shot(kit)


def test_positions_are_where_the_camera_sees_them(shot: RenderKit) -> None:
    convert(shot, position="camera", convention="z")
    x, y = rays()
    wanted = np.stack([x * distance(), y * distance(), -distance()], axis=-1)
    found = layers(shot)
    assert list(found) == ["depth", "P"]
    np.testing.assert_allclose(found["P"], wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["depth"][10:, :, 0], distance()[10:], rtol=1e-5)
    channels = (
        OpenEXR.File(str(shot.path(1, "out/shot.####.exr")), separate_channels=True)
        .parts[1]
        .channels
    )
    assert list(channels) == ["P.X", "P.Y", "P.Z"]
    assert {channel.type() for channel in channels.values()} == {OpenEXR.FLOAT}


def test_world_space_is_the_camera_s_own_place_in_scene_units(shot: RenderKit) -> None:
    anchors = ("20,50,1=200", "100,50,1=800")
    convert(shot, position="world", scene_unit="cm", anchors=anchors, camera_unit="m")
    x, y = rays()
    points = np.stack([x * distance(), y * distance(), -distance()], axis=-1) * 100
    wanted = points @ pose()[:3, :3].T + pose()[:3, 3] * 100
    found = layers(shot)["P"]
    np.testing.assert_allclose(found[10:], wanted[10:], rtol=1e-4, atol=1e-2)
    assert not found[:10].any(), "the sky is nowhere"
    told = header_of(shot.path(1, "out/shot.####.exr"))
    assert told["flashdepth/position"] == "world space, cm"
    assert told["flashdepth/lens"] == "undistorted"
    assert "worldToCamera" in told


def test_every_part_has_the_plate_s_windows_and_metadata(shot: RenderKit) -> None:
    convert(shot, position="world", normals="world")
    for part in OpenEXR.File(str(shot.path(2, "out/shot.####.exr"))).parts:
        assert Window.from_exr(part.header["dataWindow"]) == DATA
        assert Window.from_exr(part.header["displayWindow"]) == DISPLAY
        assert part.header["flashdepth/calibrated"] == 1


def test_normals_do_not_smear_over_the_edge_and_turn_with_the_world(shot: RenderKit) -> None:
    convert(shot, normals="camera")
    found = layers(shot)["N"]
    np.testing.assert_allclose(found[10:], np.broadcast_to([0, 0, 1], (86, 160, 3)), atol=1e-5)
    assert not found[:10].any()
    convert(shot, "world/shot.####.exr", normals="world")
    turned = layers(shot, out="world/shot.####.exr")["N"]
    np.testing.assert_allclose(turned[10:], np.broadcast_to(pose()[:3, 2], (86, 160, 3)), atol=1e-5)


def test_strips_of_rows_leave_no_seam(kit: RenderKit) -> None:
    """A picture taller than what is worked on at once has the normals that the whole has."""
    rows, columns = np.mgrid[0:320, 0:96]
    answer = (20 + 5 * np.sin(rows / 9) * np.cos(columns / 7)).astype(np.float32)
    window = Window(0, 0, 96, 320)
    run_with(Probe(torch.from_numpy(answer)), kit.job(kit.shot([1], data=window, display=window)))
    camera = write_json(kit.folder / "cam.json", frustum=[-0.3, 0.3, -1, 1])
    near, far = 1 / answer.max(), 1 / answer.min()
    convert(kit, position="camera", normals="camera", camera=camera, anchors=(), near=near, far=far)
    found = layers(kit)
    disparity = -1.0 / found["P"][..., 2]
    whole = normals_of(found["P"].astype(float), disparity)
    # P went through 32 bits: a step of a pixel keeps four digits
    assert np.abs(found["N"] - whole).max() < 2e-2
    seams = np.abs(found["N"] - whole)[[126, 127, 128, 129, 254, 255, 256, 257]]
    assert np.median(seams) < 1e-3
    assert (np.linalg.norm(found["N"], axis=-1) > 0.99).all()


def test_ray_distance_is_longer_beside_the_axis(shot: RenderKit) -> None:
    convert(shot, convention="z", ray_distance=True)
    x, y = rays()
    found = layers(shot)["depth"][..., 0]
    np.testing.assert_allclose(
        found[10:], (distance() * np.sqrt(1 + x * x + y * y))[10:], rtol=1e-5
    )
    assert (found[:10] == 10_000).all(), "the sky is the sky"
    assert header_of(shot.path(1, "out/shot.####.exr"))["flashdepth/distance"] == "along the ray"
    with pytest.raises(PlateError, match="along the ray, which cannot be turned back"):
        convert(shot, "again/shot.####.exr", source="out/shot.####.exr", lens=None, anchors=())


def test_what_was_calibrated_before_needs_no_anchors_and_loses_nothing(shot: RenderKit) -> None:
    convert(shot, "metric/shot.####.exr", lens=None)
    again = {"source": "metric/shot.####.exr", "anchors": ()}
    convert(shot, **again, position="camera", convention="z")
    np.testing.assert_allclose(layers(shot)["P"][10:, :, 2], -distance()[10:], rtol=1e-5)
    # a pass with positions is depth of ours like any other, and what it says of them stays with it
    convert(shot, "plain/shot.####.exr", source="out/shot.####.exr", anchors=(), lens=None)
    told = header_of(shot.path(1, "plain/shot.####.exr"))
    assert not {"flashdepth/position", "flashdepth/view", "flashdepth/camera"} & set(told)
    assert told["flashdepth/calibrated"] == 1


def test_a_camera_that_was_tracked_again_makes_its_frames_again(shot: RenderKit) -> None:
    def camera(second: float) -> str:
        frames = [{"frame": 1, "focal_mm": 20.0}, {"frame": 2, "focal_mm": second}]
        return write_json(shot.folder / "cam.json", film_width_mm=36, frames=frames)

    asked = {"position": "camera", "camera": camera(30)}
    assert convert(shot, **asked).frames == (1, 2)
    assert convert(shot, **asked).frames == ()
    camera(31)
    assert convert(shot, **asked).frames == (2,)
    assert float(layers(shot, 2)["P"][50, 159, 0]) == pytest.approx(
        8 * 18 / 31 * (151.5 / 72 - 1), rel=1e-5
    )


def test_a_bare_z_keeps_its_name_beside_the_vectors(kit: RenderKit) -> None:
    answer = torch.full((96, 160), 10.0)
    answer[:, :80] = 40.0
    run_with(Probe(answer), kit.job(kit.shot([1], data=DATA, display=DISPLAY), depth_layer=""))
    camera = write_json(kit.folder / "cam.json", focal_mm=18, film_width_mm=36)
    convert(kit, position="camera", camera=camera, depth_layer="")
    parts = OpenEXR.File(str(kit.path(1, "out/shot.####.exr")), separate_channels=True).parts
    assert [(part.name(), list(part.channels)) for part in parts] == [
        ("depth", ["Z"]),
        ("P", ["P.X", "P.Y", "P.Z"]),
    ]
    reader = open_plates(str(kit.folder / "out/shot.####.exr"), channels=("Z",))
    assert reader.read(1).rgb.shape == (96, 160, 3)


def test_a_picture_that_was_fitted_into_another_is_not_what_its_camera_saw(kit: RenderKit) -> None:
    matrices = exr_matrices(pose(), Frustum(-1, 1, -0.5, 0.5), "openexr")
    answer = torch.linspace(9.0, 40.0, 160).expand(96, 160)
    run_with(Probe(answer), kit.job(kit.shot([1, 2], **matrices)))
    with pytest.raises(
        CameraError, match=r"sees pixels 1.2 times as wide as high.*cropped or fitted"
    ):
        convert(kit, anchors=(), near=1, far=2, position="camera")
    assert not (kit.folder / "out").exists()


def test_one_frame_that_is_not_calibrated_leaves_the_shot_so(shot: RenderKit) -> None:
    convert(shot, "metric/shot.####.exr", lens=None)
    shot.path(2, "depth/shot.####.exr").replace(shot.path(2, "metric/shot.####.exr"))
    again = {"source": "metric/shot.####.exr", "anchors": ()}
    with pytest.raises(CalibrationError, match="frames 2 are not calibrated"):
        convert(shot, **again, position="camera")
    convert(shot, **again, lens=None)
    assert header_of(shot.path(1, "out/shot.####.exr"))["flashdepth/calibrated"] == 0


def test_the_beachball_in_space(tmp_path: Path) -> None:
    """Real plates whose data window moves: no camera of their own, one given, their own Z as the distance."""
    plates = str(shared_plates("beachball") / "beachball.####.exr")
    depth, out = (str(tmp_path / name / "ball.####.exr") for name in ("depth", "out"))
    shot = Shot(input=plates)
    render_shot(
        RenderJob(shot=shot, output=depth, frames="1,8", settings=RenderSettings(device="cpu"))
    )
    known = {
        "input": depth,
        "output": out,
        "convention": "z",
        "reference": plates,
        "lens": "undistorted",
    }
    with pytest.raises(CameraError, match="has no camera"):
        convert_depth(ConvertJob(**known, position="camera"))  # type: ignore[arg-type]
    camera = write_json(tmp_path / "cam.json", focal_mm=50, film_width_mm=36)
    job = ConvertJob(**known, position="camera", normals="camera", camera=camera)  # type: ignore[arg-type]
    convert_depth(job)
    for frame in (1, 8):
        path = at(out, frame)
        windows = windows_of(path)
        assert windows == windows_of(at(plates, frame))
        parts = OpenEXR.File(str(path), separate_channels=True).parts
        z = parts[0].channels["depth.Z"].pixels
        points = np.stack([parts[1].channels[f"P.{axis}"].pixels for axis in "XYZ"], axis=-1)
        sky = z > 9_999
        np.testing.assert_allclose(points[..., 2][~sky], -z[~sky], rtol=1e-6)
        data, display, _ = windows
        column = (data.x + 0.5 - display.width / 2) / display.width * 36 / 50
        np.testing.assert_allclose(
            points[:, 0, 0][~sky[:, 0]], (z * column)[:, 0][~sky[:, 0]], rtol=1e-4
        )
