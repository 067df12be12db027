"""An installed plugin by itself, the example and the self-test, and Houdini's older Python."""

from __future__ import annotations

import json
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import run_command
from houdini_kit import PLUGIN, HoudiniSession, start_houdini

__all__ = ["start_houdini"]

Start = Callable[..., HoudiniSession]


@pytest.mark.parametrize("options", [(), ("--link",)], ids=["copied", "linked"])
def test_an_installed_plugin_renders_by_itself(
    start_houdini: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    done = run_command(["houdini", "install", "--path", "plug", *options], tmp_path)
    assert done.returncode == 0
    plug = tmp_path / "plug"
    assert done.stdout.splitlines()[-1].strip() == f"HOUDINI_PACKAGE_DIR={plug}/packages"
    monkeypatch.delenv("FLASHDEPTH_COMMAND")
    monkeypatch.setattr(sys, "path", [str(plug / "python3.11libs"), *sys.path[1:]])
    session = start_houdini(plugin=plug)
    session.plates("shot", range(1, 3))
    node = session.top(plates="$JOB/shot/shot.$F4.exr")
    assert session.cook(node) == {"shot_render": "done"}
    assert str(plug / "run_task.py") in session.item("shot").command
    assert Path(sys.modules["flashdepth_host"].__file__ or "").parent == plug / "flashdepth_host"
    done = run_command(["houdini", "doctor", "--path", "plug", "--json"], tmp_path)
    assert done.returncode == 0
    assert all(row["is_well"] for row in json.loads(done.stdout))
    assert run_command(["houdini", "uninstall", "--path", "plug"], tmp_path).returncode == 0
    assert not plug.exists()


def test_the_self_test_says_all_is_well_and_leaves_a_report(
    start_houdini: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_houdini(ui=False)
    report = tmp_path / "report.txt"
    monkeypatch.setattr(sys, "argv", ["selftest.py", "--report", str(report)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(PLUGIN / "selftest.py"), run_name="__main__")
    lines = report.read_text().splitlines()
    assert ended.value.code == 0, "\n".join(lines)
    assert [line[:5] for line in lines] == ["ok   "] * len(lines)
    assert any(line.startswith("ok    COP normalised: 64 x 64") for line in lines)
    assert lines[-1].endswith("points")


def test_the_self_test_says_what_is_wrong_and_goes_on(
    start_houdini: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = start_houdini(ui=False)
    monkeypatch.setattr(session.module("assumptions"), "PROCESSOR", "pyprocessor")
    session.houdini.variables["FLASHDEPTH_HOUDINI"] = str(tmp_path)
    checks = list(session.module("checks").all_checks(tmp_path / "made"))
    assert [check.what for check in checks] == ["versions", "package", "renderer", "nodes"]
    assert [check.is_well for check in checks] == [True, False, True, False]
    assert "invalid node type name pyprocessor" in checks[-1].text


def test_the_shelf_makes_the_example_for_the_plates_that_are_chosen(start_houdini: Start) -> None:
    session = start_houdini()
    session.houdini.files = ["$JOB/shot/shot.$F4.exr", ""]
    example = session.module("example")
    example.ask()
    points = session.houdini.module.node("/obj/flashdepth_geo/points")
    assert points.evalParm("coppath") == "/obj/flashdepth_pictures/depth"
    top = session.houdini.module.node("/obj/flashdepth_shots/shot")
    assert top.parm("file").unexpandedString() == "$JOB/shot/depth/shot_depth_v001.$F4.exr"
    example.ask()


def _python(version: str) -> str:
    """An interpreter of that version: on the path, or among pyenv's."""
    named = [shutil.which(f"python{version}")]
    named += [str(p) for p in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    for one in filter(None, named):
        asked = [one, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False)
        if said.stdout.strip() == version:
            return one
    pytest.skip(f"NO PYTHON {version}: what runs in Houdini is held to it by vermin alone")


@pytest.mark.parametrize("version", ["3.9", "3.10"])
def test_a_work_item_runs_in_an_older_python(
    start_houdini: Start, tmp_path: Path, version: str
) -> None:
    """Houdini's own: nothing of ours but the plugin is on its path."""
    python = _python(version)
    session = start_houdini()
    session.plates("shot", range(1, 3))
    node = session.top(plates="$JOB/shot/shot.$F4.exr")
    session.graph.generate(node, [])
    line = shlex.split(session.item("shot").command)
    done = subprocess.run(
        [python, *line[1:]], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert len(list((session.folder / "shot/depth").glob("*.exr"))) == 2
    asked = (
        "import flashdepth_houdini.cook as c, flashdepth_host.client; print(c.__file__, c.PLUGIN)"
    )
    found = subprocess.run(
        [python, "-c", f"import sys; sys.path.insert(0, sys.argv[1]); {asked}", str(PLUGIN / "python3.10libs")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    there = [str(PLUGIN / "python3.11libs/flashdepth_houdini/cook.py"), str(PLUGIN)]
    assert found.stdout.split() == there, found.stderr
