"""How far two views disagree, measured where both see the same, and said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from plates import shared_plates
from render_kit import WINDOW, RenderKit, at, run_with
from render_kit import write_plate as write_mono
from stereo_kit import (
    BY_VIEW,
    KINDS,
    ONE,
    PARALLAX_PX,
    VIEWS,
    Eyes,
    eye,
    places,
    stereo,
    stereo_shot,
)

from flashdepth_vfx import (
    StereoResult,
)
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.parallax import match_rows
from flashdepth_vfx.stereo import light_on, matching_canvas, sampled


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [1.0, 1.1, 0.8])
def test_the_mismatch_is_what_one_view_is_nearer_by(
    kind: str, factor: float, kit: RenderKit
) -> None:
    plates = stereo_shot(kit, (1, 2, 3), kind)
    for out in places(kind):
        job = kit.job(plates, out, view="left,right", convention="z", overwrite=True)
        result = run_with(Eyes(factor), job)
        assert isinstance(result, StereoResult)
        (found,) = result.mismatches
        assert (found.hero, found.other, found.frames) == ("left", "right", (1, 2, 3))
        assert found.ratio == pytest.approx(factor, rel=1e-3)
        assert found.spread == pytest.approx(0.0, abs=0.01)
        (path,) = result.manifest.parent.glob("stereo.1-3.json")
        assert json.loads(path.read_text())["mismatches"][0]["ratio"] == found.ratio
        said = str(found)
        assert ("20.0% farther" in said) == (factor == 0.8)


def test_views_of_other_things_are_not_compared(kit: RenderKit) -> None:
    plates = stereo_shot(kit, (1,), "files")
    write_mono(
        at(plates.replace("%V", "right"), 1), 1, rgb=np.full((*WINDOW.shape, 3), 0.3, np.float32)
    )
    (found,) = stereo(kit, plates, BY_VIEW).mismatches
    assert (found.ratio, found.frames) == (None, ())
    assert "not compared" in str(found)


def test_matches_are_where_both_see_the_same() -> None:
    left, right = (eye(view, 1).mean(-1) for view in VIEWS)
    right = right.copy()
    right[20:50, 40:80] = 0.5
    everywhere = np.ones(left.shape, bool)
    found = match_rows(left, right, everywhere, everywhere)
    assert len(found.rows) > 0.5 * left.size
    assert np.mean(found.others - found.columns == -PARALLAX_PX) > 0.99
    covered = (found.rows > 24) & (found.rows < 46) & (found.others > 44) & (found.others < 76)
    assert covered.sum() < 30
    known = everywhere.copy()
    known[:, :80] = False
    half = match_rows(left, right, known, everywhere)
    assert half.columns.min() >= 80


def test_the_command_says_how_far_the_views_disagree(
    kit: RenderKit, flashdepth: Callable[..., Any]
) -> None:
    plates = stereo_shot(kit, (1,))
    ended = flashdepth(
        "render", plates, "-o", str(kit.folder / ONE), "--view", "all", "--weights", str(kit.weights),
        "--device", "cpu", "--json",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "stereo: right against left: " in ended.stderr
    plain = json.loads(ended.stdout)
    assert plain["mismatches"][0]["other"] == "right"
    ended = flashdepth(
        "convert", str(kit.folder / ONE), "-o", str(kit.folder / "z/%V.####.exr"), "--view", "all",
        "--convention", "z",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "done: 2 written" in ended.stderr


def test_real_plates_agree_in_their_own_distance() -> None:
    plates = str(shared_plates("beachball") / "beachball.####.exr")
    right, left = (open_plates(plates, view=view).read(3) for view in ("right", "left"))
    canvas = matching_canvas(right.header, left.header)
    small = []
    for name in ("Z", "left.Z"):
        plate = open_plates(plates, channels=(name,)).read(3)
        small.append(sampled(plate.rgb[..., 0], plate.header.data_window, canvas))
    known = [(one > 0) & (one < 1e4) for one in small]
    found = match_rows(light_on(right, canvas), light_on(left, canvas), *known)
    ratio = small[1][found.rows, found.others] / small[0][found.rows, found.columns]
    assert len(found.rows) > 0.2 * known[0].sum()
    assert np.median(ratio) == pytest.approx(1.0, abs=1e-3)
    assert np.median(np.abs(ratio - 1)) < 0.002
