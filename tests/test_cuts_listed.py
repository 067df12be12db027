"""Cuts that a file lists: frames in a text, an edit in OpenTimelineIO; and what a render makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_schedule import FramesOnDisk

from flashdepth_vfx.cutlist import read_cuts
from flashdepth_vfx.cutplan import plan_cuts
from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.frames import FrameRange


def listed(folder: Path, text: str) -> str:
    path = folder / "cuts.txt"
    path.write_text(text)
    return str(path)


def span(frames: float, rate: float = 24.0, start: float = 0.0) -> dict[str, Any]:
    """A `TimeRange`."""
    time = {"OTIO_SCHEMA": "RationalTime.1", "rate": rate}
    return {
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": {**time, "value": start},
        "duration": {**time, "value": frames},
    }


def item(schema: str, **more: Any) -> dict[str, Any]:
    """With what every item has."""
    return {"OTIO_SCHEMA": schema, "metadata": {}, "name": "a", **more}


def reference(frames: float | None = None) -> dict[str, Any]:
    """Media, as long as said."""
    known = None if frames is None else span(frames)
    return item("ExternalReference.1", available_range=known, target_url="a.mov")


def clip(frames: float | None, media: float | None = None, rate: float = 24.0) -> dict[str, Any]:
    return item(
        "Clip.2",
        source_range=None if frames is None else span(frames, rate, start=86400),
        media_references={"proxy": reference(media)},
        active_media_reference_key="proxy",
    )


def track(*items: dict[str, Any], kind: str = "Video") -> dict[str, Any]:
    return item("Track.1", kind=kind, children=list(items), source_range=None)


def edit(folder: Path, *tracks: dict[str, Any]) -> Path:
    stack = item("Stack.1", children=list(tracks), source_range=None)
    path = folder / "edit.otio"
    path.write_text(json.dumps(item("Timeline.1", global_start_time=None, tracks=stack)))
    return path


def test_a_list_is_frames_and_ranges_with_comments(tmp_path: Path) -> None:
    text = "\ufeff# the edit of Tuesday\n1010\n\n1020, 1030-1050x10  # three more\n1010\n"
    path = tmp_path / "cuts.txt"
    path.write_text(text, encoding="utf-8")
    assert read_cuts(path, 1001, 1100) == (1010, 1020, 1030, 1040, 1050)
    path.write_text("# none at all\n")
    assert read_cuts(path, 1001, 1100) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("12\nshot two\n", "line 2.*'shottwo' is not a frame"),
        ("12\n300\n", "frame 300 lies outside the shot, 1-100"),
        ("0", "frame 0 lies outside"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_cuts(Path(listed(tmp_path, text)), 1, 100)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"automatic.*give none, auto or a file"):
        read_cuts(tmp_path / "automatic", 1, 100)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_cuts(tmp_path, 1, 100)
    (tmp_path / "plate.exr").write_bytes(b"\x76\x2f\x31\x01\xff\xfe")
    with pytest.raises(SettingsError, match="is not text"):
        read_cuts(tmp_path / "plate.exr", 1, 100)


def test_an_edit_gives_the_first_frame_of_every_clip_but_the_first(tmp_path: Path) -> None:
    three = span(3)["duration"]
    fade = item("Transition.1", in_offset=three, out_offset=three, transition_type="SMPTE_Dissolve")
    gap = item("Gap.1", source_range=span(5))
    sound = track(clip(500), kind="Audio")
    path = edit(tmp_path, sound, track(), track(clip(10), fade, clip(20), gap, clip(15)))
    assert read_cuts(path, 1001, 1050) == (1011, 1031, 1036)


def test_a_clip_without_a_range_is_as_long_as_its_media(tmp_path: Path) -> None:
    new = clip(None, media=7)
    old = item("Clip.1", source_range=None, media_reference=reference(7))
    assert read_cuts(edit(tmp_path, track(new, old)), 1, 14) == (8,)


@pytest.mark.parametrize("length", [99, 101, 1])
def test_an_edit_of_another_length_is_refused(tmp_path: Path, length: int) -> None:
    path = edit(tmp_path, track(clip(40), clip(60)))
    with pytest.raises(SettingsError, match=f"100 frames long and the shot {length} ") as raised:
        read_cuts(path, 1, length)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("tracks", "said"),
    [
        ((), "0 video tracks"),
        ((track(clip(9)), track(clip(9))), "2 video tracks; one is read"),
        ((track(clip(5), item("Marker.2")),), "Marker|is no edit"),
        ((track(clip(5), clip(4, rate=25.0)),), "one rate"),
        ((track(clip(4.5), clip(4.5)),), "whole frames"),
        ((track(clip(None)),), "'a' does not say how long"),
        ((track(clip(float("nan"))),), "is no edit|whole frames"),
    ],
)
def test_an_edit_that_cannot_be_followed_is_refused(
    tmp_path: Path, tracks: tuple[dict[str, Any], ...], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        read_cuts(edit(tmp_path, *tracks), 1, 9)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", '{"OTIO_SCHEMA": "Clip.2"}', '{"OTIO_SCHEMA": "Timeline.1"}']
)
def test_what_is_no_edit_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "edit.otio"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"edit\.otio"):
        read_cuts(path, 1, 9)


def test_an_edit_that_the_library_wrote_is_read(tmp_path: Path) -> None:
    otio = pytest.importorskip("opentimelineio")
    timeline = otio.schema.Timeline("cut")
    video = otio.schema.Track("v", kind=otio.schema.TrackKind.Video)
    for length in (10, 20, 15):
        rate = otio.opentime.RationalTime
        used = otio.opentime.TimeRange(rate(100, 24), rate(length, 24))
        video.append(otio.schema.Clip("a", source_range=used))
    timeline.tracks.append(video)
    path = tmp_path / "edit.otio"
    otio.adapters.write_to_file(timeline, str(path))
    assert read_cuts(path, 1, 45) == (11, 31)


def test_movies_are_looked_through_unless_said_and_sequences_are_not() -> None:
    plates, movie = FramesOnDisk(1, 2, 3), FramesOnDisk(1, 2, 3)
    movie.sequential = True
    assert plan_cuts(None, movie).from_pictures
    assert not plan_cuts(None, plates).from_pictures
    assert plan_cuts("auto", plates).from_pictures
    assert plan_cuts("none", movie).listed == frozenset()


def test_a_list_is_known_by_the_takes_that_it_makes_and_not_by_its_text(tmp_path: Path) -> None:
    plates = FramesOnDisk(*range(1, 2001))
    lists = [plan_cuts(listed(tmp_path, text), plates) for text in ("5", "5,6", "1-1999x2")]
    assert {plan.text for plan in lists} == {"listed"}
    assert len({plan.listed for plan in lists}) == 3
    assert plan_cuts(listed(tmp_path, "# nothing"), plates).text == "none"
    assert plan_cuts("auto", plates).text not in ("none", "listed")


def test_a_take_that_begins_in_a_hole_is_met_behind_it(tmp_path: Path) -> None:
    plates = FramesOnDisk(1, 2, 3, 7, 8, 9)
    assert plan_cuts(listed(tmp_path, "5,8"), plates).listed == {7, 8}
    sparse = FrameRange.parse("2,9")
    assert plan_cuts(listed(tmp_path, "5,8"), plates, sparse=sparse).listed == {9}
    assert plan_cuts(listed(tmp_path, "1"), plates).listed == frozenset()


def test_with_a_state_given_only_later_cuts_count(tmp_path: Path) -> None:
    plates = FramesOnDisk(*range(1, 10))
    cuts = listed(tmp_path, "3,6,8")
    assert plan_cuts(cuts, plates, waits_for=6).listed == {6, 8}
    assert plan_cuts(cuts, plates, waits_for=7).listed == {8}


def test_the_stamp_of_a_frame_names_the_plates_that_decide_about_it() -> None:
    plates = FramesOnDisk(1, 2, 3, 7, 8, 9)
    auto = plan_cuts("auto", plates)
    assert auto.stamp(plates, 2) == "2+3+7+8"
    assert auto.stamp(plates, 9) == "9"
    assert plan_cuts("none", plates).stamp(plates, 2) == "2"
    assert plan_cuts("auto", plates, sparse=FrameRange.parse("2,8")).stamp(plates, 2) == "2+8"
