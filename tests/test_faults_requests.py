"""Requests that no plate can meet: one line with the remedy, and no folder left behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from render_checks import require_one_line
from render_kit import (
    RenderKit,
    run,
)

from flashdepth_vfx import Shot
from flashdepth_vfx.errors import (
    ColorError,
    FlashDepthError,
    FrameRangeError,
    NoSuchChannelError,
    PlateError,
    SettingsError,
    UsageError,
)


@pytest.mark.parametrize(
    ("shot", "kind", "name"),
    [
        ({"layer": "diffuse"}, NoSuchChannelError, "no layer 'diffuse'"),
        ({"channels": ("R", "G", "X")}, NoSuchChannelError, "'X'"),
        ({"view": "left"}, NoSuchChannelError, "no view 'left'"),
        ({"channels": ("R", "G")}, UsageError, "R,G"),
    ],
    ids=["layer", "channel", "view", "two channels"],
)
def test_choice_that_the_plate_has_not_is_refused(
    kit: RenderKit, shot: dict[str, Any], kind: type[FlashDepthError], name: str
) -> None:
    plates = kit.shot((1, 2))
    with pytest.raises(kind) as raised:
        run(replace(kit.job(plates), shot=Shot(input=plates, **shot)))
    require_one_line(raised.value, name)
    assert raised.value.exit_code == 2
    assert not (kit.folder / "depth").exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"colorspace": "no such space"},
        {"ocio": "/nowhere/config.ocio"},
        {"display_view": "no/such"},
        {"ocio": "ocio://no-such-config"},
    ],
)
def test_colour_that_is_not_there_is_refused(kit: RenderKit, settings: dict[str, Any]) -> None:
    plates = kit.shot((1, 2))
    with pytest.raises(ColorError) as raised:
        run(kit.job(plates, **settings))
    assert raised.value.exit_code == 2
    assert not (kit.folder / "depth").exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("absent/shot.####.exr", PlateError),
        ("plates/other.####.exr", PlateError),
        ("plates/shot.##.exr", PlateError),
        ("plates/shot.0001.gif", PlateError),
        ("absent", PlateError),
        ("absent.mov", PlateError),
        ("plates/####/shot.####.exr", UsageError),
        ("x" * 5000, FlashDepthError),
        ("plates/shot\0.####.exr", FlashDepthError),
        ("", FlashDepthError),
    ],
    ids=lambda value: str(value)[:12] if isinstance(value, str) else "",
)
def test_input_that_is_not_there_is_refused(
    kit: RenderKit, name: str, kind: type[FlashDepthError]
) -> None:
    kit.shot((1, 2))
    with pytest.raises(kind) as raised:
        run(kit.job(f"{kit.folder}/{name}" if name else ""))
    require_one_line(raised.value)
    assert not (kit.folder / "depth").exists()


def test_folder_with_two_sequences_is_refused_by_their_names(kit: RenderKit) -> None:
    kit.shot((1, 2), "plates/one.####.exr")
    kit.shot((1, 2), "plates/two.####.exr")
    with pytest.raises(UsageError) as raised:
        run(kit.job(str(kit.folder / "plates")))
    require_one_line(raised.value, "one.####.exr", "two.####.exr")


@pytest.mark.parametrize("frames", ["", "a-b", "5-1", "1-4x0", "1-", "1,,2", "1-99999999999"])
def test_range_that_says_nothing_is_refused(kit: RenderKit, frames: str) -> None:
    plates = kit.shot((1, 2))
    with pytest.raises(FrameRangeError) as raised:
        run(kit.job(plates, frames=frames))
    require_one_line(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("frames", ["10-20", "-5--1"])
def test_range_beside_the_plates_says_what_they_hold(kit: RenderKit, frames: str) -> None:
    plates = kit.shot((1, 2))
    with pytest.raises(FrameRangeError, match=r"shot\.####\.exr holds 1-2") as raised:
        run(kit.job(plates, frames=frames))
    require_one_line(raised.value, frames)


@pytest.mark.parametrize(
    "settings",
    [
        {"resolution": 0},
        {"resolution": "half"},
        {"convention": "depth"},
        {"missing": "ignore"},
        {"upsampling": "magic"},
        {"compression": "lzw"},
        {"exposure_stops": float("nan")},
        {"checkpoint_interval_frames": 0},
        {"depth_layer": ".a"},
    ],
)
def test_setting_that_no_render_can_use_is_refused(
    kit: RenderKit, settings: dict[str, Any]
) -> None:
    plates = kit.shot((1, 2))
    with pytest.raises(SettingsError) as raised:
        run(kit.job(plates, **settings))
    require_one_line(raised.value)
    assert raised.value.exit_code == 2
    assert not (kit.folder / "depth").exists()


def test_words_of_settings_mean_what_they_say(kit: RenderKit) -> None:
    """A notebook writes "disparity", not Convention.DISPARITY."""
    plates = kit.shot((1,))
    run(kit.job(plates))
    run(kit.job(plates, "disparity/shot.####.exr", convention="disparity"))
    nominal, disparity = kit.depths()[1], kit.depths("disparity/shot.####.exr")[1]
    assert np.allclose(disparity, nominal * 100, rtol=1e-6)
