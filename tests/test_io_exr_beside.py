"""Depth in a copy of the plate: the plate's pixels and bytes as they were, the depth beside them."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from beside_kit import KINDS, chunks_of, pixels_by_openexr, pixels_by_openimageio, windows_apart
from plates import flat, planes, shared_plates, write_exr, write_exr_parts

from flashdepth_vfx.errors import CorruptPlateError, OutputError, PlateError, SettingsError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.exr_beside import ExrBesideWriter
from flashdepth_vfx.io.exr_container import open_source
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.io.exr_layout import check_whole, read_layout
from flashdepth_vfx.plate import DepthFrame, FloatArray, Plate, PlateHeader, Window

#: What the libraries do not open, with depth or without: the OpenEXR module, text that is not UTF-8;
#: OpenImageIO, subsampled channels.
NOT_BY_OPENEXR, NOT_BY_OPENIMAGEIO = {"odd attributes"}, {"subsampled"}


def beside(plate: Path, layer: str = "depth", **asked: str) -> ExrBesideWriter:
    out = FrameSequence.parse(str(plate.parent / "out" / "plate.####.exr"))
    return ExrBesideWriter(out, lambda frame: plate, layer=layer, **asked)


def depth_for(header: PlateHeader, **attributes: object) -> DepthFrame:
    window = header.data_window
    depth: FloatArray = np.random.default_rng(5).random(window.shape, np.float32)
    marked = {"flashdepth/version": "0", **header.attributes, **attributes}
    return DepthFrame(7, depth, window, header.display_window, header.pixel_aspect, marked)


def put(plate: Path, layer: str = "depth", **asked: str) -> tuple[Path, DepthFrame]:
    """Depth beside a plate; gives the file, and the depth."""
    out = beside(plate, layer, **asked)
    reader = open_plates(str(plate), view=asked.get("view"))
    depth = depth_for(reader.header(reader.frames[0]))
    assert out.expect(7).size_bytes >= out.write(depth) == out.path(7).stat().st_size
    return out.path(7), depth


def depth_in(path: Path, view: str | None = None) -> Plate:
    reader = open_plates(str(path), channels=("depth.Z",), view=view)
    return reader.read(reader.frames[0])


@pytest.mark.parametrize("kind", KINDS)
def test_of_every_kind_of_plate_the_compressed_bytes_stay(kind: str, tmp_path: Path) -> None:
    plate = KINDS[kind](tmp_path / "plate.exr")
    path, depth = put(plate)
    before, after = chunks_of(plate), chunks_of(path)
    assert after[:-1] == before
    check_whole(path, read_layout(path))
    found = depth_in(path)
    assert found.rgb[..., 0].tobytes() == depth.depth.tobytes()
    assert found.header.data_window == depth.data_window
    assert found.header.display_window == depth.display_window


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in NOT_BY_OPENEXR])
def test_openexr_reads_the_same_pixels_and_the_depth(kind: str, tmp_path: Path) -> None:
    plate = KINDS[kind](tmp_path / "plate.exr")
    path, depth = put(plate)
    before, after = pixels_by_openexr(plate), pixels_by_openexr(path)
    assert after[:-1] == before
    assert list(after[-1].values()) == [depth.depth.tobytes()]


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in NOT_BY_OPENIMAGEIO])
def test_openimageio_reads_the_same_pixels_and_the_depth(kind: str, tmp_path: Path) -> None:
    plate = KINDS[kind](tmp_path / "plate.exr")
    path, depth = put(plate)
    before, after = pixels_by_openimageio(plate), pixels_by_openimageio(path)
    assert after[:-1] == before
    assert after[-1] == [depth.depth.tobytes()]


@pytest.mark.parametrize("kind", KINDS)
def test_of_every_kind_of_plate_each_attribute_stays(kind: str, tmp_path: Path) -> None:
    plate = KINDS[kind](tmp_path / "plate.exr")
    path, _ = put(plate)
    added = {"name", "type", "chunkCount", "acesImageContainerFlag"}
    before, after = read_headers(plate), read_headers(path)
    assert len(after) == len(before) + 1
    for one, other in zip(before, after, strict=False):
        names = one.keys() - added
        assert {name: str(one[name]) for name in names} == {n: str(other[n]) for n in names}
        assert other.keys() - one.keys() <= added


@pytest.mark.parametrize("folder", ["beachball", "display_window"])
def test_real_plates_stay_to_the_last_byte(folder: str, tmp_path: Path) -> None:
    for plate in sorted(shared_plates(folder).glob("*.exr")):
        out = FrameSequence.parse(str(tmp_path / f"{plate.stem}.exr"))
        reader = open_plates(str(plate))
        depth = depth_for(reader.header(reader.frames[0]))
        writer = ExrBesideWriter(out, lambda frame, plate=plate: plate, layer="depth")  # type: ignore[misc]
        writer.write(depth)
        path = writer.path(7)
        assert chunks_of(path)[:-1] == chunks_of(plate)
        assert pixels_by_openexr(path)[:-1] == pixels_by_openexr(plate)
        assert pixels_by_openimageio(path)[:-1] == pixels_by_openimageio(plate)
        assert depth_in(path).rgb[..., 0].tobytes() == depth.depth.tobytes()


def test_what_no_python_type_can_say_stays_too(tmp_path: Path) -> None:
    path, _ = put(KINDS["odd attributes"](tmp_path / "plate.exr"))
    for stays in (b"caf\xe9", b"vendor\0vendorType\0\x03\0\0\0\x00\x01\x02"):
        assert stays in path.read_bytes()


def test_parts_agree_in_what_openexr_wants_of_all(tmp_path: Path) -> None:
    path, _ = put(windows_apart(tmp_path / "plate.exr"))
    plate, depth = OpenEXR.File(str(path), header_only=True).parts
    for name in ("displayWindow", "dataWindow", "pixelAspectRatio", "timeCode"):
        assert str(plate.header[name]) == str(depth.header[name])
    assert (plate.header["name"], depth.header["name"]) == ("rgba", "depth")
    assert depth.header["owner"] == "the show"
    # an ACES container has one part, and depth no colour
    assert "acesImageContainerFlag" not in plate.header.keys() | depth.header.keys()
    assert "chromaticities" in plate.header.keys() - depth.header.keys()


def test_views_are_called_as_the_plate_calls_its_own(tmp_path: Path) -> None:
    path, _ = put(KINDS["views in parts"](tmp_path / "a" / "plate.exr"), view="right")
    *_, header = read_headers(path)
    assert (header["name"], header["view"]) == ("depth.right", "right")
    assert [c.name for c in header["channels"]] == ["depth.Z"]
    path, depth = put(KINDS["views in one part"](tmp_path / "b" / "plate.exr"), view="left")
    *_, header = read_headers(path)
    assert (header["name"], header["multiView"]) == ("depth.left", ["right", "left"])
    assert [c.name for c in header["channels"]] == ["depth.left.Z"]
    assert depth_in(path, "left").rgb[..., 0].tobytes() == depth.depth.tobytes()


@pytest.mark.parametrize("kind", ["views in parts", "views in one part"])
def test_a_second_view_stands_beside_the_first(kind: str, tmp_path: Path) -> None:
    plate = KINDS[kind](tmp_path / "plate.exr")
    first, left = put(plate, view="left")
    first = first.rename(first.with_name("first.exr"))
    second, right = put(first, view="right")
    assert chunks_of(second)[:-1] == chunks_of(first)
    for view, depth in (("left", left), ("right", right)):
        assert depth_in(second, view).rgb[..., 0].tobytes() == depth.depth.tobytes()
    with pytest.raises(SettingsError, match="--depth-layer"):
        beside(second).expect(7)


@pytest.mark.parametrize(
    ("layer", "channels"),
    [
        ("depth", {"RGB": flat(1.0)[..., None].repeat(3, -1), "depth.Z": flat(2.0)}),
        ("depth", {"RGB": flat(1.0)[..., None].repeat(3, -1), "Depth.near.Z": flat(2.0)}),
        ("rgba", planes("", 1.0, 0.5, 0.2, names="RGB")),
    ],
)
def test_a_name_that_is_taken_is_refused_with_a_remedy(
    layer: str, channels: dict[str, np.ndarray], tmp_path: Path
) -> None:
    plate = write_exr(tmp_path / "plate.exr", channels)
    header = open_plates(str(plate)).header(1)
    for call in (
        lambda: beside(plate, layer).expect(7),
        lambda: beside(plate, layer).write(depth_for(header)),
    ):
        with pytest.raises(SettingsError, match="--depth-layer NAME") as raised:
            call()
        assert str(plate) in str(raised.value)
    assert not (tmp_path / "out").exists()
    put(plate, "ours")


def test_a_part_of_that_name_is_refused(tmp_path: Path) -> None:
    parts = [({"name": "beauty"}, planes("", 1, 1, 1)), ({"name": "depth"}, {"Z": flat(1.0)})]
    with pytest.raises(SettingsError, match="'depth' already"):
        beside(write_exr_parts(tmp_path / "plate.exr", parts)).expect(7)


def test_a_bare_z_is_told_of(tmp_path: Path) -> None:
    plate = write_exr(tmp_path / "plate.exr", planes("", 1, 1, 1) | {"Z": flat(3.0)})
    assert "--depth-layer" in beside(plate).expect(7).notice
    assert not beside(plate, "ours").expect(7).notice


@pytest.mark.parametrize("kind", ["rows ZIP", "tiles", "parts", "parts of all kinds"])
@pytest.mark.parametrize("cut", [1, 300, 1500])
def test_a_torn_plate_is_refused_and_nothing_written(kind: str, cut: int, tmp_path: Path) -> None:
    plate = KINDS[kind](tmp_path / "plate.exr")
    header = open_plates(str(plate)).header(1)
    os.truncate(plate, plate.stat().st_size - cut)
    with pytest.raises(CorruptPlateError):
        beside(plate).write(depth_for(header))
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("damage", ["number", "size", "version"])
def test_a_damaged_plate_is_refused_and_nothing_written(damage: str, tmp_path: Path) -> None:
    plate = KINDS["parts"](tmp_path / "plate.exr")
    header, data = open_plates(str(plate)).header(1), bytearray(plate.read_bytes())
    (first,) = struct.unpack_from("<Q", data, read_layout(plate)[0].table)
    place, value = {"number": (first, 1), "size": (first + 8, 0x7FFFFFFF), "version": (4, 0x11002)}[
        damage
    ]
    struct.pack_into("<I", data, place, value)
    plate.write_bytes(data)
    with pytest.raises(CorruptPlateError):
        beside(plate).write(depth_for(header))
    assert not list((tmp_path / "out").glob("*"))


def test_a_size_that_no_memory_holds_is_a_damaged_plate(tmp_path: Path) -> None:
    plate = KINDS["parts of all kinds"](tmp_path / "plate.exr")
    header, data = open_plates(str(plate)).header(1), bytearray(plate.read_bytes())
    (first,) = struct.unpack_from("<Q", data, read_layout(plate)[1].table)
    struct.pack_into("<Q", data, first + 8, 1 << 62)
    plate.write_bytes(data)
    with pytest.raises(CorruptPlateError, match="cut off"):
        beside(plate).write(depth_for(header))


def test_a_file_of_a_later_openexr_is_not_guessed_at(tmp_path: Path) -> None:
    data = bytearray(KINDS["parts"](tmp_path / "plate.exr").read_bytes())
    for flags in (0x1003, 0x11002):
        struct.pack_into("<I", data, 4, flags)
        with pytest.raises(CorruptPlateError, match="later OpenEXR"):
            open_source(tmp_path / "plate.exr", io.BytesIO(data))


def test_a_plate_that_goes_away_is_a_plate_error(tmp_path: Path) -> None:
    plate = KINDS["parts"](tmp_path / "plate.exr")
    depth = depth_for(open_plates(str(plate)).header(1))
    plate.unlink()
    for call in (lambda: beside(plate).write(depth), lambda: beside(plate).expect(7)):
        with pytest.raises(PlateError):
            call()


def test_an_output_without_room_for_it_is_an_output_error(tmp_path: Path) -> None:
    plate = KINDS["parts"](tmp_path / "plate.exr")
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(OutputError):
        beside(plate).write(depth_for(open_plates(str(plate)).header(1)))


def test_a_file_with_our_part_is_ours_and_one_without_is_foreign(tmp_path: Path) -> None:
    plate = write_exr(tmp_path / "plate.exr", planes("", 1, 1, 1))
    out = beside(plate)
    assert out.standing(7) == "absent"
    path, _ = put(plate)
    assert out.standing(7) == "whole"
    found = out.attributes(7)
    assert found is not None
    assert found["name"] == "depth"
    os.truncate(path, path.stat().st_size - 9)
    assert out.standing(7) == "torn"
    path.write_bytes(plate.read_bytes())
    assert out.standing(7) == "foreign"


def test_the_window_of_the_copy_is_that_of_the_plate_wherever_it_lies(tmp_path: Path) -> None:
    window = Window(-3, 5, 16, 12)
    plate = write_exr(tmp_path / "plate.exr", planes("", 1, 1, 1), data=window)
    path, _ = put(plate)
    assert [part.data_window for part in read_layout(path)] == [window, window]
