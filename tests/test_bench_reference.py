"""The published code's timing job, in its own two lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import run_command

from flashdepth_vfx import RenderSettings, bench


def test_the_published_lines_come_of_a_pass(nano_weights: Path) -> None:
    settings = RenderSettings(device="cpu", resolution="native")
    job = bench.BenchJob(
        weights=(str(nano_weights),), sizes=(bench.Size(96, 64),), settings=settings
    )
    first, second = bench.time_like_reference(job, passes=2, frames=7)
    shape, wall = first.lines()
    assert shape == "shape: torch.Size([1, 12, 3, 64, 96])"
    told = re.fullmatch(r"wall time taken: ([\d.]+); fps: ([\d.]+); num frames: 7", wall)
    assert told is not None
    assert first.frames_per_second == pytest.approx(7 / first.seconds)
    assert second.seconds > 0


def test_the_command_prints_them_alone() -> None:
    done = run_command(["bench", "--like-reference", "--json"], Path.cwd())
    assert done.returncode == 2
    assert "no report" in done.stderr
