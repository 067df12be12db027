"""A configuration is a value: it survives JSON, and says what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.model import ModelConfig
from flashdepth_vfx.model.config import (
    ConvConfig,
    DecoderConfig,
    TeacherConfig,
    TemporalConfig,
    VitConfig,
)

PRESETS = ["s", "l", "full", "nano", "nano-lite", "nano-hybrid", "nano-twin"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_survives_json(name: str) -> None:
    config = ModelConfig.preset(name)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("name", "multiple", "least"),
    [
        ("s", 14, 70),
        ("l", 14, 28),
        ("full", 14, 70),
        ("nano", 32, 32),
        ("nano-lite", 32, 32),
        ("nano-hybrid", 32, 32),
        ("nano-twin", 32, 32),
    ],
)
def test_sizes_accepted(name: str, multiple: int, least: int) -> None:
    config = ModelConfig.preset(name)
    assert (config.multiple, config.min_side_px) == (multiple, least)


@pytest.mark.parametrize(("pool", "least"), [(2, 32), (4, 32), (5, 64), (8, 64), (10, 96)])
def test_the_smallest_side_of_a_pyramid_gives_one_token(pool: int, least: int) -> None:
    """Path 3 has four rows to the 32 pixels of the coarsest feature."""
    nano = ModelConfig.preset("nano")
    config = dataclasses.replace(nano, temporal=dataclasses.replace(nano.temporal, pool=pool))
    assert config.min_side_px == least


def test_what_nano_sees_of_time_is_a_grid_and_not_a_handful_of_tokens() -> None:
    """A frame of 384x224 is 48x28 on path 3."""
    pool = ModelConfig.preset("nano").temporal.pool
    assert (48 // pool, 28 // pool) == (24, 14)


def test_a_hybrid_s_teacher_is_nano_and_its_student_nano_lite() -> None:
    hybrid, nano = ModelConfig.preset("nano-hybrid"), ModelConfig.preset("nano")
    assert hybrid.teacher is not None
    assert (hybrid.teacher.encoder, hybrid.teacher.decoder) == (nano.encoder, nano.decoder)
    student = dataclasses.replace(hybrid, name="nano-lite", teacher=None)
    assert student == ModelConfig.preset("nano-lite")
    twin = ModelConfig.preset("nano-twin")
    assert twin.teacher == hybrid.teacher
    assert dataclasses.replace(twin, name="nano", teacher=None) == nano


def test_a_file_that_does_not_say_its_teacher_s_kind_has_a_transformer() -> None:
    """As every file written before a teacher could be a pyramid."""
    full = ModelConfig.preset("full")
    data = full.to_dict()
    assert data["teacher"]["encoder"].pop("kind") == "vit"
    assert ModelConfig.from_dict(data) == full
    data = ModelConfig.preset("nano-hybrid").to_dict()
    assert data["teacher"]["encoder"].pop("kind") == "conv"
    with pytest.raises(SettingsError, match=r"teacher encoder.*stem"):
        ModelConfig.from_dict(data)


def test_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(
        SettingsError, match=r"'xl'.*s, l, full, nano, nano-lite, nano-hybrid, nano-twin$"
    ):
        ModelConfig.preset("xl")


def changed(path: str, value: Any) -> dict[str, Any]:
    data = ModelConfig.preset("full").to_dict()
    *tables, last = path.split(".")
    inner = data
    for table in tables:
        inner = inner[table]
    inner[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("colour", "red", "colour"),
        ("encoder.kind", "rnn", "kind"),
        ("encoder.width", 0, "width"),
        ("encoder.width", True, "width"),
        ("encoder.width", "384", "width"),
        ("encoder.taps", [2, 5, 8], "taps"),
        ("encoder.taps", [2, 5, 8, 12], "tap"),
        ("encoder.taps", [5, 2, 8, 11], "tap"),
        ("encoder", None, "encoder"),
        ("decoder.extra", 1, "extra"),
        ("temporal.path", 5, "path"),
        ("temporal.heads", 7, "heads"),
        ("teacher.side", "long", "side"),
        ("teacher.side_px", 491, "side_px"),
        ("teacher.fusion_heads", 3, "fusion heads"),
        ("teacher.encoder.heads", 5, "heads"),
        ("teacher.encoder.kind", "rnn", "teacher encoder kind"),
        ("teacher.encoder.kind", "conv", "teacher encoder"),
        ("teacher.encoder", None, "teacher encoder"),
        ("name", 5, "name"),
    ],
)
def test_a_wrong_value_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ModelConfig.from_dict(changed(path, value))


def test_a_missing_value_is_named() -> None:
    data = ModelConfig.preset("s").to_dict()
    del data["temporal"]["pool"]
    with pytest.raises(SettingsError, match=r"temporal.*pool"):
        ModelConfig.from_dict(data)


def test_contradictions_are_refused_at_once() -> None:
    vit = VitConfig(width=32, depth=4, heads=2, taps=(0, 1, 2, 3))
    decoder = DecoderConfig(width=16, channels=(8, 8, 8, 8))
    with pytest.raises(SettingsError, match="expand"):
        ModelConfig("odd", vit, decoder, TemporalConfig(path=3, heads=2, head_dim=8, expand=2))
    with pytest.raises(SettingsError, match="even"):
        dataclasses.replace(decoder, width=15)
    with pytest.raises(SettingsError, match=r"whole patches.* 14"):
        TeacherConfig(vit, decoder, side_px=500)
    conv = ConvConfig(stem=8, widths=(8, 8, 8, 8, 8, 8, 8), depths=(1, 1, 1, 1, 1, 1, 1))
    with pytest.raises(SettingsError, match=r"strides.* 32"):
        TeacherConfig(conv, decoder, side_px=490)
    assert TeacherConfig(conv, decoder, side_px=480).side_px == 480
