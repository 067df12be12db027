"""The TOP from its parameters to depth on disk: a graph cooked with the real renderer, in a strict fake."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from houdini_kit import HoudiniSession, depth_of, start_houdini
from plates import shared_plates

__all__ = ["start_houdini"]

Start = Callable[..., HoudiniSession]


def _times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.exr")}


def test_two_takes_of_the_node_above_are_two_items_with_their_files(start_houdini: Start) -> None:
    session = start_houdini()
    files = session.plates("one", range(1001, 1004)) + session.plates("two", range(7, 9), seed=5)
    node = session.top(convention="z", near=2.0, far=9.0)
    session.above(node, files)
    states = session.cook(node)
    assert set(states.values()) == {"done"}
    one, two = session.item("one_render"), session.item("two_render")
    folder = session.folder / "one/depth"
    assert [file.path for file in session.item("one_convert").outputFiles] == [
        str(folder / f"one_depth_v001.{n}.exr") for n in (1001, 1002, 1003)
    ]
    assert {file.tag for file in one.outputFiles} == {"file/image"}
    for name, first, last, item in (("one", 1001, 1003, one), ("two", 7, 8, two)):
        assert (item.value("first"), item.value("last")) == (first, last)
        assert (item.value("near"), item.value("far"), item.value("convention")) == (2.0, 9.0, "z")
        assert item.value("plates") == str(session.folder / name / f"{name}.%04d.exr")
        assert item.parent.name == ("file_0" if name == "one" else "file_3")
    nearest = min(depth_of(path).min() for path in folder.glob("*.exr"))
    farthest = max(depth_of(path).max() for path in folder.glob("*.exr"))
    # The ends of a shot's range leave single pixels out.
    assert (nearest, farthest) == pytest.approx((2.0, 9.0), rel=0.05)


def test_a_torn_plate_fails_its_own_item_with_the_renderers_line(start_houdini: Start) -> None:
    session = start_houdini()
    files = session.plates("good", range(1, 3)) + session.plates("torn", range(1, 4))
    files[3].write_bytes(b"torn")
    node = session.top()
    session.above(node, files)
    assert session.cook(node) == {"good_render": "done", "torn_render": "failed"}
    item = session.item("torn")
    last = item.log.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert "torn.0002.exr" in last
    assert json.loads(item.told.splitlines()[-1]) == {"state": last.removeprefix("error: ")}
    assert item.outputFiles == []


def test_a_hole_is_the_renderers_to_report(start_houdini: Start) -> None:
    session = start_houdini()
    files = session.plates("shot", range(1, 5))
    files.pop(1).unlink()
    node = session.top()
    session.above(node, files)
    assert session.cook(node) == {"shot_render": "failed"}
    assert "shot.0002.exr" in session.item("shot").log
    session.houdini.set(node, "missing", "skip")
    assert session.cook(node) == {"shot_render": "done"}
    made = {Path(file.path).name for file in session.item("shot").outputFiles}
    assert (
        made
        == {f"shot_depth_v001.000{n}.exr" for n in (1, 3, 4)}
        == set(_times(session.folder / "shot/depth"))
    )


def test_a_second_cook_finds_all_done(start_houdini: Start) -> None:
    session = start_houdini()
    session.plates("shot", range(1001, 1004))
    node = session.top(plates="$JOB/shot/shot.$F4.exr")
    assert session.cook(node) == {"shot_render": "done"}
    item = session.item("shot")
    told = [json.loads(line) for line in item.told.splitlines()]
    percents = [line["percent"] for line in told if "percent" in line]
    assert percents == sorted(percents)
    assert percents[-1] == 100.0
    assert len(percents) >= 4
    before = _times(session.folder / "shot/depth")
    assert session.cook(node) == {"shot_render": "done"}
    assert _times(session.folder / "shot/depth") == before
    assert '"frames_kept": [1001, 1002, 1003]' in session.item("shot").log
    assert json.loads(session.item("shot").told.splitlines()[-1]) == {"percent": 100.0}


@pytest.mark.parametrize("kill", [False, True], ids=["asked", "killed"])
def test_a_cancel_saves_what_there_is_and_the_next_cook_goes_on(
    start_houdini: Start, kill: bool
) -> None:
    session = start_houdini()
    session.plates("shot", range(1, 61))
    node = session.top(plates="$JOB/shot/shot.$F4.exr")
    graph = session.graph
    graph.kill = kill
    graph.cancel_when = lambda running: any(
        graph.told_of(item).count("percent") > 4 for item in running
    )
    assert session.cook(node) == {"shot_render": "cancelled"}
    if not kill:
        assert "the state waits for" in session.item("shot").log
    # A worker whose client was killed ends by itself: it has a frame in hand, and its state to save.
    folder = session.folder / "shot/depth"
    _wait_for(lambda: list((folder / "shot_depth_v001.flashdepth").glob("state.*")))
    written = _times(folder)
    assert 0 < len(written) < 60
    graph.cancel_when = lambda running: False
    assert session.cook(node) == {"shot_render": "done"}
    after = _times(folder)
    assert len(after) == 60
    assert {name: after[name] for name in written} == written


def test_what_cannot_be_planned_fails_by_itself(start_houdini: Start) -> None:
    session = start_houdini()
    session.plates("shot", range(1, 3))
    node = session.top(plates="$JOB/shot/shot.$F4.exr", near=3.0)
    assert session.cook(node) == {"refused_shot_04d_exr": "failed"}
    assert (
        session.item("shot").log.strip()
        == "error: near and far go together: give both, or 0 for both"
    )
    session.houdini.set(node, "near", 0.0)
    session.houdini.set(node, "plates", "$JOB/none/none.$F4.exr")
    with pytest.raises(session.houdini.module.NodeError, match="no frame of it is there"):
        session.cook(node)


def test_depth_of_other_settings_is_not_taken_for_done(start_houdini: Start) -> None:
    """PDG would take files that are there for those that were asked for; the renderer looks."""
    session = start_houdini()
    session.plates("shot", range(1, 3))
    node = session.top(plates="$JOB/shot/shot.$F4.exr")
    session.cook(node)
    session.houdini.set(node, "convention", "z")
    assert session.cook(node) == {"shot_render": "failed"}
    assert "made with other settings" in session.item("shot").log
    # "Dirty and delete results" takes the files that were declared.
    for file in session.item("shot").expected:
        Path(file.path).unlink()
    assert session.cook(node) == {"shot_render": "done"}


def test_real_plates_from_end_to_end(start_houdini: Start) -> None:
    shared = shared_plates("beachball")
    session = start_houdini(ui=False)
    takes: list[Path] = []
    for take, frames in (("sh010", (1, 2)), ("sh020", (3, 4))):
        (session.folder / take).mkdir()
        for frame in frames:
            takes.append(session.folder / take / f"{take}.{frame:04d}.exr")
            shutil.copy(shared / f"beachball.{frame:04d}.exr", takes[-1])
    takes[3].write_bytes(takes[3].read_bytes()[:5000])
    node = session.top(convention="normalised_near_white", edge_matte=1)
    session.above(node, takes)
    states = session.cook(node)
    # Shown by pytest -rP.
    sys.stdout.write(f"\n{_transcript(session, states)}\n")
    assert states["sh010_render"] == states["sh010_convert"] == "done"
    assert (states["sh020_render"], states["sh020_convert"]) == ("failed", "waiting")
    depth = depth_of(session.folder / "sh010/depth/sh010_depth_v001.0001.exr")
    assert depth.shape == (876, 911)
    assert 0.0 <= depth.min() < depth.max() <= 1.0


def _transcript(session: Any, states: dict[str, str]) -> str:
    """What a person reads: each item, and the last lines of its log."""
    lines = []
    for item in session.graph.items:
        lines.append(f"{item.name}: {states[item.name]}")
        log = item.log.replace(str(session.folder), "$JOB").splitlines()
        lines += [f"    {line[:150]}" for line in log[-3:]]
    return "\n".join(lines)


def _wait_for(there: Callable[[], Any], seconds: float = 30.0) -> None:
    import time

    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.1)
