"""Near and far as a calibration, what `convert` reads how often, and how its result is handed over."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import command_line, run_process
from render_kit import Probe, RenderKit, depth_of, header_of, run_with
from test_convert import convert, shot_of

from flashdepth_vfx import Convention, ConvertJob, convert_depth
from flashdepth_vfx.calibration import calibrate_against, calibrate_range
from flashdepth_vfx.depthsource import DepthSource
from flashdepth_vfx.distances import find_calibration
from flashdepth_vfx.errors import CalibrationError, OutputExistsError, SettingsError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.plate import Plate

Z = Convention.Z


def test_near_and_far_put_the_ends_of_the_shot_where_they_are(kit: RenderKit) -> None:
    # over the shot disparity spans 5 to 80, though no frame has both
    shot_of(kit, [10.0, 40.0, 5.0, 80.0])
    result = convert(kit, convention=Z, near=200, far=3000, scene_unit="cm")
    found = kit.depths("out/shot.####.exr")
    assert float(found[4][50, 120]) == pytest.approx(200, rel=1e-4)
    assert float(found[3][50, 120]) == pytest.approx(3000, rel=1e-4)
    assert result.calibration is not None
    scale, shift = result.calibration.scale, result.calibration.shift_per_m
    assert (scale * 0.8 + shift, scale * 0.05 + shift) == pytest.approx((1 / 2, 1 / 30))
    # what is between lies on the same line
    assert float(found[1][50, 20]) == pytest.approx(100 / (scale * 0.2 + shift), rel=1e-4)
    told = header_of(kit.path(1, "out/shot.####.exr"))
    assert (told["flashdepth/calibrated"], told["flashdepth/unit"]) == (1, "cm")
    met = "from 2 ends of its range, half of them off by less than 0 %, the worst by 0 %"
    assert told["flashdepth/calibration"].endswith(met), "no rounding, which differs by machine"


def test_a_range_that_grew_is_no_longer_the_same_calibration(kit: RenderKit) -> None:
    shot_of(kit, [10.0, 40.0])
    convert(kit, convention=Z, near=2, far=20)
    shot_of(kit, [10.0, 40.0, 5.0])
    with pytest.raises(OutputExistsError, match="converted otherwise"):
        convert(kit, convention=Z, near=2, far=20)
    assert convert(kit, convention=Z, near=2, far=20, overwrite=True).frames == (1, 2, 3)


def test_near_and_far_of_a_normalised_pass_stay_its_range(kit: RenderKit) -> None:
    shot_of(kit, [10.0, 40.0])
    result = convert(kit, convention=Convention.NORMALISED_NEAR_WHITE, near=2, far=20)
    assert result.calibration is None
    assert header_of(kit.path(1, "out/shot.####.exr"))["flashdepth/calibrated"] == 0


def test_a_shot_that_is_all_equally_near_has_no_ends(kit: RenderKit) -> None:
    shot_of(kit, [20.1, 20.2])
    with pytest.raises(CalibrationError, match="equally near"):
        convert(kit, convention=Z, near=2, far=20)
    run_with(
        Probe(torch.zeros(96, 160)), kit.job(kit.shot([1], "sky/s.####.exr"), "sky/d.####.exr")
    )
    with pytest.raises(SettingsError, match="all of it is sky"):
        convert(kit, source="sky/d.####.exr", convention=Z, near=2, far=20)
    assert not (kit.folder / "out").exists()
    with pytest.raises(CalibrationError, match="equally near"):
        calibrate_range(0.5, 0.0, 1.0, 2.0)


@pytest.mark.parametrize(
    "several",
    [
        {"anchors": ("1,1,1=2", "2,2,1=3"), "reference": "cg.####.exr"},
        {"anchors": ("1,1,1=2", "2,2,1=3"), "near": 1.0, "far": 3.0},
        {"reference": "cg.####.exr", "near": 1.0, "far": 3.0},
    ],
)
def test_two_calibrations_at_once_are_refused(several: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"--\w+.* and --.*both calibrate: give one of them"):
        ConvertJob(input="a.####.exr", output="b.####.exr", **several)
    white = Convention.NORMALISED_NEAR_WHITE
    if not {"anchors", "reference"} <= set(several):
        # there near and far are the range, whatever calibrates
        ConvertJob(input="a.####.exr", output="b.####.exr", convention=white, **several)
    with pytest.raises(SettingsError, match="--far inf calibrates nothing"):
        ConvertJob(input="a.####.exr", output="b.####.exr", near=1.0, far=float("inf"))


class Counting:
    """A reader that counts how often another one reads a frame."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.reads = inner, Counter[int]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def read(self, frame: int) -> Plate:
        self.reads[frame] += 1
        plate: Plate = self.inner.read(frame)
        return plate


