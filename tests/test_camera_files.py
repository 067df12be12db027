"""Cameras from files: JSON of our own, USD, EXR headers; and what each refuses, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from camera_kit import exr_matrices, pose, write_json
from plates import write_exr

from flashdepth_vfx.camera import CameraTrack, FilmBack, Frustum, open_cameras
from flashdepth_vfx.errors import CameraError, FlashDepthError
from flashdepth_vfx.settings import SceneUnit

FRAMES = (1001, 1002, 1003)
M, CM = SceneUnit.M, SceneUnit.CM


def opened(given: str | None, frames: tuple[int, ...] = FRAMES, **changes: Any) -> CameraTrack:
    own = {frame: (Path(f"shot.{frame}.exr"), changes.pop("header", {})) for frame in frames}
    asked = {"prim_path": None, "unit": None, "scene_unit": M} | changes
    return open_cameras(given, own, **asked)


def place_of(track: CameraTrack, frame: int) -> list[float]:
    matrix = track.cameras[frame].world_from_camera
    assert matrix is not None
    return [round(float(number), 6) for number in matrix[:3, 3]]


def test_json_by_frame_and_for_all(tmp_path: Path) -> None:
    frames = [
        {"frame": frame, "focal_mm": 20 + index, "world_from_camera": pose(place=(index, 0, 0))}
        for index, frame in enumerate(FRAMES)
    ]
    path = write_json(tmp_path / "cam.json", film_width_mm=24, film_offset_mm=[1, 2], frames=frames)
    track = opened(path)
    assert track.cameras[1003].lens == FilmBack(22, 24, 1, 2)
    assert place_of(track, 1002) == [1, 0, 0]
    zoom = [{"frame": 1001}, {"frame": 1002, "focal_mm": 50, "film_offset_mm": [0, 0]}]
    path = write_json(
        tmp_path / "zoom.json", focal_mm=35, film_width_mm=24, film_offset_mm=[1, 2], frames=zoom
    )
    track = opened(path, FRAMES[:2])
    assert track.cameras[1001].lens == FilmBack(35, 24, 1, 2)
    assert track.cameras[1002].lens == FilmBack(50, 24, 0, 0)
    locked = opened(write_json(tmp_path / "locked.json", focal_mm=35, film_width_mm=24))
    assert {camera.lens for camera in locked.cameras.values()} == {FilmBack(35, 24)}
    assert locked.cameras[1001].world_from_camera is None
    slopes = opened(write_json(tmp_path / "slopes.json", frustum=[-0.5, 0.5, -0.3, 0.2]))
    assert slopes.cameras[1001].lens == Frustum(-0.5, 0.5, -0.3, 0.2)


def test_the_unit_is_what_was_asked_else_the_file_s_else_the_scene_s(tmp_path: Path) -> None:
    lens = {"focal_mm": 35, "film_width_mm": 24, "world_from_camera": pose(place=(50, 0, 0))}
    plain = write_json(tmp_path / "plain.json", **lens)
    said = write_json(tmp_path / "said.json", **lens, unit="cm")
    assert place_of(opened(plain), 1001) == [50, 0, 0]
    assert place_of(opened(plain, scene_unit=CM), 1001) == [0.5, 0, 0]
    assert place_of(opened(plain, unit=SceneUnit.MM, scene_unit=CM), 1001) == [0.05, 0, 0]
    assert place_of(opened(said), 1001) == [0.5, 0, 0]
    with pytest.raises(CameraError, match="says that its unit is cm, and --camera-unit is m"):
        opened(said, unit=M)


LENS = {"focal_mm": 35, "film_width_mm": 24}
BAD_JSON: dict[str, tuple[dict[str, Any], str]] = {
    "another format": ({"format": "other/2", **LENS}, "its format is 'other/2'"),
    "a misspelt field": ({**LENS, "focal": 35}, "focal"),
    "no lens": ({"focal_mm": 35}, "has no lens"),
    "two lenses": ({**LENS, "frustum": [-1, 1, -1, 1]}, "a frustum and a lens in millimetres"),
    "no inside": ({"frustum": [1, -1, -1, 1]}, "no inside"),
    "no length": ({**LENS, "focal_mm": -1}, "focal length is -1"),
    "rows of three": ({**LENS, "world_from_camera": [[1, 0, 0]] * 3}, "4 rows of 4"),
    "no rows": ({**LENS, "world_from_camera": []}, "4 rows of 4"),
    "row vectors": ({**LENS, "world_from_camera": pose().T.tolist()}, "the translation in the last column"),
    "a text": ({**LENS, "film_width_mm": "wide"}, "film_width_mm"),
    "a frame twice": ({**LENS, "frames": [{"frame": 1001}] * 2}, "frame 1001 twice"),
    "a bad frame": ({**LENS, "frames": [{"frame": 1001, "focal_mm": 0}]}, "frame 1001: its focal length"),
    "no frame": ({**LENS, "frames": []}, "no camera for frames 1001-1003"),
    "one frame": ({**LENS, "frames": [{"frame": 1002}]}, "no camera for frames 1001,1003"),
    "a unit": ({**LENS, "unit": "parsec"}, "unit 'parsec' is unknown"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_JSON)
def test_bad_json_names_itself_and_what_is_wrong(case: str, tmp_path: Path) -> None:
    told, word = BAD_JSON[case]
    path = write_json(tmp_path / "cam.json", **told)
    with pytest.raises(CameraError, match=word) as failed:
        opened(path)
    assert failed.value.path == path
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": NaN}', "\xff"])
def test_what_is_no_json_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "cam.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CameraError, match="is no flashdepth-camera/1"):
        opened(str(path))
    with pytest.raises(CameraError, match="cannot be read"):
        opened(str(tmp_path / "absent.json"))


def test_exrs_of_cg_have_a_camera_for_each_frame(tmp_path: Path) -> None:
    seen = Frustum(-0.5, 0.5, -0.25, 0.25)
    pattern = str(tmp_path / "cg.####.exr")
    for index, frame in enumerate(FRAMES[:2]):
        matrices = exr_matrices(pose(place=(0, index, 0)), seen, "openexr")
        pixel = {"Z": np.ones((2, 4), np.float32)}
        write_exr(Path(pattern.replace("####", str(frame))), pixel, **matrices)
    track = opened(pattern, FRAMES[:2])
    assert place_of(track, 1002) == [0, 1, 0]
    with pytest.raises(CameraError, match="no camera for frames 1003"):
        opened(pattern)
    still = opened(pattern.replace("####", "1002"))
    assert place_of(still, 1003) == [0, 1, 0]


def test_a_file_of_another_kind_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="export the camera as USD"):
        opened("cam.abc")
    with pytest.raises(CameraError, match="give JSON, USD, or EXRs"):
        opened("cam.fbx")
    with pytest.raises(FlashDepthError):
        opened(str(tmp_path / "absent.####.exr"))
    with pytest.raises(CameraError, match="has no camera"):
        opened(None)


def write_usd(path: Path, **stage_metadata: Any) -> str:
    """A camera below a moving parent, and another one, as text."""
    pytest.importorskip("pxr", reason="usd-core is not installed: USD is not tested")
    told = {"metersPerUnit": 0.01, "timeCodesPerSecond": 24, "framesPerSecond": 24, "upAxis": '"Y"'}
    lines = "\n    ".join(f"{name} = {value}" for name, value in (told | stage_metadata).items())
    path.write_text(
        f"""#usda 1.0
