"""`flashdepth evaluate`, from its command line to what lies in the folder."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flashdepth_batch.main import main
from flashdepth_batch.status import open_status

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
    assert "--fetch FOLDER" in said.err


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
        (["-o", "out", "--only", "moon"], "known are made, flicker"),
        (["-o", "out", "--weights", "nano@0"], "a side of 0 pixels"),
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
    assert not (tmp_path / "out").exists()


def test_a_report_that_nobody_reads_is_in_the_folder(nano_weights: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    line = ["evaluate", *SMALL, "--weights", str(nano_weights), "-o", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "flashdepth_batch", *line],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 0, done.stderr
    assert "the report is in" in done.stderr
    assert "defect" not in done.stderr
    assert (tmp_path / "out" / "report.json").exists()


class Terminal(io.StringIO):
    """A stream that people look at."""

    def isatty(self) -> bool:
        return True


def work_until_ctrl_c() -> None:
    with open_status() as status:
        status.show("made: made-0000")
        status.tell("made: 3 s")
        status.show("flicker: made-0000")
        raise KeyboardInterrupt


def test_a_terminal_shows_what_goes_on_in_one_line_that_is_gone_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(KeyboardInterrupt):
        work_until_ctrl_c()
    assert isinstance(sys.stderr, Terminal)
    written = sys.stderr.getvalue()
    lines = [line.rsplit("\r", 1)[-1].rstrip() for line in written.split("\n")]
    assert lines == ["made: 3 s", ""]
    assert "\rflicker: made-0000" in written


def test_a_log_gets_whole_lines_and_not_one_for_every_clip(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_status() as status:
        for number in range(100):
            status.show(f"made: made-{number:04d}")
        status.tell("made: 3 s")
        monkeypatch.setattr("flashdepth_batch.status._SECONDS_BETWEEN_LINES", 0.0)
        status.show("flicker: made-0000")
    assert capfd.readouterr().err == "made: 3 s\nflicker: made-0000\n"
