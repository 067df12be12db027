"""A whole shot from the resident worker: the render, and what has to be converted after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenEXR
from conftest import run_command
from worker_kit import Plates, Worker, depth_files, job, start, worker

__all__ = ["start", "worker"]


def _pixels(path: Path) -> np.ndarray:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return np.array(file.channels()["depth.Z"].pixels, np.float32)


def _done(worker: Worker, **request: object) -> dict[str, object]:
    worker.send(type="shot", id="a", **request)
    message = worker.until("finished", "error", "cancelled")
    assert message["type"] == "finished", message
    return dict(message["result"])


def test_what_needs_no_whole_shot_is_a_render(
    worker: Worker, plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    pattern = plates(3)
    result = _done(worker, job=job(pattern, "out/", nano_weights))
    assert result["convert"] is None
    assert result["output"] == [str(tmp_path / "out" / "plate_depth.####.exr")]
    asked = ["render", pattern, "-o", "command/", "--weights", str(nano_weights), "--device", "cpu"]
    assert run_command(asked, tmp_path).returncode == 0
    assert depth_files(tmp_path / "out") == depth_files(tmp_path / "command")


def test_a_range_is_of_the_whole_shot_and_again_does_nothing(
    worker: Worker, plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    asked = job(plates(3), "out/d.####.exr", nano_weights)
    asked["settings"]["convention"] = "normalised_near_white"
    first = _done(worker, job=asked)
    assert first["convert"]["frames"] == [1001, 1002, 1003]  # type: ignore[index]
    values = np.stack([_pixels(tmp_path / f"out/d.{n}.exr") for n in (1001, 1002, 1003)])
    assert values.min() >= 0.0
    assert values.max() <= 1.0
    again = _done(worker, job={**asked, "resume": True})
    assert again["convert"]["frames"] == []  # type: ignore[index]
    assert again["render"]["frames_written"] == []  # type: ignore[index]


def test_known_distances_are_met(
    worker: Worker, plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    asked = job(plates(3), "out/d.####.exr", nano_weights)
    plain = _done(worker, job=asked)
    assert plain["convert"] is None
    nearness = _pixels(tmp_path / "out/d.1001.exr")
    row, column = np.unravel_index(np.argmax(nearness[4:-4, 4:-4]), (88, 120))
    far_row, far_column = np.unravel_index(np.argmin(nearness[4:-4, 4:-4]), (88, 120))
    anchors = [
        f"{column + 4.5:g},{95.5 - row - 4:g},1001=2",
        f"{far_column + 4.5:g},{95.5 - far_row - 4:g},1001=9",
    ]
    asked["output"] = "metric/d.####.exr"
    asked["settings"]["convention"] = "z"
    result = _done(worker, job=asked, known={"anchors": anchors})
    assert result["convert"]["calibration"] is not None  # type: ignore[index]
    metric = _pixels(tmp_path / "metric/d.1001.exr")
    np.testing.assert_allclose(
        np.median(metric[row + 3 : row + 6, column + 3 : column + 6]), 2.0, rtol=0.02
    )
    overwritten = _done(worker, job={**asked, "overwrite": True}, known={"near": 1.0, "far": 5.0})
    assert overwritten["convert"]["frames"] == [1001, 1002, 1003]  # type: ignore[index]
    assert not np.array_equal(_pixels(tmp_path / "metric/d.1001.exr"), metric)


def test_distances_that_cannot_be_are_refused_before_anything_is_done(
    start: Callable[..., Worker], plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    worker = start()
    asked = job(plates(2), "out/d.####.exr", nano_weights)
    for known, words in (
        ({"anchors": ["1,2,1001=3"]}, "two or more"),
        ({"anchors": ["1,2,3"]}, "anchor"),
        ({"anchors": ["1,2,7=3", "4,5,1001=6"]}, "frame 7 is not rendered"),
        ({"near": 2.0}, "go together"),
        ({"anchors": 5}, "no known distances"),
    ):
        worker.send(type="shot", id="a", job=asked, known=known)
        message = worker.until("error", "finished")
        assert message["type"] == "error"
        assert words in message["message"], json.dumps(message)
    assert not (tmp_path / "out").exists()


def test_about_says_what_is_installed(worker: Worker) -> None:
    worker.send(type="about", id="a")
    facts = worker.until("finished")["result"]
    assert facts["device"]
    assert {row["name"] for row in facts["weights"] if row["present"]} == {"nano"}
