"""`flashdepth evaluate`, from its command line to what lies in the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flashdepth_batch.main import main

SMALL = [
    "--only",
    "made,photos",
    "--clips",
    "1",
    "--frames",
    "2",
    "--height-px",
    "64",
    "--width-px",
    "96",
]


def test_json_is_alone_on_stdout_and_says_who_played_which_part(
    nano_weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    weights = str(nano_weights)
    line = ["evaluate", *SMALL, "--weights", weights, "--per-frame", f"alone={weights}@96"]
    line += ["--seeds", f"b={weights}", "--seeds", f"c={weights}", "--hybrid", f"big={weights}@160"]
    code = main([*line, "-o", str(tmp_path / "out"), "--json"])
    said = capfd.readouterr()
    assert code == 0, said.err
    report = json.loads(said.out)
    assert report == json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["first"] == nano_weights.stem
    assert (report["per_frame"], report["seeds"], report["hybrid"]) == ("alone", ["b", "c"], "big")
    facts = {m["model"]: (m["long_side_px"], m["carry_state"]) for m in report["models"]}
    assert facts == {
        nano_weights.stem: (128, True), "alone": (96, False),
        "b": (128, True), "c": (128, True), "big": (160, True),
    }  # fmt: skip
    assert "not measured: photos" in said.err
    assert "fetch_evaluation_data.py" in said.err


def test_people_get_tables_and_goals(
    nano_weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    line = ["evaluate", *SMALL, "--weights", f"ours={nano_weights}", "-o", str(tmp_path / "out")]
    assert main(line) == 0
    said = capfd.readouterr().out
    assert said == (tmp_path / "out" / "report.txt").read_text(encoding="utf-8")
    rows = [text.split()[0] for text in said.splitlines() if text.strip()]
    at = rows.index("made:")
    assert rows[at + 2 : at + 5] == ["constant", "ramp", "ours"]
    assert "held-out scenes" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "output"),
        (["-o", "out", "--only", "moon"], "moon"),
        (["-o", "out", "--weights", "nano", "--weights", "nano"], "two models are called 'nano'"),
        (["-o", "out", "--weights", "ramp=nano"], "ramp"),
        (["-o", "out", "--weights", "nothing-like-it"], "nothing-like-it"),
        (["-o", "out", "--data", "not-here"], "not-here"),
        (["-o", "out", "--weights", "l"], "l"),
    ],
)
def test_what_cannot_be_asked_exits_2_with_one_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS", str(tmp_path / "cache"))
    assert main(["evaluate", *arguments]) == 2
    captured = capfd.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not captured.out
