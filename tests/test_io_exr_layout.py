"""The table of chunks: its length is known for every way of storing, and its gaps are found."""

from __future__ import annotations

import math
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plates import (
    RawChannel,
    exr_attribute,
    picture,
    write_exr,
    write_exr_parts,
    write_image,
    write_raw_exr,
)

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.exr_layout import _tile_count, check_whole, read_layout
from flashdepth_vfx.plate import Window


def chunks_in(path: Path) -> list[int]:
    """What the file itself says: a part's first chunk follows the last table."""
    parts = read_layout(path)
    data = path.read_bytes()
    first = min(struct.unpack_from("<Q", data, part.table)[0] for part in parts)
    tables = [part.table for part in parts] + [first]
    return [(end - start) // 8 for start, end in pairwise(tables)]


@pytest.mark.parametrize("height", [1, 16, 31, 32, 33, 257, 700])
@pytest.mark.parametrize("name", [n for n in dir(OpenEXR) if n.endswith("_COMPRESSION")])
def test_scanline_chunks_are_counted_for_every_compression(
    tmp_path: Path, name: str, height: int
) -> None:
    pixels = picture(height, 20)
    path = write_exr(tmp_path / "a.exr", {"RGB": pixels}, compression=getattr(OpenEXR, name))
    parts = read_layout(path)
    assert [part.chunks for part in parts] == chunks_in(path)
    check_whole(path, parts)


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (65, 130), (300, 7)])
@pytest.mark.parametrize("tile", [16, 64])
def test_tiles_are_counted(tmp_path: Path, size: tuple[int, int], tile: int) -> None:
    path = write_image(tmp_path / "a.exr", picture(*size), tile=tile)
    parts = read_layout(path)
    assert [part.chunks for part in parts] == chunks_in(path)
    check_whole(path, parts)


@pytest.mark.parametrize("size", [(128, 128), (64, 256), (300, 70)])
def test_a_mipmap_is_read_at_full_size_and_refused_when_torn(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    pixels = picture(*size)
    plain = write_image(tmp_path / "plain.exr", pixels)
    path = tmp_path / "mip.exr"
    spec = OpenImageIO.ImageSpec()
    spec.attribute("maketx:resize", 0)
    made = OpenImageIO.ImageBufAlgo.make_texture(
        OpenImageIO.MakeTxTexture, OpenImageIO.ImageBuf(str(plain)), str(path), spec
    )
    assert made, OpenImageIO.geterror()
    parts = read_layout(path)
    assert [part.chunks for part in parts] == chunks_in(path)
    assert np.array_equal(open_plates(str(path)).read(1).rgb, pixels)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CorruptPlateError, match="5 bytes short"):
        open_plates(str(path)).read(1)


@given(
    st.integers(1, 500), st.integers(1, 500), st.integers(1, 70), st.integers(1, 70), st.booleans()
)
def test_tiles_of_all_levels_are_those_of_the_formats_formulas(
    width: int, height: int, tile_x: int, tile_y: int, up: bool
) -> None:
    """Level l is size / 2^l, rounded down or up, and at least 1, of log2(size) + 1 levels."""
    whole = math.ceil if up else math.floor

    def levels(size: int) -> int:
        return whole(math.log2(size)) + 1

    def side(size: int, level: int) -> int:
        return max(whole(size / 2**level), 1)

    def tiles(level_x: int, level_y: int) -> int:
        across = math.ceil(side(width, level_x) / tile_x)
        return across * math.ceil(side(height, level_y) / tile_y)

    expected = {
        0: tiles(0, 0),
        1: sum(tiles(level, level) for level in range(levels(max(width, height)))),
        2: sum(tiles(a, b) for a in range(levels(width)) for b in range(levels(height))),
    }
    window = Window(3, -4, width, height)
    for mode, count in expected.items():
        description = struct.pack("<IIB", tile_x, tile_y, mode | (16 if up else 0))
        assert _tile_count(description, window) == count


def test_parts_each_have_their_table(tmp_path: Path) -> None:
    display = (np.array([0, 0], np.int32), np.array([39, 39], np.int32))
    parts = [
        ({"name": str(rows), "displayWindow": display}, {"Y": np.ones((rows, 8), np.float32)})
        for rows in (5, 40, 17)
    ]
    path = write_exr_parts(tmp_path / "a.exr", parts)
    layout = read_layout(path)
    assert [part.name for part in layout] == ["5", "40", "17"]
    assert [part.data_window.height for part in layout] == [5, 40, 17]
    check_whole(path, layout)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptPlateError, match="1 bytes short"):
        check_whole(path, layout)


def test_a_stale_chunk_count_in_a_one_part_file_is_not_believed(tmp_path: Path) -> None:
    extra = exr_attribute("chunkCount", "int", struct.pack("<i", 999))
    raw = [RawChannel("Y", picture()[..., 0])]
    path = write_raw_exr(tmp_path / "a.exr", raw, Window(0, 0, 30, 20), extra=extra)
    assert read_layout(path)[0].chunks == 20
    assert open_plates(str(path)).read(1).rgb.shape == picture().shape


def test_a_compression_of_the_future_is_named(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", {"RGB": picture()})
    data = bytearray(path.read_bytes())
    data[data.index(b"compression\0compression\0") + 28] = 40
    path.write_bytes(data)
    with pytest.raises(CorruptPlateError, match="compression 40"):
        open_plates(str(path)).read(1)
