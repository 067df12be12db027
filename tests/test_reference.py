"""Calibration against a layer of known distances, from made plates and from real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from plates import shared_plates, write_exr
from render_kit import Probe, RenderKit, at, run_with

from flashdepth_vfx import Convention, ConvertJob, convert_depth
from flashdepth_vfx.errors import CalibrationError, NoSuchChannelError, SettingsError
from flashdepth_vfx.job import RenderJob, Shot
from flashdepth_vfx.plate import FloatArray, Window
from flashdepth_vfx.renderer import render
from flashdepth_vfx.settings import RenderSettings

WHOLE = Window(0, 0, 160, 96)
#: What the made network sees is this far, by 1/Z = SCALE disparity / 100 + SHIFT.
SCALE, SHIFT = 3.0, 0.04


def disparity() -> FloatArray:
    rows, columns = np.mgrid[0:96, 0:160].astype(np.float32)
    return np.asarray(5.0 + 30.0 * rows / 96 + 10.0 * columns / 160, np.float32)


@pytest.fixture
def shot(kit: RenderKit) -> RenderKit:
    """Two frames of depth, and CG of the same frames with its distance in `Z` and `depth.Z`, in another window."""
    plates = kit.shot((1, 2))
    run_with(Probe(torch.from_numpy(disparity())), kit.job(plates))
    part = Window(20, 10, 100, 60)
    distance = (1.0 / (SCALE * disparity() / 100 + SHIFT))[part.slices_in(WHOLE)]
    distance[:10, :10] = (0.0, np.inf, np.nan, 1e10, -1.0) * 2
    for frame in (2, 3):
        channels = {"RGB": np.ones((60, 100, 3), np.float32), "Z": distance, "depth.Z": distance}
        write_exr(
            at(str(kit.folder / "cg/shot.####.exr"), frame), channels, data=part, display=WHOLE
        )
    return kit


def job(kit: RenderKit, **changes: object) -> ConvertJob:
    given = {
        "input": str(kit.folder / "depth/shot.####.exr"),
        "output": str(kit.folder / "out/shot.####.exr"),
        "reference": str(kit.folder / "cg/shot.####.exr"),
        "convention": Convention.Z,
    }
    return ConvertJob(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("layer", ["Z", "depth", "depth.Z"])
def test_a_layer_of_distances_makes_it_metric(shot: RenderKit, layer: str) -> None:
    result = convert_depth(job(shot, reference_layer=layer))
    assert result.calibration is not None
    assert (result.calibration.scale, result.calibration.shift_per_m) == pytest.approx(
        (SCALE, SHIFT), rel=1e-3
    )
    wanted = 1.0 / (SCALE * disparity() / 100 + SHIFT)
    found = shot.depths("out/shot.####.exr")
    assert sorted(found) == [1, 2], "frames without a reference too"
    for pixels in found.values():
        np.testing.assert_allclose(pixels, wanted, rtol=2e-3)


def test_units_of_the_reference_are_the_scene_s(shot: RenderKit) -> None:
    result = convert_depth(job(shot, scene_unit="cm"))
    assert result.calibration is not None
    assert result.calibration.scale == pytest.approx(100.0 * SCALE, rel=1e-3)


def test_bad_references_end_in_one_error_and_nothing_written(shot: RenderKit) -> None:
    with pytest.raises(NoSuchChannelError, match="no layer 'beauty'"):
        convert_depth(job(shot, reference_layer="beauty"))
    with pytest.raises(SettingsError, match="give one of them"):
        job(shot, anchors=("1,1,1=2", "2,2,1=3"))
    alone = np.full((96, 160), 5.0, np.float32)
    rgb = np.ones((96, 160, 3), np.float32)
    far = str(shot.folder / "far/shot.####.exr")
    write_exr(at(far, 9), {"RGB": rgb, "Z": alone}, data=WHOLE)
    with pytest.raises(SettingsError, match="no frame of the depth pass"):
        convert_depth(job(shot, reference=far))
    upside_down = str(shot.folder / "wrong/shot.####.exr")
    write_exr(at(upside_down, 1), {"RGB": rgb, "Z": disparity()}, data=WHOLE)
    with pytest.raises(CalibrationError, match="is it planar distance, of this shot"):
        convert_depth(job(shot, reference=upside_down))
    assert not (shot.folder / "out").exists()


@pytest.mark.parametrize(("view", "layer"), [("right", "Z"), ("left", "left.Z")])
def test_the_beachball_s_own_distance(view: str, layer: str, tmp_path: Path) -> None:
    plates = str(shared_plates("beachball") / "beachball.####.exr")
    depth = str(tmp_path / "depth" / f"{view}.####.exr")
    settings = RenderSettings(device="cpu")
    render(
        RenderJob(shot=Shot(input=plates, view=view), output=depth, frames="1,8", settings=settings)
    )
    result = convert_depth(
        ConvertJob(
            input=depth,
            output=str(tmp_path / "metric" / f"{view}.####.exr"),
            convention=Convention.Z,
            reference=plates,
            reference_layer=layer,
        )
    )
    assert result.calibration is not None
    # the ball is 9 to 11 units away: one constant distance is off by 2.2 % in the middle
    assert result.calibration.middle < 0.03
    assert result.calibration.worst < 0.12
