"""`flashdepth train`: its stages from files to files, and what it says of itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import OpenImageIO
import pytest
import torch
from conftest import environment
from safetensors.torch import load_file
from training_kit import write_checkpoint

from flashdepth_batch import main as batch_main
from flashdepth_vfx import training
from flashdepth_vfx.training.checkpoint import load_checkpoint

_COMMANDS = ["stage1", "stage2", "export", "blend", "preview", "fine-tune", "check-data", "paper"]
_SMALL = ["--height-px", "64", "--width-px", "64", "--clips", "1"]
_ONE_STEP = ["--steps", "1", "--warmup-steps", "1", "--log-every", "1"]


def flashdepth(*arguments: str | Path) -> int:
    """The command in this process."""
    code: int = batch_main.main([str(argument) for argument in arguments])
    return code


@pytest.mark.parametrize("command", [[], *([name] for name in _COMMANDS)], ids=str)
def test_help_loads_no_torch(command: list[str]) -> None:
    code = (
        "import sys\n"
        "from flashdepth_batch.main import main\n"
        f"code = main({['train', *command, '--help']!r})\n"
        "print(code, 'torch' in sys.modules, 'numpy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *text, last = done.stdout.splitlines()
    assert last == "0 False False"
    assert text[0].startswith(f"Usage: {' '.join(['flashdepth', 'train', *command])}")


def test_help_names_every_command_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert flashdepth("train", "--help") == 0
    text = capsys.readouterr().out
    for name in _COMMANDS:
        assert f"flashdepth train {name} " in text
        assert f"\n  {name} " in text
    assert "torchrun" in text
    assert "goes on from its checkpoint" in text


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_help_of_a_stage_says_what_every_option_defaults_to(
    stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert flashdepth("train", stage, "--help") == 0
    text = capsys.readouterr().out
    for option in ("--minutes", "--steps", "--encoder", "--from", "--device", "--debug"):
        assert option in text
    assert text.count("[default:") >= 12


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_from_nothing_to_a_weights_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, weights = (tmp_path / name for name in ("one.pt", "two.pt", "out.safetensors"))
    assert flashdepth("train", "stage1", one, *_SMALL, *_ONE_STEP) == 0
    (line,) = _lines(capsys)
    assert (line["stage"], line["step"], line["skipped"]) == (1, 1, 0)
    start = ["--from", str(one), "--frames", "2", "--chunks", "1"]
    assert flashdepth("train", "stage2", two, *_SMALL, *_ONE_STEP, *start) == 0
    (line,) = _lines(capsys)
    assert line["stage"] == 2
    assert "steady" in line
    assert flashdepth("train", "export", two, weights, "--long-side-px", "96") == 0
    (said,) = _lines(capsys)
    assert (said["license"], said["default_long_side_px"]) == ("Apache-2.0", "96")
    stages = json.loads(said["provenance"])["stages"]
    assert [stage["settings"]["temporal"] for stage in stages] == [False, True]
    assert [stage["frames_seen"] for stage in stages] == [1, 2]
    first, second = load_checkpoint(one).model, load_checkpoint(two).model
    held = load_file(weights)
    for name, tensor in second.items():
        assert torch.equal(held[name].float(), tensor.half().float()), name
        if name.startswith("pretrained."):
            assert torch.equal(tensor, first[name]), "the second stage leaves the encoder alone"


def test_the_same_command_again_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = tmp_path / "one.pt"
    assert flashdepth("train", "stage1", one, *_SMALL, *_ONE_STEP) == 0
    again = ["--steps", "2", "--warmup-steps", "1", "--log-every", "1"]
    assert flashdepth("train", "stage1", one, *_SMALL, *again) == 0
    assert [line["step"] for line in _lines(capsys)] == [1, 2]
    assert load_checkpoint(one).step == 2
    assert flashdepth("train", "stage1", one, *_SMALL, *again) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "one.pt had ended before" in told.err


def test_a_key_ends_it_with_its_checkpoint_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one = tmp_path / "one.pt"

    def press() -> None:
        until = time.monotonic() + 60.0
        while not one.exists() and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    often = ["--steps", "1000", "--log-every", "1", "--checkpoint-seconds", "0"]
    assert flashdepth("train", "stage1", one, *_SMALL, *often) == 143
    presser.join()
    told = capfd.readouterr()
    steps = len(told.out.splitlines())
    assert 1 <= steps < 1000
    assert load_checkpoint(one).step == steps
    assert told.err.splitlines()[-1].startswith(f"interrupted: stopped after step {steps}")


def test_a_log_that_nobody_reads_ends_no_training(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "flashdepth_batch", "train", "stage1", "one.pt", *_SMALL]
    with subprocess.Popen(
        [*line, "--steps", "2", "--log-every", "1"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (0, b"")
    assert load_checkpoint(tmp_path / "one.pt").step == 2


def test_what_cannot_be_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, broken = tmp_path / "out.pt", tmp_path / "broken.pt"
    broken.write_bytes(b"no checkpoint")
    asked: list[tuple[list[str | Path], str]] = [
        (["stage1", out, *_SMALL], "minutes"),
        (["stage1", out, *_SMALL, *_ONE_STEP, "--preset", "huge"], "huge"),
        (["stage1", out, *_SMALL, *_ONE_STEP, "--preset", "nano-hybrid"], "--teacher"),
        (["stage2", out, *_SMALL, *_ONE_STEP, "--from", broken], "broken.pt"),
        (["stage2", out, *_SMALL, *_ONE_STEP, "--from", tmp_path / "absent.pt"], "absent.pt"),
        (["export", broken, tmp_path / "w.safetensors"], "broken.pt"),
        (["export", broken, tmp_path / "w.safetensors", "--long-side-px", "0"], "--long-side-px"),
        (["preview", tmp_path / "p.png", "--count", "0"], "nothing to show"),
        (["stage1", tmp_path / "one", *_SMALL, *_ONE_STEP], "should end in .pth, .pt"),
        (["stage1", tmp_path / "one.safetensors", *_SMALL, *_ONE_STEP], "should end in .pth, .pt"),
        (["stage1", out, *_SMALL, "--steps", "0"], "--steps"),
        (["stage1", out, *_SMALL, "--minutes", "0"], "--minutes"),
        (["stage1", out, *_SMALL, *_ONE_STEP, "--width-px", "100"], "multiple of 32"),
        (["stage1", out, *_SMALL, *_ONE_STEP, "--device", "tpu"], "cpu, cuda or cuda:N"),
        (["stage1", broken / "one.pt", *_SMALL, *_ONE_STEP], "is not a folder"),
    ]
    name = "cuda:64" if torch.cuda.is_available() else "cuda"
    word = "there are" if torch.cuda.is_available() else "no CUDA device"
    asked.append((["stage1", out, *_SMALL, *_ONE_STEP, "--device", name], word))
    for arguments, word in asked:
        assert flashdepth("train", *arguments) in (1, 2), arguments
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1, said
        assert word in said[0]
        assert "defect" not in said[0]
    assert [path.name for path in tmp_path.iterdir()] == ["broken.pt"]


def test_a_preview_shows_scenes_above_their_depth(tmp_path: Path) -> None:
    few, more = tmp_path / "few.png", tmp_path / "more.png"
    assert flashdepth("train", "preview", few, "--first", "7", "--count", "1") == 0
    training.draw_preview(more, 7, 5, 0.0)
    small, large = (OpenImageIO.ImageBuf(str(path)).spec() for path in (few, more))
    assert small.width >= 256
    assert small.height >= 2 * 144
    assert large.width >= 4 * 256
    assert large.height > 1.5 * small.height, "five do not fit beside each other"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few.png", "more.png"]


def test_a_stage_may_be_run_from_python(tmp_path: Path) -> None:
    start = write_checkpoint(tmp_path / "one.pt", seed=4)
    data = training.DataSettings(seed=0, clips=1, frames=1, height_px=64, width_px=64, flicker=0.0)
    settings = training.TrainSettings(
        data=data, temporal=True, steps=1, minutes=None,
        encoder_rate=0.0, decoder_rate=0.0, temporal_rate=1e-3,
    )  # fmt: skip
    job = training.StageJob(tmp_path / "two.pt", settings, start=start)
    training.run_stage(job, lambda _line: None)
    given, begun = load_checkpoint(tmp_path / "two.pt"), load_checkpoint(start)
    assert given.history[: len(begun.history)] == begun.history
    moved = {n for n, t in given.model.items() if not torch.equal(t, begun.model[n])}
    assert moved
    assert all(name.startswith("mamba.") for name in moved)
