"""What becomes a work item of the TOP, and which wait for each other: takes, chunks, views, movies, ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fake_houdini import kinds, pdg
from houdini_kit import HoudiniSession, depth_of, start_houdini
from plates import write_movie

__all__ = ["start_houdini"]

Start = Callable[..., HoudiniSession]


def _times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.exr")}


def test_chunks_of_a_chain_wait_for_each_other_and_give_the_pixels_of_the_whole(
    start_houdini: Start,
) -> None:
    session = start_houdini()
    session.plates("shot", range(1, 7))
    plates = "$JOB/shot/shot.$F4.exr"
    whole = session.top(name="whole", plates=plates, file="$JOB/whole/d.$F4.exr")
    session.cook(whole)
    chain = session.top(
        name="chain", plates=plates, file="$JOB/chain/d.$F4.exr", mode="chain", chunk=2
    )
    states = session.cook(chain)
    assert set(states.values()) == {"done"}
    first, second = session.item("render_1_2"), session.item("render_3_4")
    assert [one.name for one in second.waits_for] == [first.name]
    assert [one.name for one in first.waits_for] == [session.item("decide").name]
    for frame in range(1, 7):
        name = f"d.{frame:04d}.exr"
        one, two = (depth_of(session.folder / folder / name) for folder in ("whole", "chain"))
        np.testing.assert_array_equal(one, two)


def test_files_that_are_no_files_of_frames_are_passed_over(start_houdini: Start) -> None:
    session = start_houdini()
    files = session.plates("shot", range(1, 3))
    node = session.top()
    above = session.above(node, files)
    above.items[0].outputFiles.append(pdg.File("1", "intvalue"))
    assert session.cook(node) == {"shot_render": "done"}


def test_takes_of_a_cut_list_are_items_of_their_own(start_houdini: Start) -> None:
    session = start_houdini()
    session.plates("shot", range(1, 7))
    (session.folder / "cuts.txt").write_text("4\n")
    node = session.top(plates="$JOB/shot/shot.$F4.exr", cuts=str(session.folder / "cuts.txt"))
    states = session.cook(node)
    assert set(states.values()) == {"done"}
    assert {"shot_render_1_3", "shot_render_4_6"} <= set(states)


def test_shots_whose_plates_are_called_alike_are_told_apart(start_houdini: Start) -> None:
    session = start_houdini()
    files = []
    for shot in ("sh010", "sh020"):
        (session.folder / shot).mkdir()
        made = session.plates("plate", range(1, 3))
        files += [path.rename(session.folder / shot / path.name) for path in made]
    node = session.top()
    session.above(node, files)
    assert session.cook(node) == {"plate_render": "done", "plate_render_2": "done"}
    plates = {item.value("plates") for item in session.graph.items}
    assert plates == {str(session.folder / shot / "plate.%04d.exr") for shot in ("sh010", "sh020")}


def test_a_movie_is_a_shot_and_says_its_files_when_they_are_made(start_houdini: Start) -> None:
    session = start_houdini()
    frames = [np.full((48, 64, 3), (n + 1) / 8, np.float32) for n in range(3)]
    movie = write_movie(session.folder / "shot.mkv", frames)
    node = session.top(near=1.0, far=9.0)
    session.above(node, [movie], "file/video")
    states = session.cook(node)
    assert states == {"shot_render": "done", "shot_convert": "done"}
    for name, folder in (("render", "depth/inverse_z"), ("convert", "depth")):
        files = sorted((session.folder / folder).glob("*.exr"))
        assert len(files) == 3
        assert [Path(one.path) for one in session.item(name).outputFiles] == files
        assert {one.tag for one in session.item(name).outputFiles} == {"file/image"}


def test_folders_may_have_blanks_in_their_names(start_houdini: Start) -> None:
    session = start_houdini()
    session.plates("my shot", range(1, 3))
    node = session.top(plates="$JOB/my shot/my shot.$F4.exr")
    assert session.cook(node) == {"my_shot_render": "done"}


def test_views_are_items_of_their_own(start_houdini: Start) -> None:
    session = start_houdini()
    for view in ("left", "right"):
        for path in session.plates(view, range(1, 3)):
            path.rename(session.folder / f"st_{view}.{path.name.split('.')[1]}.exr")
    node = session.top(plates="$JOB/st_%V.$F4.exr", views="left,right")
    states = session.cook(node)
    assert set(states.values()) == {"done"}
    renders = [item for item in session.graph.items if item.value("kind") == "render"]
    assert [item.value("view") for item in renders] == ["left", "right"]
    made = {Path(file.path) for item in renders for file in item.outputFiles}
    assert made == set((session.folder / "depth").glob("*.exr"))
    assert len(made) == 4
    session.houdini.set(node, "views", "")
    with pytest.raises(session.houdini.module.NodeError, match="name its views"):
        session.cook(node)


@pytest.mark.parametrize("kind", ["Top", "Cop"])
def test_a_subnet_that_comes_without_an_output_is_given_one(
    start_houdini: Start, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Digital assets have no contents before theirs are made; what a new one has by itself nobody could look at."""
    monkeypatch.setitem(kinds.INSIDE, kind, {})
    session = start_houdini()
    if kind == "Top":
        node = session.top()
        assert node.node("output0").input_node(0) is node.node("shots")
    else:
        node = session.houdini.root.createNode("copnet", "net").createNode("flashdepth", "cop")
        assert node.node("outputs").input_node(1) is node.node("normalise")


def test_a_range_is_start_end_and_inc(start_houdini: Start) -> None:
    session = start_houdini()
    session.plates("shot", range(1001, 1008))
    node = session.top(plates="$JOB/shot/shot.$F4.exr", trange="normal", f1=1002, f2=1006, f3=2)
    session.cook(node)
    made = set(_times(session.folder / "shot/depth"))
    assert made == {f"shot_depth_v001.{n}.exr" for n in (1002, 1004, 1006)}
    assert {Path(one.path).name for one in session.item("render").outputFiles} == made
