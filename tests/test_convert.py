"""`convert_depth`: rendered depth in another convention, unit, range or scale, whole or not at all."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import torch
from render_kit import AS_STORED, RenderKit, at, depths, run, run_with
from render_kit import Probe as ProbeNet

from flashdepth_vfx import Convention, ConvertJob, ConvertResult, SceneUnit, convert_depth
from flashdepth_vfx.errors import (
    CalibrationError,
    FlashDepthError,
    Interrupted,
    OutputExistsError,
    PlateError,
    SettingsError,
)
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.plate import FloatArray, Window

DATA, DISPLAY = Window(8, 4, 120, 80), Window(0, 0, 160, 96)


@pytest.fixture
def rendered(kit: RenderKit) -> RenderKit:
    """Six frames of depth in `depth/shot.####.exr`, of plates with a data window of their own."""
    run(kit.job(kit.shot(range(1, 7), data=DATA, display=DISPLAY, owner="the show")))
    return kit


def convert(kit: RenderKit, out: str = "out/shot.####.exr", **changes: Any) -> ConvertResult:
    source = str(kit.folder / changes.pop("source", "depth/shot.####.exr"))
    return convert_depth(ConvertJob(input=source, output=str(kit.folder / out), **changes))


def header(kit: RenderKit, frame: int, out: str = "out/shot.####.exr") -> dict[str, Any]:
    return dict(read_headers(kit.path(frame, out))[0])


def test_a_distance_is_the_inverse_and_windows_and_metadata_stay(rendered: RenderKit) -> None:
    result = convert(rendered, convention=Convention.Z, scene_unit=SceneUnit.CM)
    assert result.frames == (1, 2, 3, 4, 5, 6)
    inverse, distance = rendered.depths(), rendered.depths("out/shot.####.exr")
    for frame, pixels in distance.items():
        np.testing.assert_allclose(pixels, 100.0 / inverse[frame], rtol=1e-5)
    before, after = header(rendered, 3, "depth/shot.####.exr"), header(rendered, 3)
    assert after["owner"] == "the show"
    for name in ("dataWindow", "displayWindow"):
        assert np.array_equal(after[name], before[name])
    assert after["flashdepth/convention"] == "z"
    assert after["flashdepth/unit"] == "cm nominal, uncalibrated"
    assert after["flashdepth/past"] == before["flashdepth/past"]
    assert after["flashdepth/settings"] != before["flashdepth/settings"]


def test_there_and_back_is_the_same(rendered: RenderKit) -> None:
    convert(rendered, "z/shot.####.exr", convention=Convention.Z, scene_unit=SceneUnit.FT)
    convert(rendered, "back/shot.####.exr", source="z/shot.####.exr")
    back = rendered.depths("back/shot.####.exr")
    for frame, pixels in rendered.depths().items():
        np.testing.assert_allclose(back[frame], pixels, rtol=1e-5)


def shot_of(kit: RenderKit, levels: list[float]) -> None:
    """Depth of a shot whose left half is at disparity 20 throughout, and its right half at `levels`."""
    plates = kit.shot(range(1, len(levels) + 1))
    for number, level in enumerate(levels, start=1):
        answer = torch.full((96, 160), 20.0)
        answer[:, 80:] = level
        job = kit.job(plates, f"one{number}/shot.####.exr", frames=f"{number}", sparse=True)
        run_with(ProbeNet(answer), job)
        path = at(str(kit.folder / "depth/shot.####.exr"), number)
        path.parent.mkdir(exist_ok=True)
        at(str(kit.folder / f"one{number}/shot.####.exr"), number).rename(path)


def test_a_pixel_of_constant_disparity_keeps_its_value_through_the_shot(kit: RenderKit) -> None:
    shot_of(kit, [10.0, 40.0, 5.0, 80.0])
    result = convert(kit, convention=Convention.NORMALISED_NEAR_WHITE)
    left = {float(pixels[48, 20]) for pixels in kit.depths("out/shot.####.exr").values()}
    assert len(left) == 1
    assert left.pop() == pytest.approx((20.0 - 5.0) / 75.0, abs=1e-6)
    assert result.span is not None
    assert (result.span.near_per_m, result.span.far_per_m) == pytest.approx((0.8, 0.05))
    told = json.loads((kit.folder / "out/shot.flashdepth/range.json").read_text())
    assert told["near_per_m"] == result.span.near_per_m


def test_a_range_survives_new_handles_until_it_is_replaced(kit: RenderKit) -> None:
    shot_of(kit, [10.0, 40.0])
    first = convert(kit, convention=Convention.NORMALISED_NEAR_BLACK)
    before = kit.depths("out/shot.####.exr")
    shot_of(kit, [10.0, 40.0, 2.0])
    second = convert(kit, convention=Convention.NORMALISED_NEAR_BLACK)
    assert second.frames == (1, 2, 3), "all were rendered again"
    assert second.span == first.span
    after = kit.depths("out/shot.####.exr")
    assert all(np.array_equal(before[frame], after[frame]) for frame in before)
    third = convert(kit, convention=Convention.NORMALISED_NEAR_BLACK, overwrite=True)
    assert third.frames == (1, 2, 3)
    assert third.span is not None
    assert third.span.far_per_m == pytest.approx(0.02)


def test_a_range_may_be_given_or_read(kit: RenderKit) -> None:
    shot_of(kit, [10.0, 40.0])
    white = Convention.NORMALISED_NEAR_WHITE
    given = convert(kit, "a/shot.####.exr", convention=white, near=200, far=1e4, scene_unit="cm")
    assert given.span is not None
    assert (given.span.near_per_m, given.span.far_per_m) == pytest.approx((0.5, 0.01))
    file = str(kit.folder / "a/shot.flashdepth/range.json")
    assert convert(kit, "b/shot.####.exr", convention=white, range_file=file).span == given.span
    one, two = kit.depths("a/shot.####.exr"), kit.depths("b/shot.####.exr")
    assert all(np.array_equal(one[frame], two[frame]) for frame in one)
    with pytest.raises(OutputExistsError, match="another range"):
        convert(kit, "a/shot.####.exr", convention=white, near=1.0, far=3.0)


def test_anchors_make_it_metric(kit: RenderKit) -> None:
    shot_of(kit, [10.0, 40.0])
    # from below: the left half is 3 m away, the right half of frame 2 is 2 m away
    anchors = ("20,10,1=3", "120,90,2=2")
    result = convert(kit, convention=Convention.Z, anchors=anchors)
    found = kit.depths("out/shot.####.exr")
    assert float(found[1][50, 20]) == pytest.approx(3.0, rel=1e-5)
    assert float(found[2][50, 120]) == pytest.approx(2.0, rel=1e-5)
    said = header(kit, 1)
    assert (said["flashdepth/calibrated"], said["flashdepth/unit"]) == (1, "m")
    assert "from 2 distances" in said["flashdepth/calibration"]
    assert result.calibration is not None
    assert result.calibration.worst < 1e-6


def test_an_anchor_is_counted_from_the_bottom(kit: RenderKit) -> None:
    plates = kit.shot([1])
    answer = torch.full((96, 160), 20.0)
    answer[:48] = 50.0
    run_with(ProbeNet(answer), kit.job(plates))
    convert(kit, convention=Convention.Z, anchors=("80,90,1=2", "80,5,1=6"))
    found = kit.depths("out/shot.####.exr")[1]
    assert (float(found[5, 80]), float(found[90, 80])) == pytest.approx((2.0, 6.0), rel=1e-5)


BAD: list[tuple[dict[str, Any], type[FlashDepthError], str]] = [
    ({"anchors": ("20,10,1=3", "120,90,2=9")}, CalibrationError, "contradict"),
    ({"anchors": ("20,10,1=3", "500,90,2=2")}, CalibrationError, "outside the data window"),
    ({"anchors": ("20,10,1=3", "20,10,9=2")}, SettingsError, "frame 9 is not in the input"),
    ({"anchors": ("20,10,1=3",)}, CalibrationError, "two or more"),
    ({"range_file": "other.json"}, SettingsError, "the range of other.####.exr"),
    ({"range_file": "absent.json"}, SettingsError, "not a range file"),
    ({"range_file": "torn.json"}, SettingsError, "not a range file"),
]


@pytest.mark.parametrize(("changes", "error", "word"), BAD)
def test_bad_input_ends_in_one_error_and_nothing_written(
    kit: RenderKit, changes: dict[str, Any], error: type[FlashDepthError], word: str
) -> None:
    shot_of(kit, [10.0, 40.0])
    plain = {"format": "flashdepth-range/1", "shot": "other.####.exr"}
    (kit.folder / "other.json").write_text(json.dumps(plain | {"near_per_m": 1, "far_per_m": 0}))
    (kit.folder / "torn.json").write_text('{"format": "flashdepth-range/1", "sh')
    if "range_file" in changes:
        changes = changes | {"range_file": str(kit.folder / changes["range_file"])}
    with pytest.raises(error, match=word):
        convert(kit, convention=Convention.NORMALISED_NEAR_WHITE, **changes)
    assert not (kit.folder / "out").exists()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"near": 1.0}, "go together"),
        ({"near": 3.0, "far": 1.0}, "0 < near < far"),
        ({"near": 1.0, "far": 3.0, "range_file": "x"}, "give one of them"),
        ({"range_file": "x", "convention": Convention.Z}, "has no range"),
    ],
)
def test_a_job_that_contradicts_itself_is_refused(changes: dict[str, Any], word: str) -> None:
    settings: dict[str, Any] = {"convention": Convention.NORMALISED_NEAR_WHITE, **changes}
    with pytest.raises(SettingsError, match=word):
        ConvertJob(input="a.####.exr", output="b.####.exr", **settings)


def test_what_is_not_depth_of_ours_is_refused(rendered: RenderKit) -> None:
    channel = {"depth.Z": np.ones((8, 8), np.float32)}
    where = rendered.folder / "foreign"
    where.mkdir()
    OpenEXR.File({"type": OpenEXR.scanlineimage}, channel).write(str(where / "shot.0001.exr"))
    with pytest.raises(PlateError, match="not depth of ours"):
        convert(rendered, source="foreign/shot.####.exr")
    convert(rendered, "white/shot.####.exr", convention=Convention.NORMALISED_NEAR_WHITE)
    with pytest.raises(PlateError, match="cannot be turned back"):
        convert(rendered, source="white/shot.####.exr")
    with pytest.raises(SettingsError, match="the output is a plate of the input"):
        convert(rendered, "depth/shot.####.exr")
    with pytest.raises(SettingsError, match="one file for 6 frames"):
        convert(rendered, "one.exr", convention=Convention.Z)
    with pytest.raises(SettingsError, match=r"end the name in \.exr"):
        convert(rendered, "z.####.png", convention=Convention.Z)


def test_a_folder_as_output_gets_names_made_from_the_source_s(rendered: RenderKit) -> None:
    convert(rendered, "z/", convention=Convention.Z)
    names = sorted(path.name for path in (rendered.folder / "z").glob("*.exr"))
    assert names == [f"shot_z.{frame:04d}.exr" for frame in range(1, 7)]


def test_other_frames_are_in_the_way_until_they_may_be_replaced(rendered: RenderKit) -> None:
    convert(rendered, convention=Convention.Z)
    assert convert(rendered, convention=Convention.Z).frames == ()
    with pytest.raises(OutputExistsError, match="converted otherwise"):
        convert(rendered, convention=Convention.Z, scene_unit=SceneUnit.CM)
    again = convert(rendered, convention=Convention.Z, scene_unit=SceneUnit.CM, overwrite=True)
    assert len(again.frames) == 6


def test_stopped_it_leaves_whole_frames_and_goes_on(rendered: RenderKit) -> None:
    stop = threading.Event()
    stop.set()
    source, out = rendered.folder / "depth/shot.####.exr", rendered.folder / "out/shot.####.exr"
    job = ConvertJob(input=str(source), output=str(out), convention=Convention.Z)
    with pytest.raises(Interrupted):
        convert_depth(job, stop=stop)
    assert len(convert_depth(job).frames) + len(depths(str(out))) >= 6
    assert sorted(depths(str(out))) == [1, 2, 3, 4, 5, 6]


def test_a_render_writes_distances_too(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 3))
    run(kit.job(plates))
    run(kit.job(plates, "z/shot.####.exr", convention="z", scene_unit="cm"))
    inverse: dict[int, FloatArray] = kit.depths()
    for frame, pixels in kit.depths("z/shot.####.exr").items():
        np.testing.assert_allclose(pixels, 100.0 / inverse[frame], rtol=1e-5)
    with pytest.raises(SettingsError, match="flashdepth convert"):
        run(kit.job(plates, "white/shot.####.exr", convention="normalised_near_white"))
    assert not (kit.folder / "white").exists()


def test_the_command(
    flashdepth: Callable[..., subprocess.CompletedProcess[str]],
    plates: Callable[..., str],
    nano_weights: Path,
    tmp_path: Path,
) -> None:
    out = str(tmp_path / "depth/shot.####.exr")
    weights = ("--weights", str(nano_weights), "--colorspace", AS_STORED, "--device", "cpu")
    assert flashdepth("render", plates(2), "-o", out, *weights).returncode == 0
    white = ("-o", str(tmp_path / "w/shot.####.exr"), "--convention", "normalised_near_white")
    done = flashdepth("convert", out, *white, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["frames"] == [1001, 1002]
    assert told["span"]["near_per_m"] > told["span"]["far_per_m"]
    assert "range of shot.####.exr" in done.stderr
    failed = flashdepth("convert", out, *white, "--near", "1")
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)
