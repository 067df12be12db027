"""Depth of several views, converted with one scale and one range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from render_kit import RenderKit, run_with
from stereo_kit import (
    BY_VIEW,
    ONE,
    VIEWS,
    Eyes,
    depth_of,
    depths_of,
    stereo,
    stereo_shot,
)

from flashdepth_vfx import (
    Convention,
    ConvertJob,
    convert_depth,
)
from flashdepth_vfx.errors import (
    OutputExistsError,
)
from flashdepth_vfx.io.exr_header import read_headers


def convert(kit: RenderKit, source: str, out: str, **more: Any) -> Any:
    given = {"view": "left,right"} | more
    job = ConvertJob(input=str(kit.folder / source), output=str(kit.folder / out), **given)
    return convert_depth(job)


@pytest.fixture(params=["parts", "files"])
def unequal(request: pytest.FixtureRequest, kit: RenderKit) -> tuple[RenderKit, str, str]:
    """Two views whose right eye is twice as near, with a pattern for what they become."""
    plates = stereo_shot(kit, (1, 2), request.param)
    out = BY_VIEW if request.param == "files" else ONE
    run_with(Eyes(2.0), kit.job(plates, out, view="left,right"))
    return kit, out, out.replace("depth/", "out/")


def test_views_are_converted_with_one_range_which_is_that_of_all(
    unequal: tuple[RenderKit, str, str],
) -> None:
    kit, source, out = unequal
    result = convert(kit, source, out, convention=Convention.NORMALISED_NEAR_WHITE)
    assert result.views == {"left": (1, 2), "right": (1, 2)}
    assert result.span.near_per_m == pytest.approx(0.8, rel=0.02)
    assert result.span.far_per_m == pytest.approx(0.1, rel=0.02)
    white = {v: depths_of(kit, out, v, range(1, 3))[1] for v in VIEWS}
    assert white["left"].max() == pytest.approx(3 / 7, abs=0.02)
    assert white["right"].max() == pytest.approx(1.0, abs=0.01)
    again = convert(kit, source, out, convention=Convention.NORMALISED_NEAR_WHITE)
    assert again.views == {"left": (), "right": ()}
    assert again.span == result.span


def test_views_are_converted_with_one_scale_which_is_the_hero_s(
    unequal: tuple[RenderKit, str, str],
) -> None:
    kit, source, out = unequal
    anchors = ("80,10,1=1.0", "80,85,1=4.0")
    result = convert(kit, source, out, convention=Convention.Z, anchors=anchors)
    assert result.calibration is not None
    for view in VIEWS:
        before = depths_of(kit, source, view, range(1, 3))[1]
        after = depths_of(kit, out, view, range(1, 3))[1]
        expected = 1.0 / (result.calibration.scale * before + result.calibration.shift_per_m)
        np.testing.assert_allclose(after, expected, rtol=1e-4)


def test_one_view_of_a_file_of_several_is_converted_alone(kit: RenderKit) -> None:
    stereo(kit, stereo_shot(kit, (1,)), ONE)
    convert(kit, ONE, "out/shot.####.exr", view="right", convention=Convention.DISPARITY)
    (header,) = read_headers(kit.path(1, "out/shot.####.exr"))
    assert header["name"] == "depth"
    right = depths_of(kit, ONE, "right", range(1, 2))[1]
    np.testing.assert_allclose(
        depth_of(kit.path(1, "out/shot.####.exr"), None), right * 100, rtol=1e-6
    )


def test_another_conversion_in_the_way_of_any_view_stops_all(
    unequal: tuple[RenderKit, str, str],
) -> None:
    kit, source, _ = unequal
    out = "out/%V/shot.####.exr"
    convert(kit, source, out, view="right", convention=Convention.DISPARITY)
    with pytest.raises(OutputExistsError):
        convert(kit, source, out, convention=Convention.Z)
    assert not (kit.folder / "out/left").exists()
