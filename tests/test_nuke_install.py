"""Installing the Nuke plugin: copies and links that work alone, somebody else's folder stays, the doctor."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import environment, run_command
from nuke_kit import PLUGIN, ROOT, NukeSession, start_nuke

from flashdepth_vfx.host.errors import WorkerMissing
from flashdepth_vfx.host.finding import clean_environment, find_command

__all__ = ["start_nuke"]


def _installed(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run_command(["nuke", "install", "--path", "plug", *options], folder)


@pytest.mark.parametrize("options", [(), ("--link",)], ids=["copied", "linked"])
def test_an_installed_plugin_renders(
    start_nuke: Callable[..., NukeSession],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    done = _installed(tmp_path, *options)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].strip() == f"nuke.pluginAddPath('{tmp_path / 'plug'}')"
    monkeypatch.delenv("FLASHDEPTH_COMMAND")
    session = start_nuke(plugin=tmp_path / "plug")
    assert tmp_path / "plug" == session.rendering.PLUGIN
    if not options:
        assert str(tmp_path) in str(sys.modules["flashdepth_host"].__file__)
    node = session.node(session.read(2))
    session.render(node)
    assert session.nuke.said == []
    assert len(session.depth_files()) == 2
    assert "nuke.createNode('FlashDepth')" in session.nuke.menus.values()


def test_it_is_made_anew_and_taken_away_and_nothing_else_is(tmp_path: Path) -> None:
    assert _installed(tmp_path).returncode == 0
    (tmp_path / "plug" / "old.py").touch()
    assert _installed(tmp_path).returncode == 0
    assert not (tmp_path / "plug" / "old.py").exists()
    assert run_command(["nuke", "uninstall", "--path", "plug"], tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_somebody_elses_stays(tmp_path: Path) -> None:
    (tmp_path / "plug").mkdir()
    (tmp_path / "plug" / "init.py").write_text("mine", encoding="utf-8")
    for command in (["install"], ["uninstall"]):
        done = run_command(["nuke", *command, "--path", "plug"], tmp_path)
        assert done.returncode == 1
        assert "plug" in done.stderr
    assert (tmp_path / "plug" / "init.py").read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["plug"]


def test_the_doctor_says_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    assert _installed(tmp_path).returncode == 0
    done = run_command(["nuke", "doctor", "--path", "plug", "--json"], tmp_path)
    assert done.returncode == 0
    found = {row["what"]: row for row in json.loads(done.stdout)}
    assert found["weights"]["text"] == "nano"
    assert "torch" in found["flashdepth"]["text"]
    assert all(row["is_well"] for row in found.values())
    settled = tmp_path / "plug" / "flashdepth_host.json"
    settled.write_text('{"command": ["/nowhere/flashdepth"]}', encoding="utf-8")
    done = run_command(["nuke", "doctor", "--path", "plug"], tmp_path)
    assert done.returncode == 1
    assert "WRONG worker" in done.stdout
    assert "/nowhere/flashdepth" in done.stdout


def test_the_doctor_in_nuke(start_nuke: Callable[..., NukeSession], tmp_path: Path) -> None:
    session = start_nuke()
    node = session.node(session.read(1), file=str(tmp_path / "new/folder/d_v001.####.exr"))
    session.nuke.press(node, "doctor")
    (said,) = session.nuke.said
    assert f"ok   output: {tmp_path} can be written to" in said
    assert "WRONG" not in said


@pytest.mark.parametrize(
    ("settled", "words"),
    [
        ("not JSON", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"command": "x"}', "no list of words"),
    ],
)
def test_settings_that_are_broken_say_so(tmp_path: Path, settled: str, words: str) -> None:
    (tmp_path / "flashdepth_host.json").write_text(settled, encoding="utf-8")
    with pytest.raises(WorkerMissing, match=words):
        find_command(tmp_path, {})


def test_the_command_is_found_in_this_order(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "flashdepth"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    plugin = tmp_path / "plugin"
    plugin.mkdir()
    with pytest.raises(WorkerMissing, match="FLASHDEPTH_COMMAND"):
        find_command(plugin, {"PATH": str(plugin)})
    assert find_command(plugin, {"PATH": str(program.parent)}) == [str(program)]
    (plugin / "flashdepth_host.json").write_text(
        json.dumps({"command": [sys.executable, "-m", "x"]})
    )
    assert find_command(plugin, {"PATH": str(program.parent)}) == [sys.executable, "-m", "x"]
    assert find_command(plugin, {"FLASHDEPTH_COMMAND": f"{program} --x 'a b'"}) == [
        str(program),
        "--x",
        "a b",
    ]
    spaced = tmp_path / "a folder" / "flashdepth"
    spaced.parent.mkdir()
    spaced.write_bytes(program.read_bytes())
    spaced.chmod(0o755)
    assert find_command(plugin, {"FLASHDEPTH_COMMAND": str(spaced)}) == [str(spaced)]
    with pytest.raises(WorkerMissing, match="not executable"):
        find_command(plugin, {"FLASHDEPTH_COMMAND": str(plugin / "none")})


def test_in_a_checkout_it_is_the_checkouts_own() -> None:
    if not (ROOT / ".venv/bin/flashdepth").is_file():
        pytest.skip("this checkout has no environment of its own")
    assert find_command(PLUGIN, {"PATH": ""}) == [str(ROOT / ".venv/bin/flashdepth")]


def test_the_hosts_libraries_stay_with_the_host() -> None:
    of_host = ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "QT_PLUGIN_PATH")
    given = {"PATH": "p", "OCIO": "o", **dict.fromkeys(of_host, "nuke")}
    assert clean_environment(given) == {"PATH": "p", "OCIO": "o"}
    back = clean_environment({**given, "FLASHDEPTH_ENV_LD_LIBRARY_PATH": "driver"})
    assert {n: back.get(n) for n in of_host} == {
        **dict.fromkeys(of_host),
        "LD_LIBRARY_PATH": "driver",
    }


def test_a_start_up_that_fails_is_said_and_stops_nothing(
    start_nuke: Callable[..., NukeSession], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = start_nuke()
    broken = tmp_path / "broken"
    broken.mkdir()

    for name in ("init.py", "menu.py"):
        text = (PLUGIN / name).read_text(encoding="utf-8")
        wanted = "_load_host(_here)" if name == "init.py" else "flashdepth_nuke.watch()"
        assert wanted in text
        (broken / name).write_text(text.replace(f"    {wanted}\n", "    1 / 0\n"), encoding="utf-8")
        session.nuke.printed.clear()
        runpy.run_path(str(broken / name))
        assert "ZeroDivisionError" in session.nuke.printed[-1]


@pytest.mark.slow
def test_the_wheel_carries_the_plugin(tmp_path: Path) -> None:
    # A build leaves its parts in the tree, and takes up those of an earlier one.
    tree = tmp_path / "tree"
    for name in ("flashdepth_vfx", "batch", "nuke", "houdini"):
        if (ROOT / name).is_dir():
            left_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, tree / name, ignore=left_out)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(tmp_path), "."]
    built = subprocess.run(
        command, cwd=tree, env=environment(), capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in PLUGIN.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert f"flashdepth_plugins/nuke/{path.relative_to(PLUGIN).as_posix()}" in names


def test_the_self_test_finds_all_well_and_says_what_is_not(
    start_nuke: Callable[..., NukeSession],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    session = start_nuke(gui=False)
    selftest = runpy.run_path(str(PLUGIN / "selftest.py"))
    assert selftest["main"](tmp_path) == 0
    report = capsys.readouterr().out
    assert "0 of 25 are wrong" in report
    assert "windows: ok (-16 -8 224 136)" in report
    assert (tmp_path / "report.txt").read_text(encoding="utf-8").strip() == report.strip()
    import flashdepth_nuke.assumptions as nuke_has

    monkeypatch.setattr(nuke_has, "READ_ORIGINAL_SET", "origin")
    session.nuke.nodes.clear()
    assert selftest["main"](tmp_path / "again") == 1
    assert "Read has origin: WRONG" in capsys.readouterr().out
