"""`flashdepth info`: what it tells people, and what it tells programs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conftest import write_plate

Run = Callable[..., subprocess.CompletedProcess[str]]
Plates = Callable[..., str]


def test_info_tells_people_and_programs_the_same(flashdepth: Run, plates: Plates) -> None:
    pattern = plates(3)
    Path(pattern.replace("####", "1002")).unlink()
    told = flashdepth("info", pattern)
    facts = json.loads(flashdepth("info", pattern, "--json").stdout)
    assert told.returncode == 0
    assert facts["frames"] == "1001,1003"
    assert facts["holes"] == "1002"
    rows = [line.split(None, 1) for line in told.stdout.splitlines()]
    assert ["holes", "1002"] in rows
    assert ["frames", "1001,1003"] in rows


def test_a_value_of_several_lines_is_one_row_and_moves_no_cursor(
    flashdepth: Run, tmp_path: Path
) -> None:
    comments = "first\nsecond\r\n  third\x1b[2J\tend"
    write_plate(tmp_path / "plate.1001.exr", np.zeros((32, 32, 3)), comments=comments, owner="us")
    told = flashdepth("info", str(tmp_path / "plate.####.exr"))
    assert told.returncode == 0, told.stderr
    assert "first second third [2J end" in told.stdout
    assert not any(sign in told.stdout for sign in "\x1b\t\r")
    labels = [line.split()[0] for line in told.stdout.splitlines() if not line.startswith(" ")]
    assert labels.count("attributes") == 1
    assert not {"second", "third", "end"} & set(labels)
    facts = json.loads(flashdepth("info", str(tmp_path / "plate.####.exr"), "--json").stdout)
    assert comments in facts["attributes"].values()


def test_the_colour_row_says_colour_once(flashdepth: Run, plates: Plates) -> None:
    (row,) = (
        line
        for line in flashdepth("info", plates(1)).stdout.splitlines()
        if line.startswith("color ")
    )
    assert "colour:" not in row
