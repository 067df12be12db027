"""`flashdepth train paper`: by name or file, watched as it goes, and gone on with."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import OpenImageIO
import paper_kit
import pytest
import torch

from flashdepth_batch import main as batch_main
from flashdepth_vfx.training import shipped_text
from flashdepth_vfx.training.data import Batch
from flashdepth_vfx.training.paper.watch import Watch


def flashdepth(*arguments: str | Path) -> int:
    """The command in this process."""
    code: int = batch_main.main([str(argument) for argument in arguments])
    return code


def test_show_prints_what_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert flashdepth("train", "paper", "stage2-full", "--show") == 0
    assert capsys.readouterr().out == shipped_text("stage2-full")


def test_a_key_that_nobody_knows_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert flashdepth("train", "paper", "stage1-s", "train.step=3") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "nobody knows train.step; the nearest is train.steps" in line


def test_a_run_and_the_same_command_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = paper_kit.write_sets(tmp_path / "sets")
    more: dict[str, Any] = {"train.steps": 2, "train.sample_every": 2, "data.frames": 2}
    size = {"network": "nano", "data.height_px": 64, "data.width_px": 64}
    told = paper_kit.changes(root, tmp_path / "one.pt", **more, **size)
    assert flashdepth("train", "paper", "stage1-s", *told) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    steps = [line for line in lines if "step" in line]
    assert [line["step"] for line in steps] == [1, 2]
    assert all({"loss", "l1", "frames_per_s", "gradient_norm"} <= set(line) for line in steps)
    sheet = OpenImageIO.ImageBuf(str(tmp_path / "one-samples" / "step-0000002.png"))
    # three cells of 320 in a row
    assert (sheet.spec().width, sheet.spec().height > 320) == (4 * 8 + 3 * 320, True)
    assert flashdepth("train", "paper", "stage1-s", *told) == 0
    again = capsys.readouterr()
    assert again.out == ""
    assert "stage1-s had ended before" in again.err


def watch(folder: Path, lines: list[dict[str, Any]]) -> Watch:
    settings = paper_kit.job("s", paper_kit.changes(folder, folder / "run.pt")).settings
    return Watch(folder / "run.pt", settings, lines.append)


def sample() -> tuple[Batch, torch.Tensor]:
    """Two clips of two frames, half unknown."""
    disparity = torch.full((2, 2, 40, 60), 10.0)
    disparity[..., 30:] = -1.0
    return Batch(torch.full((2, 2, 3, 40, 60), 0.5), disparity), disparity.clamp_min(0.0)


def test_curves_rates_and_pictures_are_on_the_board(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    lines: list[dict[str, Any]] = []
    for first, steps in ((1, (1, 2, 3)), (3, (3, 4))):
        watched = watch(tmp_path, lines)
        for step in steps:
            watched.line({"step": step, "stage": 2, "rate": 0.5, "loss": float(first)})
        watched.show(steps[-1], *sample())
        watched.close()
    assert [line["step"] for line in lines] == [1, 2, 3, 3, 4]
    board = EventAccumulator(str(tmp_path / "run-board"))
    board.Reload()
    # what the first run drew beyond where the second went on is drawn anew
    assert [(e.step, e.value) for e in board.Scalars("loss")] == [(1, 1), (2, 1), (3, 3), (4, 3)]
    rates = {part: board.Scalars(f"rate/{part}")[0].value for part in ("encoder", "decoder")}
    assert rates == pytest.approx({"encoder": 1.5e-4, "decoder": 5e-4})
    picture = board.Images("plate, truth, prediction")[-1]
    assert (picture.step, picture.width) == (4, 3 * 320)


def test_without_tensorboard_one_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    lines: list[dict[str, Any]] = []
    watched = watch(tmp_path, lines)
    for step in (1, 2):
        watched.line({"step": step, "rate": 1.0, "loss": 1.0})
    watched.show(2, *sample())
    notes = [line["note"] for line in lines if "note" in line]
    assert len(notes) == 1
    assert "pip install 'flashdepth_vfx[training]'" in notes[0]
    assert (tmp_path / "run-samples" / "step-0000002.png").exists()


def test_unknown_depth_is_shown_as_no_number(tmp_path: Path) -> None:
    watch(tmp_path, []).show(7, *sample())
    sheet = OpenImageIO.ImageBuf(str(tmp_path / "run-samples" / "step-0000007.png"))
    truth, prediction = 8 + 320 + 8, 8 + 2 * 328
    row = 26 + 8 + 60
    # the colour of what is no number
    assert sheet.getpixel(truth + 300, row) == pytest.approx((0.25, 0.32, 0.32), abs=0.01)
    assert sheet.getpixel(truth + 20, row) == sheet.getpixel(prediction + 20, row)
