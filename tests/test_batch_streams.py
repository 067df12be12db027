"""Pipes that are closed, or close on the way: whoever listened, the render goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import command_line, environment, run_process

Plates = Callable[..., str]


def depth_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("out/*.exr"))


def outcome_in(folder: Path) -> str:
    """What the manifest says became of the render."""
    (path,) = folder.glob("**/manifest*.json")
    said = json.loads(path.read_text())["outcome"]
    assert isinstance(said, str)
    return said


def shell(line: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`line` in a shell, where "$@" is the command with its arguments; its own exit code is the last's."""
    script = f"set -o pipefail; {line}"
    return run_process(["bash", "-c", script, "bash", *command_line(arguments)], folder)


LOST = {
    "json": ('"$@" --progress json | head -n 2', 2),
    "plain": ('("$@" --progress plain 2>&1 >&3 | head -n 2) 3>&1', 2),
    "stdout closed": ('"$@" --progress json >&-', 0),
    "stderr closed": ('"$@" --progress plain 2>&-', 0),
    "all closed": ('"$@" <&- >&- 2>&-', 0),
}


@pytest.mark.parametrize("how", LOST)
def test_a_monitor_that_goes_away_does_not_stop_a_render(
    how: str, plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    line, lines_read = LOST[how]
    asked = ["render", plates(12), "-o", "out/", "--weights", str(nano_weights), "--device", "cpu"]
    done = shell(line, tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == lines_read
    assert len(depth_names(tmp_path)) == 12
    assert outcome_in(tmp_path) == "done"
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_no_word_meant_for_a_closed_stream_lands_in_a_file(
    plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    asked = ["render", plates(3), "-o", "out/", "--weights", str(nano_weights), "--device", "cpu"]
    assert shell('"$@"', tmp_path, *asked).returncode == 0
    before = [(tmp_path / "out" / name).read_bytes() for name in depth_names(tmp_path)]
    closed = shell('"$@" --overwrite <&- >&- 2>&-', tmp_path, *asked)
    assert closed.returncode == 0
    assert [(tmp_path / "out" / name).read_bytes() for name in depth_names(tmp_path)] == before


@pytest.mark.parametrize("progress", ["plain", "json"])
def test_a_result_that_nobody_takes_is_no_failed_render(
    progress: str, plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    asked = ["render", plates(2), "-o", "out/", "--weights", str(nano_weights), "--json"]
    done = shell(f'"$@" --progress {progress} | true', tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    assert outcome_in(tmp_path) == "done"
    assert "(Broken pipe)" in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_failure_keeps_its_exit_code_where_nobody_reads_it(tmp_path: Path) -> None:
    for line in ('"$@" 2>&-', '"$@" 2>&1 >&3 | true'):
        done = shell(f"({line}) 3>&1", tmp_path, "render", "none.####.exr", "--bogus")
        assert done.returncode == 2


def test_a_signal_finds_its_way_without_a_stderr(
    plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    asked = ["render", plates(60), "-o", "out/", "--weights", str(nano_weights), "--progress=json"]
    process = subprocess.Popen(
        command_line(asked),
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=writer,
        text=True,
    )
    os.close(writer)
    os.close(reader)
    assert process.stdout is not None
    assert any('"event": "frame"' in line for line in process.stdout)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert 0 < len(depth_names(tmp_path)) < 60
