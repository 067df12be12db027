"""`flashdepth bench`, from its command line to its table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import command_line, environment

from flashdepth_batch.main import main

SMALL = ["bench", "--device", "cpu", "--size", "96x96", "--frames", "3"]


def test_people_get_a_table_and_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "deep" / "speed.json"
    assert main([*SMALL, "-o", str(file)]) == 0
    said = capfd.readouterr()
    rows = [line.split() for line in said.out.splitlines() if line]
    assert rows[1][:4] == ["nano", "96x96", "96x96", "float32"]
    names = [row[0] for row in rows]
    assert names.index("decode") < names.index("encoder") < names.index("write")
    assert "unexplained" in names
    assert "times the floor" in said.err
    measured = json.loads(file.read_text(encoding="utf-8"))
    assert [row["weights"] for row in measured["rows"]] == ["nano"]


def test_json_is_alone_on_stdout(nano_weights: Path, capfd: pytest.CaptureFixture[str]) -> None:
    line = [*SMALL, "--weights", str(nano_weights), "--no-stages", "--json"]
    assert main(line) == 0
    measured = json.loads(capfd.readouterr().out)
    assert [row["size"] for row in measured["rows"]] == ["96x96"]
    assert all(row["stages"] is None for row in measured["rows"])
    assert not any(row["random_weights"] for row in measured["rows"])
    assert set(measured["machine"]) >= {"processor", "cores", "memory_bytes", "torch", "gpus"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--size", "huge"], 2, "WIDTHxHEIGHT"),
        (["--weights", "nanno"], 2, "did you mean nano"),
        (["--weights", "nano", "--weights", "random:nanno"], 2, "no model preset 'nanno'"),
        (["--weights", "full"], 2, "--accept-license full"),
        (["--frames", "0"], 2, "at least 1"),
        (["--resolution", "large"], 2, "resolution large"),
        (["--device", "tpu"], 2, "give auto, cpu, cuda or cuda:N"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    arguments: list[str], code: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--device", "cpu", *arguments]) == code
    err = capfd.readouterr().err
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_heard_of_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    began = time.perf_counter()
    assert main([*SMALL, "-o", str(tmp_path / "file" / "speed.json")]) == 1
    assert time.perf_counter() - began < 2.0
    assert "is not a folder" in capfd.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    line = command_line(["bench", "--device", "cpu", "--size", "96x96", "--long", "1000000"])
    process = subprocess.Popen(
        line,
        env=environment(TMPDIR=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60.0
    while not list(folder.rglob("*.exr")) and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert not out
    assert not list(folder.iterdir())
