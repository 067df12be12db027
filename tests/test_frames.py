"""Frame ranges and sequences: what is read is what is printed, and disk is what is listed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashdepth_vfx.errors import FrameRangeError, UsageError
from flashdepth_vfx.frames import FrameRange, FrameSequence

# ---------------------------------------------------------------- FrameRange


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("5", (5,)),
        ("1001-1004", (1001, 1002, 1003, 1004)),
        ("1-9x4", (1, 5, 9)),
        ("1-10x4", (1, 5, 9)),
        ("1-3,7,5-6", (1, 2, 3, 5, 6, 7)),
        ("1-3,2-4,3", (1, 2, 3, 4)),
        ("-3--1", (-3, -2, -1)),
        ("-2-1", (-2, -1, 0, 1)),
        ("7-7", (7,)),
        (" 1 - 2 , 4 ", (1, 2, 4)),
    ],
)
def test_a_range_reads_as_people_write_it(text: str, frames: tuple[int, ...]) -> None:
    assert FrameRange.parse(text).frames == frames


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a frame"),
        ("a", "not a frame"),
        ("1-", "not a frame"),
        ("1,,2", "not a frame"),
        ("1-5x", "not a frame"),
        ("1-5x-1", "not a frame"),
        ("1.5", "not a frame"),
        ("1-5:2", "not a frame"),
        ("9-1", "runs backwards"),
        ("1-9x0", "step of 0"),
        ("1-99999999", "more than"),
        ("1-9999999999999999999", "more than"),
    ],
)
def test_anything_else_is_an_error_that_quotes_it(text: str, reason: str) -> None:
    with pytest.raises(FrameRangeError, match=reason) as caught:
        FrameRange.parse(text)
    assert caught.value.text == text
    assert f"'{text}'" in str(caught.value)


def test_a_hopeless_range_is_refused_at_once() -> None:
    start = time.monotonic()
    with pytest.raises(FrameRangeError):
        FrameRange.parse(",".join(f"{n}000000000-{n}999999999" for n in range(1, 9)))
    assert time.monotonic() - start < 1


@given(st.frozensets(st.integers(-5000, 5000), min_size=1, max_size=60))
def test_what_is_printed_reads_back_as_the_same_frames(frames: frozenset[int]) -> None:
    whole = FrameRange.of(frames)
    assert FrameRange.parse(str(whole)) == whole
    assert whole.frames == tuple(sorted(frames))


@given(st.integers(-300, 300), st.integers(0, 90), st.integers(1, 20))
def test_a_step_gives_what_range_gives(first: int, length: int, step: int) -> None:
    last = first + length
    text = f"{first}-{last}x{step}"
    assert FrameRange.parse(text).frames == tuple(range(first, last + 1, step))


def test_a_range_is_a_container_of_its_frames() -> None:
    whole = FrameRange.parse("1-9x2")
    assert list(whole) == [1, 3, 5, 7, 9]
    assert len(whole) == 5
    assert 3 in whole
    assert 2 not in whole
    assert str(FrameRange.of(())) == ""


# ---------------------------------------------------------------- FrameSequence


@pytest.mark.parametrize(
    ("text", "stem", "padding", "suffix"),
    [
        ("/s/shot.####.exr", "shot.", 4, ".exr"),
        ("/s/shot.%04d.exr", "shot.", 4, ".exr"),
        ("/s/shot.$F4.exr", "shot.", 4, ".exr"),
        ("/s/shot.@@@@.exr", "shot.", 4, ".exr"),
        ("/s/shot.%d.exr", "shot.", 1, ".exr"),
        ("/s/shot.$F.exr", "shot.", 1, ".exr"),
        ("/s/shot.#.exr", "shot.", 1, ".exr"),
        ("/s/shot_%06d.dpx", "shot_", 6, ".dpx"),
        ("/s/####.png", "", 4, ".png"),
        ("/s/shot_v001.####.exr", "shot_v001.", 4, ".exr"),
        ("/s/still.v2.exr", "still.v2", 0, ".exr"),
        ("/s/movie.mov", "movie", 0, ".mov"),
    ],
)
def test_every_spelling_of_a_pattern_is_read(
    text: str, stem: str, padding: int, suffix: str
) -> None:
    found = FrameSequence.parse(text)
    assert found == FrameSequence(Path("/s"), stem, padding, suffix)


def test_views_fill_their_signs() -> None:
    found = FrameSequence.parse("/s/%V/shot_%v.####.exr", view="left")
    assert found == FrameSequence(Path("/s/left"), "shot_l.", 4, ".exr")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("/s/##/shot.####.exr", "not in a folder"),
        ("/s/##_shot.####.exr", "more than one"),
        ("/s/shot_%V.####.exr", "--view"),
        ("/s/shot_%v.####.exr", "--view"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        FrameSequence.parse(text)


@pytest.mark.parametrize("name", ["a@b", "shot#1", "100%d", "$F4", "####"])
def test_a_folder_that_is_there_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    for below in ("", "new/"):
        found = FrameSequence.parse(str(tmp_path / name / f"{below}s.####.exr"))
        assert found == FrameSequence(tmp_path / name / below, "s.", 4, ".exr")


def test_a_folder_whose_name_is_too_long_to_look_at_is_no_crash(tmp_path: Path) -> None:
    assert FrameSequence.parse(str(tmp_path / ("@" * 300) / "s.####.exr")).padding == 4


@given(st.integers(-20_000, 20_000), st.integers(1, 6))
def test_a_frames_path_is_named_as_printf_names_it(frame: int, padding: int) -> None:
    name = FrameSequence(Path("/s"), "shot.", padding, ".exr").path(frame).name
    digits = name.removeprefix("shot.").removesuffix(".exr")
    assert int(digits) == frame
    assert len(digits.lstrip("-")) == max(padding, len(str(abs(frame))))


def test_pattern_and_name_are_as_people_write_them() -> None:
    found = FrameSequence.parse("/s/shot_010.%04d.exr")
    assert found.pattern == "/s/shot_010.####.exr"
    assert found.name == "shot_010"
    assert FrameSequence.parse("/s/####.exr").name == "frames"
    assert FrameSequence.parse(found.pattern) == found


@settings(max_examples=40, deadline=None)
@given(
    st.frozensets(st.integers(-200, 12_000), max_size=12),
    st.integers(1, 5),
    st.sampled_from(["shot.", "", "a b[1].", "x+(y)*.", "日本_", "v001_", "-"]),
)
def test_the_frames_on_disk_are_those_that_were_put_there(
    tmp_path_factory: pytest.TempPathFactory, frames: frozenset[int], padding: int, stem: str
) -> None:
    folder = tmp_path_factory.mktemp("sequence")
    sequence = FrameSequence(folder, stem, padding, ".exr")
    for frame in frames:
        sequence.path(frame).touch()
    assert sequence.frames_on_disk() == tuple(sorted(frames))


def test_names_that_only_look_like_frames_are_none(tmp_path: Path) -> None:
    sequence = FrameSequence(tmp_path, "shot.", 4, ".exr")
    others = (
        "shot.101.exr",
        "shot.01001.exr",
        "shot.1001.exr.tmp",
        "shot.1001.EXR",
        ".shot.1001.exr",
    )
    for name in (*others, "shot.-001.exr", "shot.1e03.exr", "shot.١٠٠١.exr", "xshot.1001.exr"):
        (tmp_path / name).touch()
    (tmp_path / "shot.1002.exr").touch()
    assert sequence.frames_on_disk() == (1002,)


def test_a_folder_that_is_not_there_has_no_frames(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "none", tmp_path / "file"):
        assert FrameSequence(folder, "s.", 4, ".exr").frames_on_disk() == ()
        assert FrameSequence(folder, "s", 0, ".exr").frames_on_disk() == ()


def _touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    "folder", ["plain", "a b", "[shot]", "{a,b}", "100%", "shot#1", "@home", "日本", "q?*"]
)
def test_the_one_sequence_of_a_folder_is_found_whatever_the_folder_is_called(
    tmp_path: Path, folder: str
) -> None:
    path = _touch(tmp_path / folder, "shot.1001.exr", "shot.1002.exr", "notes.txt", ".hidden.1.exr")
    found = FrameSequence.find_in(path)
    assert found == FrameSequence(path, "shot.", 4, ".exr")
    assert found.frames_on_disk() == (1001, 1002)


@pytest.mark.parametrize(
    ("names", "padding"),
    [
        (("s.1.exr", "s.2.exr", "s.10.exr"), 1),
        (("s.0001.exr", "s.0002.exr"), 4),
        (("s.000001.exr",), 6),
        (("s.-0002.exr", "s.0001.exr"), 4),
        (("s.exr",), 0),
        (("s.9998.exr", "s.9999.exr", "s.10000.exr"), 4),
        (("S.0001.EXR", "S.0002.EXR"), 4),
    ],
)
def test_a_folders_sequence_has_every_frame_of_it(
    tmp_path: Path, names: tuple[str, ...], padding: int
) -> None:
    found = FrameSequence.find_in(_touch(tmp_path, *names))
    assert found.padding == padding
    assert len(found.frames_on_disk()) == len(names)


def test_temporaries_in_a_folder_are_no_sequence(tmp_path: Path) -> None:
    _touch(tmp_path, ".shot.1001.exr.host.12.0123abcd.tmp", "shot.1001.exr")
    assert FrameSequence.find_in(tmp_path).frames_on_disk() == (1001,)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ((), "no image sequence"),
        (("notes.txt", "a.mov"), "no image sequence"),
        (("a.1001.exr", "b.1001.exr"), r"several image sequences.*a\..*b\."),
        (("a.1001.exr", "a.1001.dpx"), "several"),
    ],
)
def test_none_or_several_sequences_are_an_error(
    tmp_path: Path, names: tuple[str, ...], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        FrameSequence.find_in(_touch(tmp_path, *names))


def test_five_thousand_frames_are_listed_in_a_moment(tmp_path: Path) -> None:
    sequence = FrameSequence(tmp_path, "shot.", 4, ".exr")
    for frame in range(1, 5001):
        sequence.path(frame).touch()
    start = time.monotonic()
    assert len(sequence.frames_on_disk()) == 5000
    assert FrameSequence.find_in(tmp_path) == sequence
    assert time.monotonic() - start < 5
