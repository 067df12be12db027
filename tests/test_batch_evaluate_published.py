"""`flashdepth evaluate` on published sets, from its command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dataset_files import sintel

from flashdepth_batch.main import main


def test_sets_of_the_paper_are_known_by_what_lies_in_the_folder(
    nano_weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sintel(tmp_path)
    line = ["evaluate", "--data", str(tmp_path), "--weights", f"ours={nano_weights}@96"]
    assert main(line) == 0
    head, names, measured, *_ = capfd.readouterr().out.splitlines()
    assert head.startswith("sintel: one scale and shift a scene")
    assert names.split() == [
        "input",
        "scenes",
        "frames",
        "delta1",
        "abs-rel",
        "boundary",
        "F1",
        "TAE",
        "%",
    ]
    assert measured.split()[:4] == ["ours", "96x64", "1", "2"]
    assert main([*line, "--set", "sintel", "--json", "--frames-per-scene", "1"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["rows"][0]["scenes"]["alley_1"]["frames"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "sintel"], "--data"),
        (["--data", "SETS", "--clips", "3"], "--clips is of our own sets"),
        (["--scenes", "3", "-o", "out"], "--scenes is of published sets"),
        (["--data", "SETS", "--set", "waymo"], "waymo is not in it"),
        (["--data", "SETS", "--scenes", "0"], "scenes 0: at least 1"),
    ],
)
def test_what_cannot_be_asked_of_published_sets(
    arguments: list[str], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sintel(tmp_path)
    assert main(["evaluate", *[str(tmp_path) if a == "SETS" else a for a in arguments]]) == 2
    assert said in capfd.readouterr().err
