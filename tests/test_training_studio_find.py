"""Which files of a folder are a shot, and which channel is its depth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from plates import write_exr
from studio_kit import FRAME, H, W, rgb_of, write_shot, z_of

from flashdepth_vfx.errors import SettingsError, UsageError
from flashdepth_vfx.training.channels import choose_depth_channel
from flashdepth_vfx.training.studio import (
    StudioReading,
    check_shots,
    open_shots,
)


def test_pairs_are_found_by_the_last_word_of_a_name(tmp_path: Path) -> None:
    write_shot(tmp_path / "a" / "sh010", plate="sh010_comp_v002", depth="sh010_depth_v011")
    write_shot(tmp_path / "b", plate="Z_unit", depth="Z_unit_Z")
    reports = check_shots(tmp_path)
    assert [(r.name, r.frames, r.problems) for r in reports] == [("a/sh010", 8, ()), ("b", 8, ())]


def test_depth_may_be_a_channel_of_the_plates_file(tmp_path: Path) -> None:
    for frame in range(4):
        channels = {"RGB": rgb_of(frame, FRAME), "depth.Z": z_of(FRAME)}
        write_exr(tmp_path / f"beauty.{frame:04d}.exr", channels)
    (report,) = check_shots(tmp_path, clip_frames=4)
    assert report.usable
    assert report.depth_channel == "depth.Z"


def test_patterns_overrule_names_and_reach_into_subfolders(tmp_path: Path) -> None:
    for shot in ("sh1", "sh2"):
        write_shot(tmp_path / shot / "in", plate=f"{shot}_bg", depth="unused")
        write_shot(tmp_path / shot / "aov", plate="other", depth=f"{shot}_dist")
    with pytest.raises(UsageError, match="no shot to train on"):
        open_shots(tmp_path / "sh1" / "in", StudioReading(depth="zz.####.exr"), 4)
    reading = StudioReading(plate="in/*_bg.%04d.exr", depth="aov/*_dist.####.exr")
    assert [(r.name, r.usable) for r in check_shots(tmp_path, reading)] == [
        ("sh1", True),
        ("sh2", True),
    ]


@pytest.mark.parametrize("pattern", ["/show/plate/*.####.exr", "", "."])
def test_a_pattern_is_below_the_shot_s_own_folder(tmp_path: Path, pattern: str) -> None:
    for option in ("plate", "depth"):
        with pytest.raises(SettingsError, match=f"--{option} .*below the shot's own folder"):
            StudioReading(**{option: pattern})
    write_shot(tmp_path)
    (tmp_path / "shot.json").write_text(json.dumps({"depth": pattern}))
    (report,) = check_shots(tmp_path)
    assert "shot.json" in report.problems[0]


def test_unclear_pairs_are_problems_that_name_the_way_out(tmp_path: Path) -> None:
    write_shot(tmp_path / "two", plate="left")
    write_shot(tmp_path / "two", plate="right")
    write_shot(tmp_path / "depths", depth="a_z")
    write_shot(tmp_path / "depths", depth="b_depth")
    write_exr(tmp_path / "alone" / "z.0001.exr", {"Z": z_of(FRAME)})
    problems = {r.name: r.problems[0] for r in check_shots(tmp_path)}
    assert "--plate" in problems["two"]
    assert "left.####.exr" in problems["two"]
    assert "--depth" in problems["depths"]
    assert "no plate" in problems["alone"]


def test_shot_json_overrules_what_was_asked_for_all(tmp_path: Path) -> None:
    write_shot(tmp_path / "metres", z=np.full((H, W), 2.0, np.float32))
    write_shot(tmp_path / "centimetres", z=np.full((H, W), 200.0, np.float32))
    (tmp_path / "centimetres" / "shot.json").write_text(json.dumps({"scene_unit_m": 0.01}))
    reports = {r.name: r for r in check_shots(tmp_path)}
    assert reports["metres"].near_m == pytest.approx(2.0)
    assert reports["centimetres"].near_m == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("said", "word"),
    [('{"unit": 1}', "unknown"), ('{"scene_unit_m": "1"}', "number"), ("[1]", "table"), ("{", "read"),
     ('{"scene_unit_m": 0}', "metres"), ('{"depth_is": "metres"}', "inverse_z")],
)  # fmt: skip
def test_a_shot_json_that_cannot_be_is_that_shots_problem(
    tmp_path: Path, said: str, word: str
) -> None:
    write_shot(tmp_path / "good")
    write_shot(tmp_path / "bad")
    (tmp_path / "bad" / "shot.json").write_text(said)
    bad, good = check_shots(tmp_path)
    assert word in bad.problems[0]
    assert str(tmp_path / "bad" / "shot.json") in bad.problems[0]
    assert good.usable


@pytest.mark.parametrize(
    ("channels", "layer", "own", "expected"),
    [(("R", "G", "B", "Z"), None, False, "Z"), (("R", "depth.Z", "Z"), None, False, "Z"),
     (("R", "crypto.x", "AOV.z"), None, False, "AOV.z"), (("R", "G", "B"), None, True, "R"),
     (("anything",), None, True, "anything"), (("R", "P.X", "P.Y", "P.Z", "Z"), "P", False, "P.Z"),
     (("R", "far.Y", "Z"), "far", False, "far.Y"), (("R", "far.Y", "Z"), "FAR.y", False, "far.Y")],
)  # fmt: skip
def test_depth_channel(
    channels: tuple[str, ...], layer: str | None, own: bool, expected: str
) -> None:
    assert choose_depth_channel(Path("a.exr"), channels, layer, own_file=own) == expected


@pytest.mark.parametrize(
    ("channels", "layer"),
    [(("R", "G", "B"), None), (("R", "a.Z", "b.Z"), None), (("R", "Z"), "far")],
)
def test_depth_is_never_guessed_from_a_picture(
    channels: tuple[str, ...], layer: str | None
) -> None:
    with pytest.raises(UsageError, match=r"it has: R"):
        choose_depth_channel(Path("a.exr"), channels, layer, own_file=False)
