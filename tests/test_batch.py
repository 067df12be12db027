"""The command: what it takes, what it says and where, and how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import click
import pytest
from conftest import command_line, environment, make_plates, run_command

import flashdepth_vfx
from flashdepth_batch import main as batch_main
from flashdepth_vfx import errors

Run = Callable[..., subprocess.CompletedProcess[str]]
Plates = Callable[..., str]
Rendered: TypeAlias = tuple[subprocess.CompletedProcess[str], Path]

ROOT = Path(__file__).resolve().parents[1]
#: CI shares its cores: the command itself is held to a third of this.
HELP_SECONDS = 1.5


@pytest.mark.parametrize("command", [[], ["render"], ["info"], ["weights"], ["serve"]])
def test_help_is_quick_has_examples_and_loads_no_torch(command: list[str]) -> None:
    code = (
        "import sys, time; began = time.perf_counter()\n"
        "from flashdepth_batch.main import main\n"
        f"code = main({[*command, '--help']!r})\n"
        "heavy = {'torch', 'numpy', 'OpenImageIO', 'av'} & set(sys.modules)\n"
        "print(code, sorted(heavy), time.perf_counter() - began)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    last = done.stdout.splitlines()[-1].rsplit(" ", 1)
    assert last[0] == "0 []"
    assert float(last[1]) < HELP_SECONDS
    assert "Examples:\n    flashdepth " in done.stdout


@pytest.mark.parametrize("name", ["list", "fetch", "path", "verify"])
def test_help_of_each_weights_command_has_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch_main.main(["weights", name, "--help"]) == 0
    assert f"flashdepth weights {name}" in capsys.readouterr().out


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert batch_main.main(["--version"]) == 0
    assert capsys.readouterr().out == f"flashdepth {flashdepth_vfx.__version__}\n"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, nano_weights: Path) -> Rendered:
    """One render of three plates by the real process, and where it ran."""
    folder = tmp_path_factory.mktemp("rendered")
    pattern = make_plates(folder, 3)
    asked = ["render", pattern, "-o", "out/d.####.exr", "--weights", str(nano_weights), "--json"]
    return run_command(asked, folder), folder


def test_render_writes_every_frame_and_one_line_for_each(rendered: Rendered) -> None:
    done, folder = rendered
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (folder / "out").glob("*.exr")) == [
        f"d.{frame}.exr" for frame in (1001, 1002, 1003)
    ]
    lines = done.stderr.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("frame ")] == [
        "1001",
        "1002",
        "1003",
    ]
    header = [line.split(":")[0] for line in lines]
    assert {"host", "device", "kernels", "weights", "settings"} <= set(header)


def test_success_says_nothing_that_a_farm_takes_for_failure(rendered: Rendered) -> None:
    done, _ = rendered
    assert not re.search(r"error:", done.stdout + done.stderr, re.IGNORECASE)


def test_json_result_is_alone_on_stdout(rendered: Rendered) -> None:
    done, folder = rendered
    result = json.loads(done.stdout)
    assert result["frames_written"] == [1001, 1002, 1003]
    assert result["state"] == {"next_frame": 1004, "frames_seen": 3}
    assert (folder / result["manifest"]).is_file()


def test_json_progress_is_one_event_a_line_on_stdout(
    plates: Plates, nano_weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["render", plates(2), "-o", str(tmp_path / "out"), "--weights", str(nano_weights)]
    assert batch_main.main([*asked, "--progress", "json"]) == 0
    told = capfd.readouterr()
    events = [json.loads(line) for line in told.out.splitlines()]
    kinds = [event["event"] for event in events if event["event"] != "warning"]
    assert kinds == ["started", "frame", "frame", "finished"]
    assert told.err == ""


def test_the_same_command_twice_makes_the_same_bytes_and_other_settings_are_refused(
    plates: Plates, nano_weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = ["render", plates(2), "-o", str(out), "--weights", str(nano_weights)]
    assert batch_main.main(asked) == 0
    before = {p.name: p.read_bytes() for p in out.glob("*.exr")}
    assert len(before) == 2
    assert batch_main.main(asked) == 0
    assert {p.name: p.read_bytes() for p in out.glob("*.exr")} == before
    capfd.readouterr()
    assert batch_main.main([*asked, "--convention", "disparity"]) == 1
    assert "--overwrite" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["render"], "INPUT"),
        (["render", "a.####.exr"], "-o"),
        (["render", "a.####.exr", "-o", "b/", "--bogus"], "--bogus"),
        (["render", "a.####.exr", "-o", "b/", "--convention", "depth"], "inverse_z"),
        (["render", "a.####.exr", "-o", "b/", "--resolution", "big"], "native"),
        (["render", "a.####.exr", "-o", "b/", "--frames", "9-1"], "backwards"),
        (["render", "a.####.exr", "-o", "b/", "--sparse"], "--frames"),
        (["render", "--job", "nowhere.json"], "nowhere.json"),
        (["info"], "INPUT"),
        (["weights", "fetch"], "NAME"),
        (["sing"], "sing"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(
    arguments: list[str], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert batch_main.main(arguments) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert says in said.err


def test_plates_that_are_not_there_exit_1_with_one_line(flashdepth: Run) -> None:
    done = flashdepth("render", "plates/none.####.exr", "-o", "out/")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_damaged_plate_fails_with_one_error_line_after_the_frames_before_it(
    plates: Plates, nano_weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pattern = plates(3)
    path = Path(pattern.replace("####", "1003"))
    path.write_bytes(path.read_bytes()[:-200])
    asked = ["render", pattern, "-o", str(tmp_path / "out"), "--weights", str(nano_weights)]
    assert batch_main.main(asked) == 1
    lines = capfd.readouterr().err.splitlines()
    *before, last = lines
    assert last.startswith("error: ")
    assert not any(last.removeprefix("error: ") in line for line in before)
    assert len(list((tmp_path / "out").glob("*.exr"))) == 2


def test_weights_without_consent_are_refused_in_one_line_that_says_how_to_consent(
    flashdepth: Run, plates: Plates
) -> None:
    done = flashdepth("render", plates(1), "-o", "out/", "--weights", "l")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "--accept-license l" in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SettingsError("no"), 2),
        (errors.PlateError("a.exr", "no"), 1),
        (errors.DiskFullError("a.exr"), 75),
        (errors.Interrupted("stopped"), 143),
        (ZeroDivisionError("division by zero"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_error_ends_in_its_exit_code_and_one_line(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail(*_a: object, **_k: object) -> None:
        raise error

    monkeypatch.setattr(flashdepth_vfx, "render", fail, raising=False)
    assert batch_main.main(["render", "a.exr", "-o", "b.exr"]) == code
    said = capfd.readouterr().err.strip()
    assert said.count("\n") == 0
    assert said.startswith("error: ") == (code in (1, 2, 75))


def test_an_unexpected_error_says_what_to_send_and_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_a: object, **_k: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(flashdepth_vfx, "render", fail, raising=False)
    batch_main.main(["render", "a.exr", "-o", "b.exr"])
    assert "--debug" in capfd.readouterr().err
    batch_main.main(["render", "a.exr", "-o", "b.exr", "--debug"])
    said = capfd.readouterr().err
    assert "Traceback" in said
    assert said.splitlines()[-1].startswith("error: ")


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command_line(["weights", "list"]),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        check=False,
    )
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == ""


def test_every_command_is_known_to_click() -> None:
    group = batch_main.command_line
    assert isinstance(group, click.Group)
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        assert found.name == name


def test_the_readmes_python_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    pattern = make_plates(tmp_path, 2)
    Path(pattern).parent.rename(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("(1001, 1002) ")
    assert (tmp_path / "here" / "depth" / "plate_depth.1002.exr").is_file()
