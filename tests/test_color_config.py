"""OCIO configs of a show: found, read, told apart, and refused when they are broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from color_show import LUT, SHOW_CONFIG, header, make_show

from flashdepth_vfx.color import ColorTransform, plan_color
from flashdepth_vfx.errors import ColorError
from flashdepth_vfx.plate import FloatArray


@pytest.fixture(autouse=True)
def no_ocio_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    monkeypatch.delenv("SHOT", raising=False)


@pytest.fixture
def show(tmp_path: Path) -> Path:
    return make_show(tmp_path / "show")


def grey_of(config: Path, shot: str) -> float:
    plan = plan_color(header(), colorspace="graded", ocio=config, context={"SHOT": shot})
    return float(ColorTransform(plan).to_network(np.full((1, 1, 3), 0.5, np.float32))[0, 0, 0])


def srgb(light: float) -> float:
    return float(1.055 * light ** (1 / 2.4) - 0.055)


def test_the_environment_s_config_is_used_and_named(
    show: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCIO", str(show))
    plan = plan_color(header())
    assert (plan.config_origin, plan.colorspace) == ("$OCIO", "plain")
    assert "$OCIO" in plan.sentence()
    asked = plan_color(header(), ocio="ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5")
    assert asked.config_origin == "asked for"


@pytest.mark.parametrize("text", ["", "ocio_profile_version: 2\nroles: [", "\x00\x01", "a: b\n"])
def test_a_bad_config_is_an_error_that_names_it(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.ocio"
    bad.write_text(text)
    with pytest.raises(ColorError, match=r"bad\.ocio \(asked for\)"):
        plan_color(header(), ocio=bad)
    monkeypatch.setenv("OCIO", str(bad))
    with pytest.raises(ColorError, match=r"bad\.ocio \(\$OCIO\)"):
        plan_color(header())


def test_an_absent_config_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ColorError, match="no such file"):
        plan_color(header(), ocio=tmp_path / "none.ocio")
    with pytest.raises(ColorError, match=r"ocio://none.*studio-config"):
        plan_color(header(), ocio="ocio://none")


def test_a_missing_lut_is_an_error_before_the_first_frame(show: Path) -> None:
    with pytest.raises(ColorError, match=r"sh999\.spi1d"):
        plan_color(header(), colorspace="graded", ocio=show, context={"SHOT": "sh999"})


def test_the_shot_decides_through_the_context(show: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert grey_of(show, "sh010") == pytest.approx(srgb(0.25), abs=1e-4)
    assert grey_of(show, "sh020") == pytest.approx(srgb(0.125), abs=1e-4)
    monkeypatch.setenv("SHOT", "sh010")
    from_environment = plan_color(header(), colorspace="graded", ocio=show)
    assert from_environment.context == (("SHOT", "sh010"),)
    assert grey_of(show, "sh020") == pytest.approx(srgb(0.125), abs=1e-4)


def test_a_plan_carries_its_context_to_another_environment(
    show: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOT", "sh010")
    plan = plan_color(header(), colorspace="graded", ocio=show)
    monkeypatch.setenv("SHOT", "sh020")
    grey: FloatArray = np.full((1, 1, 3), 0.5, np.float32)
    result = ColorTransform(plan).to_network(grey)
    assert result[0, 0, 0] == pytest.approx(srgb(0.25), abs=1e-4)


def test_a_plan_holds_no_variable_that_the_config_does_not_mention(
    show: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show.write_text(SHOW_CONFIG.replace("environment: {SHOT: none}\n", ""))
    monkeypatch.setenv("SHOT", "sh010")
    monkeypatch.setenv("API_SECRET", "hidden")
    plan = plan_color(header(), colorspace="graded", ocio=show)
    assert plan.context == (("SHOT", "sh010"),)


def test_a_config_is_known_by_what_it_does_not_by_where_it_lies(show: Path, tmp_path: Path) -> None:
    def fingerprint(config: Path) -> str:
        plan = plan_color(header(), colorspace="graded", ocio=config, context={"SHOT": "sh010"})
        return plan.fingerprint()

    before = fingerprint(show)
    shutil.copytree(show.parent, tmp_path / "copy")
    assert fingerprint(tmp_path / "copy" / "config.ocio") == before
    (show.parent / "luts" / "sh010.spi1d").write_text(LUT.format(gain=0.75))
    assert fingerprint(show) != before


def test_an_edited_lut_is_seen_by_a_resident_process(show: Path) -> None:
    assert grey_of(show, "sh010") == pytest.approx(srgb(0.25), abs=1e-4)
    (show.parent / "luts" / "sh010.spi1d").write_text(LUT.format(gain=1.0))
    assert grey_of(show, "sh010") == pytest.approx(srgb(0.5), abs=1e-4)


def test_a_config_that_changed_since_the_plan_is_refused(show: Path) -> None:
    plan = plan_color(header(), colorspace="graded", ocio=show, context={"SHOT": "sh010"})
    (show.parent / "luts" / "sh010.spi1d").write_text(LUT.format(gain=0.75))
    with pytest.raises(ColorError, match="planned with"):
        ColorTransform(plan)


def test_the_interchange_role_is_enough(show: Path) -> None:
    show.write_text(SHOW_CONFIG.replace("scene_linear: plain", "aces_interchange: plain"))
    aces: FloatArray = np.array([[[0.2, 0.18, 0.15], [0.4, 0.41, 0.5]]], np.float32)
    own = ColorTransform(plan_color(header(), colorspace="plain", ocio=show))
    built_in = ColorTransform(plan_color(header(), colorspace="ACES2065-1"))
    assert np.allclose(own.to_network(aces), built_in.to_network(aces), atol=1e-5)


def test_a_view_of_the_show_s_own(show: Path) -> None:
    plan = plan_color(header(), ocio=show, display_view="Film", exposure=1.0)
    assert plan.display_view == "sRGB/Film"
    grey: FloatArray = np.full((1, 1, 3), 0.125, np.float32)
    assert ColorTransform(plan).to_network(grey)[0, 0, 0] == pytest.approx(0.5, abs=1e-4)
