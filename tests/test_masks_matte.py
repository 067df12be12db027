"""Mattes: whose channel, which pixels, and what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mask_kit import WINDOW, scene
from plates import write_exr, write_exr_parts, write_image, write_movie
from render_kit import at

from flashdepth_vfx import RenderSettings, Shot
from flashdepth_vfx.errors import (
    MissingFrameError,
    NoSuchChannelError,
    PlateSizeError,
    SettingsError,
)
from flashdepth_vfx.masks import MaskedPlates, mask_plates
from flashdepth_vfx.plate import FloatArray, MaskArray, Window
from flashdepth_vfx.shotinfo import open_shot

RIG = np.zeros(WINDOW.shape, np.float32)
RIG[20:50, 30:70] = 1


def plates_in(folder: Path, frames: range = range(1, 4), **channels: FloatArray) -> str:
    pattern = str(folder / "plates/shot.####.exr")
    for frame in frames:
        whole = {"RGB": scene(frame), **channels}
        write_exr(at(pattern, frame), whole, data=WINDOW, display=WINDOW)
    return pattern


def mattes_in(folder: Path, channels: dict[str, FloatArray], frames: range = range(1, 4)) -> str:
    pattern = str(folder / "mattes/rig.####.exr")
    for frame in frames:
        write_exr(at(pattern, frame), channels, data=WINDOW, display=WINDOW)
    return pattern


def masked(plates: str, view: str | None = None, **settings: Any) -> MaskedPlates:
    shot = Shot(input=plates, view=view)
    return mask_plates(open_shot(shot), shot, RenderSettings(**settings), empty=None)


def ignored(plates: str, frame: int = 2, view: str | None = None, **settings: Any) -> MaskArray:
    mask = masked(plates, view, **settings).read(frame).ignored
    return np.zeros(WINDOW.shape, bool) if mask is None else mask


NAMES = [
    ("rig", {"rig": RIG}),
    ("rig.A", {"rig.A": RIG}),
    ("rig", {"rig.A": RIG, "rig.R": RIG * 0, "rig.G": RIG * 0, "rig.B": RIG * 0}),
    ("rig", {"rig.matte": RIG}),
    ("rig", {"rig.alpha": RIG, "rig.x": RIG * 0}),
]


@pytest.mark.parametrize(("name", "channels"), NAMES)
def test_a_layer_or_channel_of_the_plates_is_the_matte(
    tmp_path: Path, name: str, channels: dict[str, FloatArray]
) -> None:
    assert np.array_equal(ignored(plates_in(tmp_path, **channels), matte=name), RIG > 0)


OWN = [
    (None, {"A": RIG}),
    (None, {"RGBA": np.dstack([RIG * 0, RIG * 0, RIG * 0, RIG])}),
    (None, {"Y": RIG}),
    (None, {"matte": RIG}),
    ("G", {"RGB": np.dstack([RIG * 0, RIG, RIG * 0])}),
    ("burnin", {"burnin.A": RIG, "rig.A": RIG * 0}),
]


@pytest.mark.parametrize(("name", "channels"), OWN)
def test_a_sequence_of_mattes_needs_a_name_only_where_it_could_mean_several(
    tmp_path: Path, name: str | None, channels: dict[str, FloatArray]
) -> None:
    mattes = mattes_in(tmp_path, channels)
    assert np.array_equal(ignored(plates_in(tmp_path), matte=name, matte_input=mattes), RIG > 0)


def test_three_colours_without_alpha_are_asked_about(tmp_path: Path) -> None:
    mattes = mattes_in(tmp_path, {"RGB": np.dstack([RIG] * 3)})
    with pytest.raises(SettingsError, match=r"rig\.0001\.exr: which channel.*--matte; it has: .*G"):
        masked(plates_in(tmp_path), matte_input=mattes)


def test_a_matte_of_a_view_and_of_a_part_is_that_one(tmp_path: Path) -> None:
    stereo = {"RGB": scene(1), "rig.A": RIG * 0, "left.rig.A": RIG, "rig.left.A": RIG}
    stereo |= {f"left.{c}": RIG for c in "RGB"}
    path = tmp_path / "stereo.0001.exr"
    write_exr(path, stereo, data=WINDOW, display=WINDOW, multiView=["right", "left"])
    assert np.array_equal(ignored(str(path), 1, "left", matte="rig"), RIG > 0)
    assert not ignored(str(path), 1, "right", matte="rig").any()
    parts = tmp_path / "parts.0001.exr"
    write_exr_parts(
        parts,
        [
            ({"name": "rgba"}, {"R": RIG + 1, "G": RIG + 1, "B": RIG + 1, "A": RIG * 0 + 1}),
            ({"name": "rig"}, {"A": RIG}),
        ],
    )
    assert np.array_equal(ignored(str(parts), 1, matte="rig"), RIG > 0)


def test_a_still_holds_for_all_frames_and_a_png_will_do(tmp_path: Path) -> None:
    still = tmp_path / "burnin.png"
    write_image(still, (np.dstack([RIG] * 4) * 255).astype(np.uint8))
    plates = plates_in(tmp_path)
    for frame in (1, 3):
        assert np.array_equal(ignored(plates, frame, matte_input=str(still)), RIG > 0)


def test_soft_edges_are_ignored_and_grain_is_not(tmp_path: Path) -> None:
    soft = np.full(WINDOW.shape, 0.05, np.float32)
    soft[40:], soft[60:], soft[90:] = 0.3, 1.0, np.nan
    plates = plates_in(tmp_path, **{"rig.A": soft})
    rows = np.flatnonzero(ignored(plates, matte="rig").all(axis=1))
    assert rows.tolist() == list(range(40, 96))
    rows = np.flatnonzero(ignored(plates, matte="rig", matte_threshold=0.5).all(axis=1))
    assert rows.tolist() == list(range(60, 96))


def test_an_inverted_matte_says_what_to_keep(tmp_path: Path) -> None:
    plates = plates_in(tmp_path, **{"keep.A": 1 - RIG})
    assert np.array_equal(ignored(plates, matte="keep", matte_invert=True), RIG > 0)


@pytest.mark.parametrize("invert", [False, True])
def test_outside_its_data_window_a_matte_is_0(tmp_path: Path, invert: bool) -> None:
    box = Window(30, 20, 40, 30)
    mattes = str(tmp_path / "rig.####.exr")
    write_exr(at(mattes, 2), {"A": np.ones(box.shape, np.float32)}, data=box, display=WINDOW)
    mask = ignored(plates_in(tmp_path), matte_input=mattes, matte_invert=invert)
    assert np.array_equal(mask, (RIG > 0) ^ invert)


def test_a_plate_with_overscan_is_ignored_where_its_matte_reaches(tmp_path: Path) -> None:
    data = Window(-10, -6, 180, 108)
    plates = str(tmp_path / "shot.####.exr")
    write_exr(at(plates, 2), {"RGB": scene(2, data)}, data=data, display=WINDOW)
    mask = ignored(plates, matte_input=mattes_in(tmp_path, {"A": RIG}))
    assert np.array_equal(mask[6:-6, 10:-10], RIG > 0)
    assert mask.sum() == RIG.sum()


def test_a_matte_of_another_format_is_refused(tmp_path: Path) -> None:
    small = tmp_path / "rig.png"
    write_image(small, np.zeros((48, 80, 1), np.uint8))
    with pytest.raises(
        PlateSizeError, match=r"rig\.png: the matte is 80x48.*shot\.0002\.exr is 160x96"
    ):
        ignored(plates_in(tmp_path), matte_input=str(small))


def test_a_frame_without_its_matte_is_one_clear_error(tmp_path: Path) -> None:
    mattes = mattes_in(tmp_path, {"A": RIG}, range(1, 3))
    reader = masked(plates_in(tmp_path), matte_input=mattes)
    for ask in (reader.read, reader.stamp):
        with pytest.raises(
            MissingFrameError, match=r"frame 3 of .*rig.*every plate needs its matte"
        ):
            ask(3)


def test_a_matte_that_is_not_there_lists_what_is(tmp_path: Path) -> None:
    plates = plates_in(tmp_path, **{"rig.A": RIG})
    with pytest.raises(NoSuchChannelError, match=r"no matte 'rigg'; it has: .*rig\.A"):
        masked(plates, matte="rigg")


def test_a_movie_is_no_matte(tmp_path: Path) -> None:
    movie = tmp_path / "rig.mov"
    write_movie(movie, [scene(1)], codec="prores_ks", pixel_format="yuv422p10le")
    for settings in ({"matte_input": str(movie)}, {"matte": "A"}):
        plates = str(movie) if "matte" in settings else plates_in(tmp_path)
        with pytest.raises(SettingsError, match="a movie holds no matte"):
            masked(plates, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"matte": "rig", "matte_threshold": 1.0},
        {"matte": "rig", "matte_threshold": float("nan")},
        {"matte": ""},
        {"matte_invert": True},
        {"matte_threshold": 0.5},
        {"empty": "kept"},
    ],
)
def test_settings_that_contradict_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        RenderSettings(**settings)


def alpha_case(folder: Path, alpha: FloatArray, rgb: FloatArray) -> MaskArray:
    path = folder / "cg.0001.exr"
    write_exr(path, {"RGBA": np.dstack([rgb, alpha])}, data=WINDOW, display=WINDOW)
    return ignored(str(path), 1)


def test_nothing_in_an_alpha_that_covers_something_is_ignored(tmp_path: Path) -> None:
    rgb = scene(1) * RIG[..., None]
    assert np.array_equal(alpha_case(tmp_path, RIG, rgb), RIG == 0)


def test_light_without_coverage_is_seen(tmp_path: Path) -> None:
    rgb = scene(1) * RIG[..., None]
    rgb[70:80] = 0.5
    clear = RIG == 0
    clear[70:80] = False
    assert np.array_equal(alpha_case(tmp_path, RIG, rgb), clear)


def test_an_alpha_that_nobody_filled_in_ignores_nothing(tmp_path: Path) -> None:
    dark = np.maximum(scene(1) - 0.5, 0)
    assert (dark == 0).all(axis=-1).any()
    assert not alpha_case(tmp_path, RIG * 0, dark).any()


def test_an_empty_frame_of_a_cg_shot_is_empty(tmp_path: Path) -> None:
    assert alpha_case(tmp_path, RIG * 0, np.zeros((*WINDOW.shape, 3), np.float32)).all()


def test_hidden_colour_of_unassociated_alpha_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "cut.0001.png"
    rgba = np.dstack([scene(1), RIG])
    write_image(path, (rgba * 255).astype(np.uint8), oiio__UnassociatedAlpha=1)
    assert np.array_equal(ignored(str(path), 1), RIG == 0)


def test_what_is_empty_may_be_seen(tmp_path: Path) -> None:
    rgb = scene(1) * RIG[..., None]
    path = tmp_path / "cg.0001.exr"
    write_exr(path, {"RGBA": np.dstack([rgb, RIG])}, data=WINDOW, display=WINDOW)
    assert not ignored(str(path), 1, empty="seen").any()
