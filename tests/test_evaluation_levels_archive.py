"""The game's archives: what is found in them by name, and one clear error for every damage."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from level_files import refusal, smooth_picture, write_archive

from flashdepth_vfx.errors import CorruptPlateError, PlateError
from flashdepth_vfx.evaluation.levels.archive import PICTURE_PX, Archive


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tga"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_are_read_by_their_shader_name(tmp_path: Path, suffix: str, channels: int) -> None:
    if (suffix, channels) == (".jpg", 4):
        pytest.skip("JPEG has no alpha")
    pixels = np.full((64, 32, channels), 200, np.uint8)
    pixels[..., -1] = 80
    write_archive(tmp_path / "a.pk3", {}, {f"Textures/Wall{suffix}": pixels})
    with Archive(tmp_path) as archive:
        assert archive.picture("textures/floor") is None
        for name in ("textures/wall", "Textures/WALL.tga"):
            assert archive.has_picture(name)
            got = archive.picture(name)
            assert got is not None
            assert got.shape == (PICTURE_PX, PICTURE_PX, 4)
            want = {1: (80, 80, 80, 255), 3: (200, 200, 80, 255), 4: (200, 200, 200, 80)}
            assert np.abs(got.astype(int) - want[channels]).max() <= 2


def test_archives_of_a_folder_are_one_and_the_last_has_its_way(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.pk3", {"b": b"old", "Other": b"1"}, {})
    write_archive(tmp_path / "z.pk3", {"b": b"new", "deep/maps/c": b"2"}, {})
    with Archive(tmp_path) as archive:
        assert archive.levels() == ("b", "other")
        assert archive.level("b") == (f"{tmp_path / 'z.pk3'}:maps/b.bsp", b"new")


def test_a_folder_without_archives_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(PlateError, match=r"no game levels .*--fetch FOLDER"):
        Archive(tmp_path)


def read_all(folder: Path) -> None:
    """Every level and picture of a folder."""
    with Archive(folder) as archive:
        for name in archive.levels():
            archive.level(name)
        archive.picture("textures/wall")


@settings(max_examples=60)
@given(where=st.floats(0, 0.9999), cut=st.booleans(), flip=st.integers(1, 255))
def test_an_archive_damaged_anywhere_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, where: float, cut: bool, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = write_archive(
        folder / "a.pk3", {"b": b"level" * 40}, {"textures/wall.png": smooth_picture()}
    )
    data = bytearray(path.read_bytes())
    at = int(where * len(data))
    if cut:
        del data[at:]
    else:
        data[at] ^= flip
    path.write_bytes(data)
    error = refusal(lambda: read_all(folder))
    if error is None:
        assert not cut
    else:
        assert error.path.startswith(str(path))
        assert str(error).endswith("again")


def test_a_packed_stream_that_zlib_cannot_read_is_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.pk3", {"b": b"level" * 40}, {})
    data = bytearray(path.read_bytes())
    begin = data.index(b"maps/b.bsp") + len("maps/b.bsp")
    data[begin : begin + 4] = b"\xff" * 4
    path.write_bytes(data)
    with pytest.raises(CorruptPlateError, match=r"a\.pk3:maps/b\.bsp: .*fetch a\.pk3 again"):
        read_all(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tga"])
def test_a_picture_that_is_none_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "a.pk3"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"textures/wall{suffix}", b"no picture")
    with pytest.raises(
        CorruptPlateError, match=rf"a\.pk3:textures/wall\{suffix}: .*fetch it again"
    ):
        read_all(tmp_path)


def test_a_picture_that_states_an_absurd_size_is_not_read(tmp_path: Path) -> None:
    header = struct.pack("<3B5x4H2B", 0, 0, 2, 0, 0, 65535, 65535, 32, 8)
    with zipfile.ZipFile(tmp_path / "a.pk3", "w") as file:
        file.writestr("textures/wall.tga", header + bytes(64))
    with pytest.raises(CorruptPlateError, match="implausible"):
        read_all(tmp_path)
