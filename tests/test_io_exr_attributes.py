"""Attributes of depth files: what is given comes back, what EXR cannot hold is left out by name."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from plates import RawChannel, exr_attribute, picture, write_exr, write_raw_exr

from flashdepth_vfx.errors import OutputError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.exr_values import writable
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.plate import DepthFrame, Window


def writer(folder: Path, **settings: str) -> ExrDepthWriter:
    return ExrDepthWriter(FrameSequence.parse(str(folder / "depth.####.exr")), **settings)


def frame_of(depth: np.ndarray, number: int = 1001, **attributes: object) -> DepthFrame:
    window = Window(0, 0, depth.shape[1], depth.shape[0])
    return DepthFrame(number, depth, window, window, 1.0, attributes)


def awkward(height: int = 40, width: int = 50) -> np.ndarray:
    """Depth with every kind of float32: NaN, infinities, the smallest and largest, minus zero."""
    depth = np.random.default_rng(1).lognormal(0, 3, (height, width)).astype(np.float32)
    info = np.finfo(np.float32)
    depth[0, :7] = (np.nan, np.inf, -np.inf, info.max, info.tiny, info.smallest_subnormal, -0.0)
    return depth


def test_attributes_come_back_as_they_were_given(tmp_path: Path) -> None:
    out = writer(tmp_path)
    given_attributes = {
        "timeCode": OpenEXR.TimeCode(23, 59, 58, 24, True, *[False] * 13),
        "framesPerSecond": Fraction(24000, 1001),
        "owner": "Ångström",
        "empty": "",
        "flashdepth/count": 3,
        "flashdepth/a/name/that/is/longer/than/thirty-one": 0.5,
        "flashdepth/flags": ["a", "b"],
        "chosen": [0.25, 0.5],
        "worldToCamera": np.eye(4, dtype=np.float32),
    }
    out.write(frame_of(picture()[..., 0], **given_attributes))
    back = out.attributes(1001)
    assert back is not None
    for name, value in given_attributes.items():
        assert repr(back[name]) == repr(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (True, 1),
        (np.True_, 1),
        (2**40, "1099511627776"),
        (-(2**31), -(2**31)),
        (2**31, "2147483648"),
        (Fraction(2**40, 3), float(np.float32(2**40 / 3))),
        (["a\udce9"], ["a\ufffd"]),
        (1e300, "1e+300"),
        ([1, 2, 3], [1.0, 2.0, 3.0]),
        ([np.float32(1), 2], [1.0, 2.0]),
        (np.eye(3)[::-1], np.eye(3)[::-1]),
    ],
)
def test_what_openexr_would_refuse_or_lose_is_turned_into_what_it_keeps(
    tmp_path: Path, value: object, kept: object
) -> None:
    out = writer(tmp_path)
    out.write(frame_of(picture()[..., 0], odd=value))
    back = out.attributes(1001)
    assert back is not None
    assert repr(back["odd"]) == repr(kept)


UNWRITABLE = [
    None, [], b"bytes", {"a": 1}, [1, "a"], object(), 1j, [2**2000], 10**5000, np.eye(2), np.zeros(0),
    np.array(["a"]), (), (1,), ("a", "b"), (2**40, 1),
]  # fmt: skip


@pytest.mark.parametrize("value", UNWRITABLE, ids=lambda value: type(value).__name__)
def test_what_exr_cannot_hold_is_left_out_and_named(tmp_path: Path, value: object) -> None:
    kept, dropped = writable({"odd": value, "owner": "me"})
    assert (kept, dropped) == ({"owner": "me"}, ("odd",))
    out = writer(tmp_path)
    out.write(frame_of(picture()[..., 0], odd=value, owner="me"))
    back = out.attributes(1001)
    assert back is not None
    assert back["owner"] == "me"
    assert "odd" not in back


@pytest.mark.parametrize("value", UNWRITABLE[:5])
def test_what_we_say_of_our_own_frames_is_never_left_out(tmp_path: Path, value: object) -> None:
    out = writer(tmp_path)
    with pytest.raises(OutputError, match="'flashdepth/odd'"):
        out.write(frame_of(picture()[..., 0], **{"flashdepth/odd": value}))
    assert list(tmp_path.iterdir()) == []


def test_a_standard_attribute_of_a_wrong_type_is_left_out_and_named() -> None:
    attributes = {"screenWindowWidth": "wide", "": "no name", "version": 5, "owner": "me"}
    assert writable(attributes) == ({"owner": "me"}, ("screenWindowWidth", "", "version"))


def test_writable_changes_nothing_that_it_is_given() -> None:
    items, matrix = [1, 2], np.eye(3)
    attributes = {"list": items, "matrix": matrix, "none": None}
    writable(attributes)
    assert attributes == {"list": items, "matrix": matrix, "none": None}
    assert items == [1, 2]
    assert isinstance(items[0], int)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("stringvector", b""),
        ("floatvector", b""),
        ("chlist", b"\0"),
        ("preview", bytes(8)),
        ("tiledesc", bytes(9)),
        ("compression", b"\x63"),
        ("envmap", b"\7"),
        ("keycode", struct.pack("<7i", 0, 0, 0, 0, 0, 0, 0)),
        ("keycode", struct.pack("<7i", -1, 2, 3, 4, 5, 400, 999)),
        ("deepImageState", b"\1"),
        ("timecode", b"\xff" * 8),
        ("rational", struct.pack("<iI", -(2**31), 2**32 - 1)),
        ("string", b"a\0\xe9"),
        ("opaque", b""),
    ],
)
def test_no_attribute_of_a_plate_stops_its_depth(tmp_path: Path, kind: str, value: bytes) -> None:
    window = Window(0, 0, 8, 6)
    pixels = np.ones(window.shape, np.float32)
    extra = exr_attribute("odd", kind, value) + exr_attribute("owner", "string", b"me")
    write_raw_exr(tmp_path / "plate.exr", [RawChannel("Y", pixels)], window, extra=extra)
    plate = open_plates(str(tmp_path / "plate.exr")).read(1)
    out = writer(tmp_path)
    out.write(DepthFrame(1, pixels, window, window, 1.0, plate.header.attributes))
    back = out.attributes(1)
    assert back is not None
    assert back["owner"] == "me"


def test_attributes_of_unknown_types_pass_from_plate_to_depth(tmp_path: Path) -> None:
    plate = tmp_path / "plate.exr"
    extra = exr_attribute("studioThing", "studioType", b"\1\2\3\0\5")
    window = Window(2, 3, 8, 6)
    pixels = np.ones(window.shape, np.float32)
    write_raw_exr(plate, [RawChannel("Y", pixels)], window, extra=extra)
    header = open_plates(str(plate)).header(1)
    out = writer(tmp_path)
    out.write(
        DepthFrame(1, pixels, header.data_window, header.display_window, 1, header.attributes)
    )
    back = out.attributes(1)
    assert back is not None
    assert back["studioThing"].data == b"\1\2\3\0\5"  # type: ignore[attr-defined]
    assert back["studioThing"].typeName == "studioType"  # type: ignore[attr-defined]


def test_storage_attributes_of_the_plate_do_not_reach_the_file(tmp_path: Path) -> None:
    out = writer(tmp_path)
    out.write(
        frame_of(
            picture()[..., 0],
            compression=OpenEXR.DWAA_COMPRESSION,
            name="rgba",
            dataWindow=(np.array([5, 5], np.int32), np.array([9, 9], np.int32)),
        )
    )
    back = out.attributes(1001)
    assert back is not None
    assert (back["compression"], back["name"]) == (OpenEXR.ZIPS_COMPRESSION, "depth")
    assert back["dataWindow"][1].tolist() == [29, 19]  # type: ignore[index]


def test_attributes_are_those_of_a_whole_file_only(tmp_path: Path) -> None:
    out = writer(tmp_path)
    assert out.attributes(1001) is None
    out.write(frame_of(awkward(), owner="me"))
    whole = out.path(1001).read_bytes()
    assert out.attributes(1001) is not None
    for kept in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        out.path(1001).write_bytes(whole[:kept])
        assert out.attributes(1001) is None, kept
    out.path(1001).write_bytes(b"not an exr" * 100)
    assert out.attributes(1001) is None
    assert writer(tmp_path / "none").attributes(1) is None


def test_a_frame_with_a_zero_chunk_offset_is_torn(tmp_path: Path) -> None:
    """The libraries reserve the table first, so that a killed writer leaves zeros in it."""
    out = writer(tmp_path, compression="none")
    out.write(frame_of(awkward()))
    data = out.path(1001).read_bytes()
    start = len(data) - 40 * (50 * 4 + 8) - 40 * 8
    broken = bytearray(data)
    broken[start + 8 * 39 : start + 8 * 40] = bytes(8)
    out.path(1001).write_bytes(broken)
    assert out.attributes(1001) is None


def test_a_path_that_cannot_be_read_is_an_error_and_not_an_absent_frame(tmp_path: Path) -> None:
    out = writer(tmp_path)
    out.path(1001).mkdir()
    with pytest.raises(OutputError, match="cannot be read"):
        out.attributes(1001)


def test_a_plate_of_another_program_is_no_torn_frame(tmp_path: Path) -> None:
    out = writer(tmp_path)
    write_exr(out.path(5), {"RGB": picture()}, owner="them")
    found = out.attributes(5)
    assert found is not None
    assert found["owner"] == "them"


def test_standing_tells_what_lies_in_a_frames_place(tmp_path: Path) -> None:
    out = writer(tmp_path)
    assert out.standing(1001) == "absent"
    assert writer(tmp_path / "none").standing(1) == "absent"
    out.write(frame_of(awkward(), **{"flashdepth/version": "1.0"}))
    assert out.standing(1001) == "whole"
    whole = out.path(1001).read_bytes()
    for kept in (0, len(whole) // 2, len(whole) - 1):
        out.path(1001).write_bytes(whole[:kept])
        assert out.standing(1001) == "torn", kept
    out.path(1001).write_bytes(b"not an exr" * 100)
    assert out.standing(1001) == "foreign"


def test_files_of_other_programs_are_foreign_whole_or_torn(tmp_path: Path) -> None:
    out = writer(tmp_path)
    path = write_exr(out.path(5), {"RGB": picture()}, owner="them")
    assert out.standing(5) == "foreign"
    path.write_bytes(path.read_bytes()[:-10])
    assert out.standing(5) == "foreign"


def test_a_folder_in_a_frames_place_is_an_error(tmp_path: Path) -> None:
    out = writer(tmp_path)
    out.path(1001).mkdir()
    with pytest.raises(OutputError, match="cannot be read"):
        out.standing(1001)
