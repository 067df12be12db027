"""`flashdepth diff`: two versions of a pass, told apart by what they say and not by how they say it."""

from __future__ import annotations

import base64
import json
import math
import re
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from hypothesis import given
from hypothesis import strategies as st
from review_kit import depth_file, page_of, slope, write_pass

from flashdepth_batch import main as batch_main
from flashdepth_vfx.errors import PlateError, SettingsError
from flashdepth_vfx.review import Comparison, compare_passes, find_passes, write_comparison
from flashdepth_vfx.settings import Convention, SceneUnit


def compared(a: Path, b: Path) -> Comparison:
    (one,), (two,) = find_passes(str(a)), find_passes(str(b))
    return compare_passes(one, two)


def test_a_pass_is_identical_to_itself_and_no_other(tmp_path: Path) -> None:
    frames = {f: slope() * np.float32(f) for f in (1, 2, 3)}
    write_pass(tmp_path / "a", frames)
    write_pass(tmp_path / "b", frames)
    assert compared(tmp_path / "a", tmp_path / "b").identical
    one_bit = frames[2].copy()
    one_bit[7, 9] = np.nextafter(one_bit[7, 9], np.float32(9))
    write_pass(tmp_path / "c", {**frames, 2: one_bit})
    told = compared(tmp_path / "a", tmp_path / "c")
    assert not told.identical
    assert [one.identical for one in told.frames] == [True, False, True]
    assert 0 < told.most_percent < 1e-4


def test_the_difference_is_a_share_of_the_nearer(tmp_path: Path) -> None:
    here = slope()
    there = here.copy()
    there[10:20, 5:15] *= np.float32(1.25)
    write_pass(tmp_path / "a", {1: here})
    write_pass(tmp_path / "b", {1: there})
    (one,) = compared(tmp_path / "a", tmp_path / "b").frames
    assert one.most_percent == pytest.approx(20, rel=1e-4)
    assert one.mean_percent == pytest.approx(20 * 100 / here.size, rel=1e-3)
    (back,) = compared(tmp_path / "b", tmp_path / "a").frames
    assert back.most_percent == pytest.approx(one.most_percent)


OTHERS = [
    (Convention.Z, SceneUnit.CM),
    (Convention.DISPARITY, SceneUnit.M),
    (Convention.INVERSE_Z, SceneUnit.FT),
]


@pytest.mark.parametrize(("convention", "unit"), OTHERS)
def test_conventions_and_units_are_no_difference(
    tmp_path: Path, convention: Convention, unit: SceneUnit
) -> None:
    write_pass(tmp_path / "a", {1: slope()})
    write_pass(tmp_path / "b", {1: slope()}, convention=convention, unit=unit)
    told = compared(tmp_path / "a", tmp_path / "b")
    assert told.most_percent < 1e-3
    write_pass(tmp_path / "c", {1: slope() * np.float32(1.1)}, convention=convention, unit=unit)
    assert compared(tmp_path / "a", tmp_path / "c").most_percent > 9


def test_what_cannot_be_turned_back_is_compared_with_its_like_alone(tmp_path: Path) -> None:
    white, black = Convention.NORMALISED_NEAR_WHITE, Convention.NORMALISED_NEAR_BLACK
    write_pass(tmp_path / "a", {1: slope()}, convention=white, raw=True)
    write_pass(tmp_path / "b", {1: slope() + np.float32(0.25)}, convention=white, raw=True)
    write_pass(tmp_path / "c", {1: slope()}, convention=black, raw=True)
    write_pass(tmp_path / "d", {1: slope()})
    assert compared(tmp_path / "a", tmp_path / "b").most_percent == pytest.approx(25, rel=1e-4)
    for other in ("c", "d"):
        with pytest.raises(SettingsError, match="convert one"):
            compared(tmp_path / "a", tmp_path / other)


@given(st.integers(-20, 20), st.integers(-20, 20))
def test_a_pixel_is_compared_with_the_one_in_its_place(
    tmp_path_factory: pytest.TempPathFactory, x: int, y: int
) -> None:
    folder = tmp_path_factory.mktemp("windows")
    whole = np.random.default_rng(3).random((88, 104), np.float32) + np.float32(0.1)
    write_pass(folder / "a", {1: whole[20:68, 20:84]}, corner=(0, 0))
    write_pass(folder / "b", {1: whole[20 + y : 68 + y, 20 + x : 84 + x]}, corner=(x, y))
    told = compared(folder / "a", folder / "b")
    assert told.most_percent == 0
    assert told.identical is (x == y == 0)
    assert bool(told.remarks) is not (x == y == 0)


