"""The Nuke node's Submit: the job of an engine, which renders what the node then shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import run_command
from fake_nuke.pictures import picture_of
from nuke_kit import NukeSession, start_nuke

from flashdepth_vfx import FarmPlan
from flashdepth_vfx.host.fields import ENGINES

__all__ = ["start_nuke"]

Start = Callable[..., NukeSession]


def _plan(session: NukeSession, folder: str) -> FarmPlan:
    return FarmPlan.load(session.folder / folder / "plan.json")


def test_the_farm_renders_what_the_node_shows(start_nuke: Start) -> None:
    session = start_nuke()
    node = session.node(session.read(4), mode="chain", chunk=2)
    session.nuke.press(node, "submit")
    assert "The job for openjd is written" in session.nuke.said[0]
    assert session.nuke.undo_steps == ["FlashDepth submit"]
    job = session.folder / "plates/depth/plate_depth_v001_openjd"
    plan = FarmPlan.load(job / "plan.json")
    assert [task.frames for task in plan.tasks if task.frames] == ["1001-1002", "1003-1004"]
    with pytest.raises(RuntimeError, match="No such file"):
        picture_of(node, 1001)
    assert run_command(["run", str(job / "plan.json")], session.folder).returncode == 0
    session.nuke.press(node, "reload")
    session.nuke.frame = 1004
    assert session.nuke.label_of(node) == "FlashDepth1"
    farmed = picture_of(node, 1004).channels["depth.Z"]
    here = session.node(
        node.input(0), name="Here", file=str(session.folder / "here/d_v001.####.exr")
    )
    session.render(here)
    assert np.array_equal(farmed, picture_of(here, 1004).channels["depth.Z"])


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_is_written_without_a_screen(start_nuke: Start, engine: str) -> None:
    session = start_nuke(gui=False)
    node = session.node(session.read(2), engine=engine, job_dir=str(session.folder / "job"))
    session.nuke.press(node, "submit")
    assert any(path.is_file() for path in (session.folder / "job").rglob("*"))
    assert f"The job for {engine} is written" in session.nuke.printed[-1]


def test_known_distances_go_along(start_nuke: Start) -> None:
    session = start_nuke()
    node = session.node(session.read(2), near=1.5, far=20.0, job_dir=str(session.folder / "job"))
    session.nuke.press(node, "submit")
    (shot,) = _plan(session, "job").shots
    assert shot.convert is not None
    assert (shot.convert.near, shot.convert.far) == (1.5, 20.0)
    assert shot.convert.output.endswith("plate_depth_v001.####.exr")


def test_what_cannot_be_planned_is_said_in_the_commands_words(start_nuke: Start) -> None:
    session = start_nuke()
    node = session.node(session.read(2), cuts=str(session.folder / "none.txt"))
    session.nuke.press(node, "submit")
    assert "none.txt" in session.nuke.said[0]
    assert not list(session.folder.rglob("plan.json"))


def test_a_comp_is_rendered_by_a_step_of_its_own(start_nuke: Start, tmp_path: Path) -> None:
    session = start_nuke()
    grade = session.nuke.create("Grade", "Grade1", session.read(3))
    node = session.node(
        grade,
        file=str(tmp_path / "out/comp_v001.####.exr"),
        job_dir=str(tmp_path / "job"),
        engine="slurm",
    )
    root = session.nuke.root
    for said, change in (
        ("save the script", lambda: setattr(root, "path", str(tmp_path / "comp_v003.nk"))),
        ("not saved", lambda: setattr(root, "has_changes", False)),
        ("proxy mode", lambda: setattr(root, "in_proxy", False)),
    ):
        root.has_changes, root.in_proxy = said != "proxy mode", said == "proxy mode"
        session.nuke.press(node, "submit")
        assert said in session.nuke.said.pop()
        change()
    root.has_changes = False
    session.nuke.press(node, "submit")
    assert "slurm" in session.nuke.said.pop()
    plan = _plan(session, "job")
    first, *others = plan.tasks
    assert first.id.endswith(".plates")
    assert all(first.id in task.needs for task in others if task.runs_network)
    (shot,) = plan.shots
    assert shot.plates is not None
    script = str(session.rendering.PLUGIN / "write_plates.py")
    assert shot.plates.command == ("Nuke", "-t", script, root.path, "FlashDepth1", "1001", "1003")
    assert "nuke_r" in (tmp_path / "job/submit.sh").read_text(encoding="utf-8")
    # On the farm's machine: what the step does.
    namespace = session.nuke.nodes
    assert namespace["FlashDepth1"] is node
    import runpy

    write = runpy.run_path(script)["main"]
    write(root.path, "FlashDepth1", "1001", "1003")
    assert len(list((tmp_path / "out/plates").glob("*.exr"))) == 3
    assert json.loads((tmp_path / "job/plan.json").read_text(encoding="utf-8"))