def test_a_frame_of_several_anchors_is_read_once(kit: RenderKit) -> None:
    shot_of(kit, [10.0, 40.0])
    pattern = str(kit.folder / "depth/shot.####.exr")
    counting = Counting(open_plates(pattern, channels=("depth.Z",)))
    source = DepthSource(counting, "depth.Z", 1)
    # out of order, and their own values each: the left half is 20, the right one 10 and then 40
    anchors = ("120,20,2=1", "20,10,1=2", "120,20,1=4", "20,30,2=2")
    job = ConvertJob(input=pattern, output="unused.####.exr", convention=Z, anchors=anchors)
    found = find_calibration(job, (source,))
    assert found is not None
    assert found.worst < 1e-3
    assert counting.reads == {1: 1, 2: 1}


def test_headers_are_read_by_several_threads_and_in_order(kit: RenderKit) -> None:
    shot_of(kit, [10.0, 40.0])
    source_reader = open_plates(str(kit.folder / "depth/shot.####.exr"), channels=("depth.Z",))
    together, names = threading.Barrier(2, timeout=20), set()

    class Waits(DepthSource):
        def _attributes(self, frame: int) -> Any:
            # passes only where two headers are read at the same time
            together.wait()
            names.add(threading.current_thread().name)
            return super()._attributes(frame)

    found = Waits(source_reader, "depth.Z", 1)
    assert list(found.given) == [1, 2]
    assert len(names) == 2


def test_the_residuals_of_a_layer_are_summed_up_and_those_of_anchors_told(kit: RenderKit) -> None:
    drawn = np.random.default_rng(3)
    disparity = drawn.uniform(5, 80, 5000).astype(np.float32)
    distance = 100 / disparity * drawn.normal(1, 0.03, 5000).astype(np.float32)
    told = json.loads(json.dumps(calibrate_against(disparity, distance).to_plain()))
    assert told["residuals"] is None
    off = told["residuals_off"]
    assert off["count"] == 5000
    assert 0.015 < off["median"] < 0.025 < off["p90"] < 0.06 < off["max"]
    shot_of(kit, [10.0, 40.0])
    result = convert(kit, convention=Z, anchors=("20,10,1=3", "120,90,2=2", "20,20,2=3"))
    plain = json.loads(json.dumps(result.to_plain()))
    assert len(plain["calibration"]["residuals"]) == 3
    assert plain["calibration"]["residuals_off"]["count"] == 3
    assert plain["frames"] == [1, 2]
    assert plain["span"] is None


def test_the_command_with_a_camera_and_nobody_to_take_its_result(
    flashdepth: Callable[..., subprocess.CompletedProcess[str]], kit: RenderKit
) -> None:
    shot_of(kit, [10.0, 40.0])
    camera = kit.folder / "cam.json"
    camera.write_text('{"format": "flashdepth-camera/1", "focal_mm": 35, "film_width_mm": 24}')
    asked = [
        "convert",
        str(kit.folder / "depth/shot.####.exr"),
        "-o",
        str(kit.folder / "p/shot.####.exr"),
    ]
    asked += [
        "--near",
        "2",
        "--far",
        "20",
        "--position",
        "camera",
        "--camera",
        str(camera),
        "--json",
    ]
    refused = flashdepth(*asked)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--lens undistorted" in refused.stderr
    asked += ["--lens", "undistorted"]
    done = flashdepth(*asked)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["camera"] == "cam.json"
    lost = run_process(
        [
            "bash",
            "-c",
            'set -o pipefail; "$@" | true',
            "bash",
            *command_line([*asked, "--overwrite"]),
        ],
        kit.folder,
    )
    assert lost.returncode == 0, lost.stderr
    assert f"nobody reads stdout (Broken pipe): the depth is in {kit.folder / 'p'}" in lost.stderr
    assert "Exception ignored" not in lost.stderr


def test_defaults_of_the_command_are_the_job_s(
    flashdepth: Callable[..., subprocess.CompletedProcess[str]], kit: RenderKit
) -> None:
    shot_of(kit, [10.0])
    source, out = kit.folder / "depth/shot.####.exr", kit.folder / "c/shot.####.exr"
    assert flashdepth("convert", str(source), "-o", str(out)).returncode == 0
    job = ConvertJob(input=str(source), output=str(kit.folder / "j/shot.####.exr"))
    convert_depth(job)
    made, by_job = Path(str(out).replace("####", "0001")), kit.path(1, "j/shot.####.exr")
    assert made.read_bytes() == by_job.read_bytes()
    assert depth_of(made).shape == (96, 160)
    folder = flashdepth("convert", str(source), "-o", f"{kit.folder / 'f'}/")
    assert f"done: 1 written to {kit.folder / 'f' / 'shot_inverse_z.####.exr'}" in folder.stderr
    helped = flashdepth("convert", "--help").stdout
    for default in (job.convention, job.scene_unit, job.depth_layer, job.compression):
        assert f"[default: {default}]" in " ".join(helped.split())
