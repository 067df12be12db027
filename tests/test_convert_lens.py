"""`convert` with a camera: lenses by STMap, and every way of being refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from camera_kit import DATA, DISPLAY, convert, distance, layers, make_shot, rays, write_json
from plates import write_exr, write_image
from render_kit import Probe, RenderKit, header_of, run_with

from flashdepth_vfx.camera import picture_shares
from flashdepth_vfx.errors import (
    CalibrationError,
    CameraError,
    FlashDepthError,
    PlateError,
    SettingsError,
)
from flashdepth_vfx.plate import Window


@pytest.fixture
def shot(kit: RenderKit) -> RenderKit:
    """As `make_shot`."""
    return make_shot(kit)


def write_map(kit: RenderKit, name: str = "st.exr", moved: float = 0.0, **changes: Any) -> str:
    """An STMap of the plate: straight, or moved to the right by a share of the picture."""
    across, up = picture_shares(changes.get("data", DATA), DISPLAY)
    red, green = np.broadcast_arrays(across + moved, up)
    planes = {"R": red, "G": green, "B": np.zeros_like(red)} | changes.get("planes", {})
    floats = {channel: plane.astype(np.float32) for channel, plane in planes.items()}
    write_exr(
        kit.folder / name,
        floats,
        data=changes.get("data", DATA),
        display=changes.get("display", DISPLAY),
    )
    return str(kit.folder / name)


def test_a_map_says_where_the_lens_put_each_pixel(shot: RenderKit) -> None:
    asked: dict[str, Any] = {"position": "camera", "lens": None}
    convert(shot, **asked, stmap=write_map(shot, moved=0.1))
    x, _ = rays()
    found = layers(shot)["P"]
    np.testing.assert_allclose(
        found[10:, :, 0], ((x + 0.2) * distance())[10:], rtol=1e-4, atol=1e-4
    )
    told = header_of(shot.path(1, "out/shot.####.exr"))
    assert told["flashdepth/lens"].startswith("stmap ")
    # another map in its place makes the frames again; maps by frame are taken by frame
    assert convert(shot, **asked, stmap=write_map(shot, moved=0.1)).frames == ()
    assert convert(shot, **asked, stmap=write_map(shot, moved=0.2)).frames == (1, 2)
    for frame in (1, 2):
        write_map(shot, f"maps/st.{frame:04d}.exr", moved=frame / 10)
    convert(shot, "each/shot.####.exr", **asked, stmap=str(shot.folder / "maps/st.####.exr"))
    for frame in (1, 2):
        found = layers(shot, frame, "each/shot.####.exr")["P"]
        wanted = ((x + frame / 5) * distance())[10:]
        np.testing.assert_allclose(found[10:, :, 0], wanted, rtol=1e-4, atol=1e-4)


def test_where_a_map_says_nothing_nothing_is_known(shot: RenderKit) -> None:
    across, _ = np.broadcast_arrays(*picture_shares(DATA, DISPLAY))
    holes = across.copy()
    holes[40:50, 60:70] = np.nan
    smaller = Window(0, -6, 144, 96)
    asked: dict[str, Any] = {"lens": None, "position": "world", "normals": "camera"}
    convert(shot, **asked, stmap=write_map(shot, planes={"R": holes}))
    found = layers(shot)
    assert not found["P"][40:50, 60:70].any()
    assert not found["N"][40:50, 60:70].any()
    assert found["P"][39, 60:70].all()
    assert np.isfinite(found["P"]).all()
    asked = {"lens": None, "ray_distance": True, "convention": "z"}
    convert(shot, "small/shot.####.exr", **asked, stmap=write_map(shot, "small.exr", data=smaller))
    depth = layers(shot, out="small/shot.####.exr")["depth"][..., 0]
    assert (depth[:, :8] == 10_000).all(), "beyond the map"
    assert (depth[10:, 8:152] < 100).all()


def test_a_map_of_another_shot_or_direction_is_refused(shot: RenderKit) -> None:
    across, up = np.broadcast_arrays(*picture_shares(DATA, DISPLAY))
    large = Window(0, 0, 288, 168)
    cases = {
        "red is no share": {"R": 1 - across},
        "green is no share": {"G": 1 - up},
        "red is no share of the": {"R": across * 144},
        "red is no share of": {"R": np.zeros_like(across)},
        "green is no": {"G": up - up.mean() + 3},
        "says where 5 % of the pixels": {"R": np.where(across < 0.0, across, np.nan)},
    }
    for index, (word, planes) in enumerate(cases.items()):
        path = write_map(shot, f"bad{index}.exr", planes=planes)
        with pytest.raises(CameraError, match=word):
            convert(shot, position="camera", lens=None, stmap=path)
    path = write_map(shot, "large.exr", display=large)
    with pytest.raises(CameraError, match="map of 288x168, and the depth is 144x84"):
        convert(shot, position="camera", lens=None, stmap=path)
    write_map(shot, "part/st.0002.exr")
    with pytest.raises(CameraError, match="no map for frames 1 of the depth"):
        convert(shot, position="camera", lens=None, stmap=str(shot.folder / "part/st.####.exr"))
    assert not list(shot.folder.glob("out/*.exr"))


REFUSED: dict[str, tuple[dict[str, Any], type[FlashDepthError], str]] = {
    "uncalibrated": ({"anchors": ()}, CalibrationError, "frames 1-2 are not calibrated"),
    "no lens said": ({"lens": None}, SettingsError, "--lens undistorted"),
    "two lenses": ({"stmap": "a.exr"}, SettingsError, "contradict"),
    "an unknown lens": ({"lens": "fisheye"}, SettingsError, "lens 'fisheye' is unknown"),
    "an unknown space": ({"position": "object"}, SettingsError, "position 'object' is unknown"),
    "ray of 1/Z": ({"ray_distance": True}, SettingsError, "--ray-distance is for --convention z"),
    "a camera for nothing": ({"position": None, "camera": "a.json", "lens": None}, SettingsError, "--camera is for"),
    "a lens for nothing": ({"position": None}, SettingsError, "--lens is for --position"),
    "a path in nothing": ({"camera_path": "/cam"}, SettingsError, "give both"),
    "a layer twice": ({"depth_layer": "P"}, SettingsError, "name of another layer"),
    "no such camera": ({"camera": "absent.json"}, CameraError, "cannot be read"),
    "frames missing": ({"camera": "short.json"}, CameraError, "no camera for frames 2"),
    "a lens that stands nowhere": ({"camera": "lens.json"}, CameraError, "ask for camera space"),
    "no such map": ({"lens": None, "stmap": "absent.exr"}, PlateError, "no such file"),
    "a map of 8 bits": ({"lens": None, "stmap": "st.png"}, CameraError, "too coarse"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_ends_in_one_error_and_nothing_written(case: str, shot: RenderKit) -> None:
    changes, error, word = REFUSED[case]
    write_json(shot.folder / "short.json", focal_mm=20, film_width_mm=36, frames=[{"frame": 1}])
    write_json(shot.folder / "lens.json", focal_mm=20, film_width_mm=36)
    write_image(shot.folder / "st.png", np.zeros((84, 144, 3), np.uint8))
    here = {k: str(shot.folder / v) for k, v in changes.items() if k in ("camera", "stmap") and v}
    with pytest.raises(error, match=word) as failed:
        convert(shot, **{"position": "world"} | changes | here)
    assert "\n" not in str(failed.value)
    assert not (shot.folder / "out").exists()


def test_plates_without_a_camera_say_what_is_missing_and_what_helps(kit: RenderKit) -> None:
    answer = torch.full((96, 160), 10.0)
    answer[:, :80] = 40.0
    run_with(Probe(answer), kit.job(kit.shot([1], data=DATA, display=DISPLAY)))
    with pytest.raises(
        CameraError, match=r"no camera \(worldToCamera and worldToNDC.*--camera takes a file"
    ):
        convert(kit, position="camera")
    assert not (kit.folder / "out").exists()