def test_windows_that_do_not_meet_and_torn_frames_are_said(tmp_path: Path) -> None:
    write_pass(tmp_path / "a", {1: slope(), 2: slope()})
    write_pass(tmp_path / "b", {1: slope(), 2: slope()}, corner=(500, 0))
    told = compared(tmp_path / "a", tmp_path / "b")
    assert told.frames == ()
    assert "do not meet" in told.remarks[0]
    torn = depth_file(str(tmp_path / "a" / "shot.####.exr"), 2)
    torn.write_bytes(torn.read_bytes()[:-99])
    told = compared(tmp_path / "a", tmp_path / "a")
    assert any(f"{torn}: is torn" in remark for remark in told.remarks)
    assert not told.identical


def test_frames_of_one_of_them_only_are_a_difference(tmp_path: Path) -> None:
    write_pass(tmp_path / "a", {f: slope() for f in (1, 2, 3)})
    write_pass(tmp_path / "b", {f: slope() for f in (2, 3, 4)})
    told = compared(tmp_path / "a", tmp_path / "b")
    assert (str(told.only_a), str(told.only_b)) == ("1", "4")
    assert told.most_percent == math.inf
    assert json.loads(json.dumps(told.to_plain()))["most_percent"] is None
    write_pass(tmp_path / "c", {9: slope()})
    with pytest.raises(SettingsError, match="no frame in common"):
        compared(tmp_path / "a", tmp_path / "c")
    with pytest.raises(PlateError):
        compared(tmp_path / "a", tmp_path / "nowhere")


def test_the_sky_is_no_ratio(tmp_path: Path) -> None:
    here = slope()
    here[:5] = 0
    there = here.copy()
    there[:5] = 1e-7
    write_pass(tmp_path / "a", {1: here})
    write_pass(tmp_path / "b", {1: there})
    assert compared(tmp_path / "a", tmp_path / "b").most_percent < 0.01


def test_the_exit_code_is_by_the_tolerance(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_pass(tmp_path / "a", {1: slope()})
    write_pass(tmp_path / "b", {1: slope() * np.float32(1.02)})
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    codes = {t: batch_main.main(["diff", a, b, "--tolerance", t]) for t in ("0", "1", "2")}
    assert codes == {"0": 1, "1": 1, "2": 0}
    assert batch_main.main(["diff", a, b]) == 0
    assert batch_main.main(["diff", a, a, "--tolerance", "0"]) == 0
    assert batch_main.main(["diff", a, b, "--tolerance", "-1"]) == 2
    capfd.readouterr()
    assert batch_main.main(["diff", a, b, "--json"]) == 0
    (frame,) = json.loads(capfd.readouterr().out)["frames"]
    assert frame["most_percent"] == pytest.approx(100 * 0.02 / 1.02, rel=1e-3)


def pictures_in(page: Path) -> list[np.ndarray]:
    """Those inside it, `(H, W, 3)`."""
    found = []
    for index, data in enumerate(re.findall(r"base64,([^\"]+)", page.read_text())):
        path = page.with_name(f"{index}.png")
        path.write_bytes(base64.b64decode(data))
        found.append(np.asarray(OpenImageIO.ImageBuf(str(path)).get_pixels()[..., :3]))
    return found


def test_the_heat_map_is_light_where_they_differ(tmp_path: Path) -> None:
    here = slope(96, 128)
    there = here.copy()
    there[24:48, 64:96] *= np.float32(1.5)
    write_pass(tmp_path / "a", {1: here})
    write_pass(tmp_path / "b", {1: there})
    page = write_comparison(compared(tmp_path / "a", tmp_path / "b"), tmp_path / "diff.html")
    assert "33.3 %" in page_of(page).text
    first, second, heat = pictures_in(page)
    rows, columns = slice(68, 112), slice(168, 232)
    assert heat[rows, columns].mean() > 0.8
    outside = heat.copy()
    outside[56:124, 156:244] = 0
    assert outside.max() < 0.1
    assert second[rows, columns].mean() > first[rows, columns].mean() + 0.1
