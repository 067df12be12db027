"""What is connected to the Nuke node: a Read is used as it is, anything else is rendered to plates first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from conftest import make_plates
from fake_nuke.pictures import picture_of
from nuke_kit import NukeSession, start_nuke

__all__ = ["start_nuke"]

Start = Callable[..., NukeSession]


def _connected(session: NukeSession, node: Any) -> Any:
    import flashdepth_nuke.plates as plates

    return plates.connected_to(node)


def _request(session: NukeSession, node: Any) -> dict[str, Any]:
    """What the worker would be asked for."""
    return dict(session.rendering._asked(node, overwrite=False).request)


@pytest.mark.parametrize(
    ("mode", "frame", "offset"),
    [
        ("expression", "", 0),
        ("offset", "1000", 1000),
        ("offset", "-5", -5),
        ("start at", "2001", 1000),
    ],
)
def test_numbers_are_the_files_and_the_read_back_repeats_the_offset(
    start_nuke: Start, mode: str, frame: str, offset: int
) -> None:
    session = start_nuke()
    node = session.node(session.read(3, frame_mode=mode, frame=frame))
    session.render(node)
    assert session.depth_files() == [f"plate_depth_v001.{n}.exr" for n in (1001, 1002, 1003)]
    inside = node.node("depth_read")
    assert (inside["frame_mode"].value(), inside["frame"].value()) == (mode, frame)
    for number in (1001, 1003):
        seen = picture_of(node, number + offset)
        name = session.folder / f"plates/depth/plate_depth_v001.{number}.exr"
        with OpenEXR.File(str(name), separate_channels=True) as file:
            assert np.array_equal(seen.channels["depth.Z"], file.channels()["depth.Z"].pixels)
    # A Read holds its ends, and its depth with it.
    held, last = picture_of(node, 1003 + offset + 50), picture_of(node, 1003 + offset)
    assert np.array_equal(held.channels["depth.Z"], last.channels["depth.Z"])
    session.nuke.frame = 1002 + offset
    assert session.nuke.label_of(node) == "FlashDepth1"


def test_the_range_is_of_the_script_and_the_files_are_of_the_plates(start_nuke: Start) -> None:
    session = start_nuke()
    read = session.read(10, frame_mode="offset", frame="-1000")
    node = session.node(read, use_limit=True, first=4, last=5, handles=1)
    assert _request(session, node)["job"]["frames"] == "1003-1006"
    session.nuke.set(node, "handles", 100)
    assert _request(session, node)["job"]["frames"] == "1001-1010"
    session.nuke.set(node, "first", 400)
    session.nuke.set(node, "last", 500)
    session.render(node)
    assert "none of them" in session.nuke.said[0]


def test_anchors_are_at_the_frames_of_the_files(start_nuke: Start) -> None:
    session = start_nuke()
    node = session.node(session.read(3, frame_mode="offset", frame="-1000"))
    for number, (x, y, frame, distance) in enumerate(
        [(10.5, 20.0, 1, 3.0), (90.0, 30.0, 2, 7.5)], 1
    ):
        node[f"anchor{number}"]._value = (x, y)
        node[f"anchor{number}_frame"]._value = frame
        node[f"anchor{number}_distance"]._value = distance
    assert _request(session, node)["known"]["anchors"] == ["10.5,20,1001=3", "90,30,1002=7.5"]


@pytest.mark.parametrize(
    ("on_error", "missing"),
    [("error", "error"), ("black", "skip"), ("checkerboard", "skip"), ("nearest frame", "hold")],
)
def test_holes_are_what_the_read_makes_of_them(
    start_nuke: Start, on_error: str, missing: str
) -> None:
    session = start_nuke()
    node = session.node(session.read(3, on_error=on_error))
    assert _request(session, node)["job"]["settings"]["missing"] == missing
    (session.folder / "plates/plate.1002.exr").unlink()
    session.render(node)
    frames = {"error": [], "skip": [1001, 1003], "hold": [1001, 1002, 1003]}[missing]
    assert session.depth_files() == [f"plate_depth_v001.{n}.exr" for n in frames]


def test_full_size_files_whatever_the_proxy(start_nuke: Start, tmp_path: Path) -> None:
    session = start_nuke()
    session.nuke.root.in_proxy = True
    node = session.node(session.read(2, proxy=str(tmp_path / "half/plate.####.exr")))
    session.render(node)
    assert len(session.depth_files()) == 2
    grade = session.nuke.create("Grade", "Grade1", node.input(0))
    comp = session.node(grade, name="Comp", file=str(tmp_path / "comp/c_v001.####.exr"))
    session.render(comp)
    assert "proxy mode" in session.nuke.said[0]


def test_dots_are_passed_and_nothing_connected_is_said(start_nuke: Start) -> None:
    session = start_nuke()
    dot = session.nuke.create("Dot", "Dot1", session.nuke.create("Dot", "Dot2", session.read(2)))
    assert not _connected(session, session.node(dot)).is_comp
    alone = session.node(name="Alone")
    session.render(alone)
    assert "nothing is connected" in session.nuke.said[0]
    assert alone["status"].value().startswith("nothing is connected")


@pytest.mark.parametrize(
    "knobs",
    [
        {"frame_mode": "expression", "frame": "frame*2"},
        {"disable": True},
        {"file": "scan.####.r3d"},
    ],
    ids=["retimed", "disabled", "a file that the renderer cannot read"],
)
def test_reads_that_cannot_be_used_as_they_are_are_comps(
    start_nuke: Start, knobs: dict[str, Any]
) -> None:
    session = start_nuke()
    session.nuke.root.path = str(session.folder / "comp_v001.nk")
    assert _connected(session, session.node(session.read(2, **knobs))).is_comp


def test_a_comp_is_rendered_to_plates_once_and_again_when_it_changes(start_nuke: Start) -> None:
    session = start_nuke()
    grade = session.nuke.create("Grade", "Grade1", session.read(3))
    node = session.node(grade, file=str(session.folder / "out/comp_v001.####.exr"))
    session.render(node)
    assert session.nuke.said == []
    plates = session.folder / "out/plates"
    names = sorted(path.name for path in plates.glob("*.exr"))
    assert names == [f"comp_v001_plate.{n}.exr" for n in (1001, 1002, 1003)]
    assert len(session.depth_files("out")) == 3
    assert session.nuke.undo_steps == ["FlashDepth render"]
    assert node.node("plate_write")["disable"].value() is True
    written = {p: p.stat().st_mtime_ns for p in plates.glob("*.exr")}
    session.render(node)
    assert {p: p.stat().st_mtime_ns for p in written} == written
    before = (session.folder / "out/comp_v001.1001.exr").read_bytes()
    grade["white"]._value = 0.1
    session.nuke.frame = 1001
    assert session.nuke.label_of(node) == "FlashDepth1\nstale: input"
    session.render(node)
    assert (session.folder / "out/comp_v001.1001.exr").read_bytes() != before
    assert session.nuke.label_of(node) == "FlashDepth1"


def test_relative_names_and_tcl(start_nuke: Start, tmp_path: Path) -> None:
    session = start_nuke()
    make_plates(tmp_path / "job", 2)
    session.nuke.root["project_directory"]._value = str(tmp_path / "job")
    session.nuke.tcl["getenv SHOT"] = "sh010"
    read = session.nuke.create("Read", "Read1", file="plates/plate.####.exr", first=1001, last=1002)
    node = session.node(read, file="renders/[getenv SHOT]_v001.####.exr")
    session.render(node)
    assert session.depth_files("job/renders") == ["sh010_v001.1001.exr", "sh010_v001.1002.exr"]
    assert node["file"].value() == "renders/[getenv SHOT]_v001.####.exr"
    assert picture_of(node, 1002).channels["depth.Z"].max() > 0


def test_views_of_files_of_their_own(start_nuke: Start, tmp_path: Path) -> None:
    for view in ("left", "right"):
        make_plates(tmp_path / view, 2)
    session = start_nuke()
    session.nuke.view_names = ["left", "right"]
    read = session.nuke.create(
        "Read", "Read1", file=str(tmp_path / "%V/plates/plate.####.exr"), first=1001, last=1002
    )
    node = session.node(read, file=str(tmp_path / "depth/%V/d_v001.####.exr"))
    session.render(node)
    assert session.nuke.said == []
    for view in ("left", "right"):
        assert len(session.depth_files(f"depth/{view}")) == 2


def test_outside_of_its_range_depth_does_what_the_plate_does(start_nuke: Start) -> None:
    session = start_nuke()
    node = session.node(session.read(2, after="black"))
    session.render(node)
    assert picture_of(node, 1003).channels == {}
    assert "depth.Z" in picture_of(node, 1000).channels


@pytest.mark.parametrize("offset", [0, 1000])
def test_what_comes_out_where_there_is_no_depth(start_nuke: Start, offset: int) -> None:
    session = start_nuke()
    read = session.read(4, frame_mode="offset", frame=str(offset))
    node = session.node(read, use_limit=True, first=1002 + offset, last=1003 + offset)
    session.render(node)
    with pytest.raises(RuntimeError, match="No such file"):
        picture_of(node, 1001 + offset)
    session.nuke.set(node, "missing", "black")
    session.nuke.press(node, "reload")
    assert "depth.Z" not in picture_of(node, 1001 + offset).channels
    session.nuke.set(node, "missing", "read input")
    session.nuke.press(node, "reload")
    assert set(picture_of(node, 1001 + offset).channels) == {"R", "G", "B"}
    assert "depth.Z" in picture_of(node, 1002 + offset).channels
    assert "depth.Z" in picture_of(node, 1003 + offset).channels
    assert set(picture_of(node, 1004 + offset).channels) == {"R", "G", "B"}


def test_version_up_and_bake(start_nuke: Start) -> None:
    session = start_nuke()
    node = session.node(session.read(2))
    session.nuke.press(node, "bake")
    assert "no depth yet" in session.nuke.said.pop()
    session.render(node)
    baked = session.plugin.bake(node)
    at = session.nuke.nodes["Read2"]
    assert baked.input(1) is at
    assert np.array_equal(
        picture_of(baked, 1002).channels["depth.Z"], picture_of(node, 1002).channels["depth.Z"]
    )
    session.nuke.press(node, "version_up")
    assert node["file"].value().endswith("plate_depth_v002.####.exr")
    assert session.nuke.undo_steps[-1] == "FlashDepth version up"
    session.render(node)
    assert "plate_depth_v002.1001.exr" in session.depth_files()


def test_a_copy_of_a_node_is_one_of_its_own(start_nuke: Start) -> None:
    session = start_nuke()
    node = session.node(session.read(2))
    session.render(node)
    copied = session.node(node.input(0), name="Copied")
    for name, knob in node.knobs().items():
        copied[name]._value = knob.getValue()
    session.nuke.frame = 1001
    assert session.nuke.label_of(copied) == "Copied"
    session.nuke.set(copied, "stabilise", True)
    assert session.nuke.label_of(copied) == "Copied\nstale: stabilise"
    assert session.nuke.label_of(node) == "FlashDepth1"


def test_the_licence_is_shown(start_nuke: Start) -> None:
    session = start_nuke()
    node = session.nuke.create("FlashDepth", "FlashDepth1", session.read(1))
    assert node["licence"].value() == "paid work: yes (Apache-2.0)"
    session.nuke.set(node, "weights", "full")
    assert node["licence"].value().startswith("paid work: no")
    assert not node["weights_file"].enabled()
    session.render(node)
    assert "full" in session.nuke.said[0]