(
    {lines}
)
def Xform "rig"
{{
    double3 xformOp:translate.timeSamples = {{ 1001: (0, 100, 0), 1003: (200, 100, 0) }}
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Camera "main"
    {{
        float focalLength.timeSamples = {{ 1001: 20, 1003: 40 }}
        float horizontalAperture = 24
        float horizontalApertureOffset = 2
        float verticalApertureOffset = -1
        double3 xformOp:translate = (0, 0, 300)
        float xformOp:rotateY = 90
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateY"]
    }}
}}
def Camera "locked"
{{
    float focalLength = 50
    float horizontalAperture = 36
}}
def Camera "flat"
{{
    token projection = "orthographic"
}}
"""
    )
    return str(path)


def test_usd_with_its_parents_its_unit_and_its_zoom(tmp_path: Path) -> None:
    path = write_usd(tmp_path / "shot.usda")
    track = opened(path, prim_path="/rig/main")
    assert track.cameras[1002].lens == FilmBack(30, 24, 2, -1)
    assert place_of(track, 1002) == [1, 1, 3]
    matrix = track.cameras[1001].world_from_camera
    assert matrix is not None
    # turned by 90 degrees about y, it looks along -x
    np.testing.assert_allclose(matrix[:3, :3] @ [0, 0, -1], [-1, 0, 0], atol=1e-9)
    assert place_of(opened(path, prim_path="/rig/main", unit=M), 1002) == [100, 100, 300]
    locked = opened(path, (1, 5000), prim_path="/locked")
    assert locked.cameras[5000].lens == FilmBack(50, 36)
    assert place_of(locked, 1) == [0, 0, 0]


def test_usd_refuses_what_it_would_hold_or_guess(tmp_path: Path) -> None:
    path = write_usd(tmp_path / "shot.usda")
    with pytest.raises(CameraError, match="no camera for frames 999-1000,1004"):
        opened(path, (999, 1000, 1001, 1004), prim_path="/rig/main")
    with pytest.raises(
        CameraError, match=r"3 cameras; --camera-path names one of: /rig/main, /locked, /flat"
    ):
        opened(path)
    with pytest.raises(CameraError, match="no camera /rig; "):
        opened(path, prim_path="/rig")
    with pytest.raises(CameraError, match=r"/flat, frame 1001: is orthographic"):
        opened(path, prim_path="/flat")
    with pytest.raises(CameraError, match="cannot be read"):
        opened(str(tmp_path / "absent.usd"))
    torn = tmp_path / "torn.usda"
    torn.write_text("#usda 1.0\n(")
    with pytest.raises(CameraError, match="is no stage of USD"):
        opened(str(torn))


def test_usd_s_time_is_its_own_and_z_up_is_told(tmp_path: Path) -> None:
    path = write_usd(tmp_path / "z.usda", framesPerSecond=12, upAxis='"Z"')
    # two time codes a frame: frame 501 is at 1002
    track = opened(path, (501,), prim_path="/rig/main")
    assert track.cameras[501].lens == FilmBack(30, 24, 2, -1)
    assert "z is up" in track.notices[0]


def test_json_of_the_page_is_a_camera(tmp_path: Path) -> None:
    """The example of docs/camera.md is read as it stands there."""
    page = (Path(__file__).resolve().parents[1] / "docs" / "camera.md").read_text(encoding="utf-8")
    told = json.loads(page.split("```json\n")[1].split("```")[0])
    path = tmp_path / "cam.json"
    path.write_text(json.dumps(told))
    track = opened(str(path), tuple(one["frame"] for one in told["frames"]))
    assert place_of(track, told["frames"][0]["frame"]) == [0, 1.6, 4]
