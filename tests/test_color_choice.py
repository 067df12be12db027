"""Which colour space a plate is taken to be in, and who is said to have chosen it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from color_show import SHOW_CONFIG, header, make_show

from flashdepth_vfx.color import plan_color
from flashdepth_vfx.errors import ColorError
from flashdepth_vfx.plate import FileKind

LINEAR = "Linear Rec.709 (sRGB)"
SRGB = "sRGB Encoded Rec.709 (sRGB)"


@pytest.fixture(autouse=True)
def no_ocio_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    monkeypatch.delenv("SHOT", raising=False)


@pytest.fixture
def show(tmp_path: Path) -> Path:
    return make_show(tmp_path / "show")


@pytest.mark.parametrize(
    ("kind", "hint", "space", "chosen_by"),
    [
        ("exr", None, LINEAR, "default for exr"),
        ("exr", "lin_ap1", "ACEScg", "named by the file"),
        ("exr", "linear", LINEAR, "named by the file"),
        ("dpx", None, "ADX10", "default for dpx"),
        ("dpx", "Linear", LINEAR, "named by the file"),
        ("dpx", "Rec709", SRGB, "named by the file"),
        ("dpx", "ITU-R 709-4", SRGB, "named by the file"),
        ("dpx", "SMPTE 274M", SRGB, "named by the file"),
        ("dpx", "Printing density", "ADX10", "named by the file"),
        ("dpx", "Logarithmic", "ADX10", "named by the file"),
        ("cineon", None, "ADX10", "default for cineon"),
        ("tiff", None, SRGB, "default for tiff"),
        ("tiff", "linear", LINEAR, "named by the file"),
        ("png", None, SRGB, "default for png"),
        ("jpeg", "sRGB", SRGB, "named by the file"),
        ("movie", None, SRGB, "default for movie"),
        ("movie", "bt709", SRGB, "named by the file"),
        ("movie", "Rec.2100-PQ - Display", "Rec.2100-PQ - Display", "named by the file"),
    ],
)
def test_choice_without_a_config_of_the_show(
    kind: FileKind, hint: str | None, space: str, chosen_by: str
) -> None:
    plan = plan_color(header(kind, hint))
    assert (plan.colorspace, plan.chosen_by) == (space, chosen_by)
    assert plan.config_origin == "built in"


@pytest.mark.parametrize("name", ["ACEScg", "acescg", "lin_ap1", "scene_linear"])
def test_a_name_an_alias_and_a_role_ask_for_the_same_space(name: str) -> None:
    plan = plan_color(header(hint="ARRI LogC4"), colorspace=name)
    assert (plan.colorspace, plan.chosen_by) == ("ACEScg", "asked for")


def test_the_log_is_told() -> None:
    plan = plan_color(header(), colorspace="ACEScg")
    assert plan.sentence() == "colour: ACEScg (asked for) -> sRGB"
    plan = plan_color(
        header(), colorspace="ACEScg", exposure=-1, ocio="ocio://default", display_view="Raw"
    )
    assert plan.sentence().startswith("colour: ACEScg (asked for) -> sRGB - Display/Raw")
    assert "exposure -1 stops" in plan.sentence()
    assert "(asked for)" in plan.sentence()
    json.dumps(plan.describe())


def test_a_hint_that_the_config_does_not_know_is_said_aloud() -> None:
    plan = plan_color(header("exr", "Foo Log"))
    assert plan.chosen_by == "default for exr"
    assert "Foo Log" in plan.sentence()


def test_the_aces_name_of_linear_is_a_small_config_s_linear(show: Path) -> None:
    plan = plan_color(header(hint=LINEAR), ocio=show)
    assert (plan.colorspace, plan.chosen_by) == ("plain", "named by the file")


def test_a_hint_of_data_is_not_a_colour_space() -> None:
    plan = plan_color(header("exr", "Raw"))
    assert plan.chosen_by == "default for exr"


def test_an_unknown_space_lists_close_names() -> None:
    with pytest.raises(ColorError, match=r"'ARRI LogC5'.*ARRI LogC4"):
        plan_color(header(), colorspace="ARRI LogC5")


def test_data_is_refused_as_a_colour_space() -> None:
    with pytest.raises(ColorError, match="holds data"):
        plan_color(header(), colorspace="Raw")


def test_an_unknown_view_lists_what_there_is() -> None:
    with pytest.raises(ColorError, match=r"'sRGB - Display/Foo'.*Un-tone-mapped"):
        plan_color(header(), display_view="sRGB - Display/Foo")


@pytest.mark.parametrize("stops", [float("nan"), float("inf")])
def test_exposure_is_a_number(stops: float) -> None:
    with pytest.raises(ColorError, match="finite"):
        plan_color(header(), exposure=stops)


def test_a_rule_of_the_show_beats_the_file_and_names_itself(show: Path) -> None:
    named = header(hint="plain", path="/p/graded/a.exr")
    plan = plan_color(named, ocio=show, context={"SHOT": "sh010"})
    assert (plan.colorspace, plan.chosen_by) == ("shot graded", "config's file rules")


def test_the_default_rule_is_no_statement(show: Path) -> None:
    plan = plan_color(header(hint="graded"), ocio=show, context={"SHOT": "sh010"})
    assert (plan.colorspace, plan.chosen_by) == ("shot graded", "named by the file")
    plan = plan_color(header(), ocio=show)
    assert (plan.colorspace, plan.chosen_by) == ("plain", "default for exr")


def test_a_built_in_config_s_rules_count_only_when_it_was_asked_for() -> None:
    uri = "ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5"
    assert plan_color(header(), ocio=uri).chosen_by == "config's file rules"
    assert plan_color(header()).chosen_by == "default for exr"
    assert plan_color(header(hint="ACEScg"), ocio=uri).chosen_by == "named by the file"


def test_the_fingerprint_changes_with_whatever_changes_pixels() -> None:
    plans = [
        plan_color(header(), colorspace="ACEScg"),
        plan_color(header(), colorspace="ACEScct"),
        plan_color(header(), colorspace="ACEScg", exposure=0.25),
        plan_color(header(), colorspace="ACEScg", display_view="Un-tone-mapped"),
        plan_color(
            header(), colorspace="ACEScg", ocio="ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1"
        ),
    ]
    assert len({plan.fingerprint() for plan in plans}) == len(plans)
    role = plan_color(header(), colorspace="scene_linear")
    assert role.fingerprint() == plans[0].fingerprint()


def test_a_small_config_says_how_its_linear_was_read(show: Path) -> None:
    plan = plan_color(header(), ocio=show)
    assert "scene_linear is taken to have Rec.709 primaries" in plan.sentence()


def test_a_small_config_that_names_no_srgb_asks_for_the_space(show: Path) -> None:
    with pytest.raises(ColorError, match=r"--colorspace with one of .*shot graded"):
        plan_color(header("png", path="/p/a.png"), ocio=show)


def test_a_config_without_any_linear_is_refused(show: Path) -> None:
    show.write_text(SHOW_CONFIG.replace(", scene_linear: plain", ""))
    with pytest.raises(ColorError, match="scene_linear"):
        plan_color(header(), colorspace="film", ocio=show)
