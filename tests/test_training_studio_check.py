"""What depth pixels say, and what is reported of a shot before anything trains on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plates import write_exr
from studio_kit import H, W, opened, write_shot

from flashdepth_vfx.errors import UsageError
from flashdepth_vfx.training.studio import (
    StudioReading,
    check_shots,
    open_shots,
)
from flashdepth_vfx.training.studio.values import to_disparity

NAN, INF = float("nan"), float("inf")


def test_planar_depth_by_hand() -> None:
    values = np.array([2.0, 50.0, INF, 1e10, NAN, 0.0, -3.0, -INF, 1e-30], np.float32)
    expected = [50.0, 2.0, 0.0, 0.0, -1.0, -1.0, -1.0, -1.0, -1.0]
    assert to_disparity(values, "z", 1.0).tolist() == expected
    assert to_disparity(values[:2], "z", 0.01).tolist() == [5000.0, 200.0]


def test_inverse_depth_and_disparity_by_hand() -> None:
    values = np.array([0.5, 0.0, NAN, INF, -1.0], np.float32)
    assert to_disparity(values, "inverse_z", 1.0).tolist() == [50.0, 0.0, -1.0, -1.0, -1.0]
    assert to_disparity(values, "inverse_z", 0.1).tolist() == [500.0, 0.0, -1.0, -1.0, -1.0]
    assert to_disparity(values, "disparity", 1.0).tolist() == [0.5, 0.0, -1.0, -1.0, -1.0]


def test_report_tells_range_shares_holes_and_lone_frames(tmp_path: Path) -> None:
    z = np.full((H, W), 5.0, np.float32)
    z[:12] = INF
    z[12:18] = NAN
    write_shot(tmp_path / "s", z=z)
    (tmp_path / "s" / "plate.1003.exr").unlink()
    (tmp_path / "s" / "z.1008.exr").unlink()
    (report,) = check_shots(tmp_path, clip_frames=3)
    assert (report.frames, report.holes) == (6, "1003")
    assert (report.width_px, report.height_px) == (W, H)
    assert (report.near_m, report.far_m) == (5.0, 5.0)
    assert (report.sky_share, report.unknown_share) == (0.25, 0.125)
    assert report.warnings == ("no depth for frames 1008", "no plate for frames 1003")


def test_torn_frames_are_left_out_and_named(tmp_path: Path) -> None:
    write_shot(tmp_path)
    torn = tmp_path / "z.1002.exr"
    torn.write_bytes(torn.read_bytes()[:-200])
    shot = opened(tmp_path)
    (report,) = check_shots(tmp_path)
    assert 1002 not in shot.frames
    assert "z.1002.exr" in report.warnings[0]
    assert shot.starts(4) == (1003, 1004, 1005)


def test_wrong_units_and_unknown_depth_are_doubted(tmp_path: Path) -> None:
    z = np.full((H, W), 3e4, np.float32)
    z[: H * 3 // 4] = 0.0
    write_shot(tmp_path, z=z)
    (report,) = check_shots(tmp_path)
    assert report.usable
    assert "--scene-unit-m" in report.warnings[0]
    assert "70 m" in report.warnings[1]
    assert "75%" in report.warnings[2]


def test_depth_of_another_convention_is_doubted(tmp_path: Path) -> None:
    normalised = np.linspace(0.1, 1.0, H * W, dtype=np.float32).reshape(H, W)
    write_shot(tmp_path / "normalised", z=normalised)
    write_shot(tmp_path / "behind", z=-normalised * 20.0)
    # metres that were said to be 1 / z
    write_shot(tmp_path / "upside_down", z=normalised * 20.0)
    (tmp_path / "upside_down" / "shot.json").write_text('{"depth_is": "inverse_z"}')
    reports = {r.name: r for r in check_shots(tmp_path)}
    assert "--depth-is inverse_z" in reports["normalised"].warnings[0]
    assert "below 0" in reports["behind"].problems[0]
    assert "nothing is farther than" in reports["upside_down"].warnings[-1]


def test_what_cannot_be_trained_on_is_said(tmp_path: Path) -> None:
    write_shot(tmp_path / "blank", z=np.full((H, W), NAN, np.float32))
    write_shot(tmp_path / "proxy")
    for frame in range(1001, 1009):
        write_exr(
            tmp_path / "proxy" / f"z.{frame}.exr", {"Z": np.ones((H // 2, W // 2), np.float32)}
        )
    write_shot(tmp_path / "short", range(1, 4))
    write_shot(tmp_path / "still", range(1, 2))
    problems = {r.name: r.problems[0] for r in check_shots(tmp_path)}
    assert "no pixel" in problems["blank"]
    assert "display window" in problems["proxy"]
    assert "no 6 frames in a row" in problems["short"]
    assert "no 6 frames in a row" in problems["still"]
    with pytest.raises(UsageError, match="no shot to train on: blank: no pixel"):
        open_shots(tmp_path, StudioReading(), 6)


def test_an_empty_folder_and_none_at_all_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no shot to train on: no EXR file"):
        check_shots(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        check_shots(tmp_path / "nowhere")


def test_a_shot_on_twos_has_clips_on_twos(tmp_path: Path) -> None:
    write_shot(tmp_path, range(1001, 1014, 2))
    shot = opened(tmp_path)
    assert shot.step == 2
    assert shot.starts(6) == (1001, 1003)
