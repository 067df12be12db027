"""Parameters as Houdini users know them, files in sequences, buttons with a UI and without, Escape."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_houdini.errors import Refused
from houdini_kit import HoudiniSession, start_houdini

__all__ = ["start_houdini"]

Start = Callable[..., HoudiniSession]


@pytest.mark.parametrize(
    ("typed", "is_now"),
    [
        ("$JOB/p/shot.$F4.exr", "{job}/p/shot.%04d.exr"),
        ("${JOB}/p/shot.$F.exr", "{job}/p/shot.%d.exr"),
        ("$JOB/p/shot_${F3}.exr", "{job}/p/shot_%03d.exr"),
        ("$JOB/$FEND/shot.%04d.exr", "{job}/1003/shot.%04d.exr"),
        ("$JOB/p/shot.####.exr", "{job}/p/shot.####.exr"),
        ("", ""),
    ],
)
def test_variables_are_expanded_and_the_frame_stays_a_place(
    start_houdini: Start, typed: str, is_now: str
) -> None:
    session = start_houdini()
    node = session.top(plates=typed)
    found = session.module("parms").pattern_of(node, "plates")
    assert found == is_now.format(job=session.folder)


def test_every_field_is_a_value_and_the_defaults_are_the_hosts(start_houdini: Start) -> None:
    session = start_houdini()
    node = session.top(weights="nano", weights_file="", device="auto")
    from flashdepth_vfx.host.fields import defaults

    assert session.module("parms").values_of(node) == defaults()


def test_a_range_is_whole_numbers_and_forwards(start_houdini: Start) -> None:
    session = start_houdini()
    parms = session.module("parms")
    node = session.top()
    assert parms.range_of(node) == parms.Range(None, None, 1)
    session.houdini.set(node, "trange", "normal")
    assert parms.range_of(node) == parms.Range(1001, 1003, 1)
    for name, value, words in (("f1", 1001.5, "whole numbers"), ("f3", 0.0, "1 or more")):
        session.houdini.set(node, "f1", 1001.0)
        session.houdini.set(node, name, value)
        with pytest.raises(Exception, match=words):
            parms.range_of(node)


@pytest.mark.parametrize("name", ["look", "defocus", "points"])
def test_a_preset_sets_what_it_says_and_nothing_else(start_houdini: Start, name: str) -> None:
    session = start_houdini()
    parms = session.module("parms")
    node = session.top()
    before = parms.values_of(node)
    session.houdini.set(node, "preset", name)
    after = parms.values_of(node)
    wanted = dict(parms.PRESETS[name])
    assert bool(node.evalParm("edge_matte")) is wanted.pop("edge_matte", False)
    assert after == {**before, **wanted}


def test_the_licence_follows_the_weights(start_houdini: Start) -> None:
    session = start_houdini()
    node = session.top()
    for weights, words in (
        ("l", "paid work: no"),
        ("nano", "paid work: yes"),
        ("file", "as the file says"),
    ):
        session.houdini.set(node, "weights", weights)
        assert words in node.evalParm("licence")


def test_files_become_sequences(start_houdini: Start) -> None:
    grouped = start_houdini().module("sequences").grouped
    names = ["a.1003.exr", "b_7.exr", "a.1001.exr", "b_10.exr", "c-0002.dpx", "d.mov", "a.1002.png"]
    found = grouped([(f"/plates/{name}", name) for name in names])
    made = [(s.plates.input, s.plates.first, s.plates.last, s.owner) for s in found]
    assert made == [
        ("/plates/a.%04d.exr", 1001, 1003, "a.1003.exr"),
        ("/plates/b_%d.exr", 7, 10, "b_7.exr"),
        ("/plates/c-%04d.dpx", 2, 2, "c-0002.dpx"),
        ("/plates/a.%04d.png", 1002, 1002, "a.1002.png"),
        ("/plates/d.mov", 1, 1, "d.mov"),
    ]
    assert [s.is_movie for s in found] == [False, False, False, False, True]


def test_frames_and_their_files(start_houdini: Start) -> None:
    sequences = start_houdini().module("sequences")
    assert sequences.frames_in("1-5x2,8,-2--1") == [1, 3, 5, 8, -2, -1]
    with pytest.raises(ValueError, match="no range"):
        sequences.frames_in("1001..1003")
    for pattern, path in (
        ("d/s.####.exr", "d/s.0007.exr"),
        ("d/s.%04d.exr", "d/s.0007.exr"),
        ("d/s.$F4.exr", "d/s.0007.exr"),
        ("d/s_%V.%d.exr", "d/s_left.7.exr"),
    ):
        assert sequences.path_of(pattern, 7, "left") == path
    assert sequences.path_of("s.%04d.exr", -7) == "s.-007.exr"


def test_submit_writes_the_job_and_says_where(start_houdini: Start) -> None:
    session = start_houdini()
    session.plates("shot", range(1, 5))
    node = session.top(plates="$JOB/shot/shot.$F4.exr", mode="chain", chunk=2, near=1.0, far=9.0)
    session.houdini.press(node, "submit")
    (said,) = session.houdini.said
    folder = session.folder / "shot/depth/shot_depth_v001_openjd"
    assert str(folder) in said
    plan = json.loads((folder / "plan.json").read_text())
    assert [task["id"] for task in plan["tasks"]][1:3] == ["shot.render.1-2", "shot.render.3-4"]
    assert (plan["shots"][0]["convert"]["near"], plan["shots"][0]["convert"]["far"]) == (1.0, 9.0)
    assert session.houdini.operations == ["FlashDepth submit"]
    session.above(node, [])
    session.houdini.press(node, "submit")
    assert "known when it is cooked" in session.houdini.said[-1]


def test_without_a_ui_a_button_fails_aloud_and_opens_nothing(start_houdini: Start) -> None:
    session = start_houdini(ui=False)
    node = session.top(plates="$JOB/none.$F4.exr")
    with pytest.raises(session.houdini.module.OperationFailed, match=r"/obj/tops/shot: .*no frame"):
        session.houdini.press(node, "submit")
    session.plates("shot", range(1, 3))
    session.houdini.set(node, "plates", "$JOB/shot/shot.$F4.exr")
    session.houdini.press(node, "submit")
    assert session.houdini.said == []
    assert (session.folder / "shot/depth/shot_depth_v001_openjd/plan.json").is_file()


def test_version_up_keeps_what_was_typed(start_houdini: Start) -> None:
    session = start_houdini()
    session.plates("shot", range(1, 3))
    node = session.top(plates="$JOB/shot/shot.$F4.exr", file="$JOB/d_v009/s_v009.$F4.exr")
    session.houdini.press(node, "version_up")
    assert node.parm("file").unexpandedString() == "$JOB/d_v010/s_v010.$F4.exr"
    session.houdini.set(node, "file", "")
    session.houdini.press(node, "version_up")
    assert node.parm("file").unexpandedString().endswith("shot/depth/shot_depth_v002.####.exr")


def test_the_doctor_looks_at_the_real_renderer(start_houdini: Start) -> None:
    session = start_houdini()
    node = session.top(file="$JOB/new/d.$F4.exr")
    session.houdini.press(node, "doctor")
    (said,) = session.houdini.said
    assert f"ok   output: {session.folder} can be written to" in said
    assert "ok   weights: nano" in said


def test_escape_stops_what_takes_long(start_houdini: Start) -> None:
    session = start_houdini()
    stopped = threading.Event()

    def work(is_stopped: Callable[[], bool]) -> None:
        while not is_stopped():
            pass
        stopped.set()

    calls = iter([False, False, True])
    session.houdini.interrupt_when = lambda: next(calls)
    with pytest.raises(Exception, match="stopped"):
        session.module("waiting").wait_for("a long thing", work)
    assert stopped.wait(10.0)


def test_nodes_are_edited_on_houdinis_thread_and_contents_are_locked(start_houdini: Start) -> None:
    """What the fake refuses, so that a test that passes says something."""
    session = start_houdini()
    node = session.top()
    raised: list[BaseException] = []

    def edit() -> None:
        try:
            node.parm("near").set(1.0)
        except BaseException as error:  # noqa: BLE001 - it is looked at
            raised.append(error)

    thread = threading.Thread(target=edit)
    thread.start()
    thread.join()
    assert isinstance(raised[0], Refused)
    with pytest.raises(TypeError):
        node.parm("convention").set("metres")
    assert node.parm("metres") is None
    locked = node.parent().createNode("flashdepth", "locked")
    locked._locked = True
    with pytest.raises(session.houdini.module.PermissionError):
        locked.createNode("pythonprocessor", "more")


def test_a_menu_that_has_no_such_label_says_which_it_has(start_houdini: Start) -> None:
    session = start_houdini()
    parm = session.top().node("shots").parm("pdg_cachemode")
    with pytest.raises(ValueError, match="no 'Write All' among Automatic, Read Files, Write Files"):
        session.module("assumptions").menu_index(parm, "Write All")


def test_a_work_item_by_itself_says_how_it_is_called(tmp_path: Path) -> None:
    import sys

    from conftest import run_process
    from houdini_kit import PLUGIN

    done = run_process([sys.executable, str(PLUGIN / "run_task.py")], tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: usage: run_task.py PLAN ID\n")
    plan = tmp_path / "plan.json"
    done = run_process([sys.executable, str(PLUGIN / "run_task.py"), str(plan), "a"], tmp_path)
    assert done.returncode == 1
    assert f"{plan}: cannot be read" in done.stderr
