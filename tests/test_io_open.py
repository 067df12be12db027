"""What `open_plates` opens, what it refuses, and what it says then."""

from __future__ import annotations

import codecs
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from plates import (
    picture,
    write_exr,
    write_image,
    write_movie,
)

from flashdepth_vfx.errors import CorruptPlateError, MissingFrameError, OutputError, PlateError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.io.sequence import SequenceFiles

FRAMES = (1001, 1002, 1004)


def _codes(pixels: np.ndarray, bits: int = 8) -> np.ndarray:
    return (pixels * (2**bits - 1)).round().astype(np.uint8 if bits == 8 else np.uint16)


def shot_of_exr(folder: Path) -> str:
    """Three frames of EXR; what to open."""
    for frame in FRAMES:
        write_exr(folder / f"shot.{frame}.exr", {"RGB": picture(frame=frame)})
    return str(folder / "shot.####.exr")


def test_a_file_of_another_kind_under_a_plates_name_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", _codes(picture())).rename(tmp_path / "a.dpx")
    write_image(tmp_path / "b.png", _codes(picture())).rename(tmp_path / "b.exr")
    with pytest.raises(CorruptPlateError, match=r"(?i)png|dpx"):
        open_plates(str(tmp_path / "a.dpx")).read(1)
    with pytest.raises(CorruptPlateError, match="not an EXR"):
        open_plates(str(tmp_path / "b.exr")).read(1)


def test_a_folder_with_one_sequence_is_that_sequence(tmp_path: Path) -> None:
    shot_of_exr(tmp_path)
    (tmp_path / "notes.txt").write_text("not a plate")
    assert open_plates(str(tmp_path)).frames == FRAMES


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none/shot.####.exr", "there is no folder"),
        ("shot.####.exr", "no file matches shot.1001.exr"),
        ("shot.exr", "no such file"),
        ("shot.mov", "no such movie"),
        ("shot.####.mov", "no such movie"),
        ("shot.txt", "no plate's suffix"),
        ("shot", "no plate's suffix"),
    ],
)
def test_what_is_not_there_is_named_with_a_remedy(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(PlateError, match=says) as caught:
        open_plates(str(tmp_path / name))
    assert name in str(caught.value)


def test_an_existing_name_with_pattern_signs_in_it_is_that_file(tmp_path: Path) -> None:
    for name in ("plate@2x.png", "100%d.png", "a#b.png"):
        path = write_image(tmp_path / name, _codes(picture()))
        assert open_plates(str(path)).read(1).header.path == path


def test_a_single_image_has_the_start_frame(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "still.exr", {"RGB": picture()})
    reader = open_plates(str(path), start_frame=1001)
    assert reader.frames == (1001,)
    assert reader.read(1001).frame == 1001
    with pytest.raises(MissingFrameError):
        reader.read(1)


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("plate.0003.exr", 3), ("0003.exr", 3), ("shot_12.exr", 12), ("shot-0004.exr", 4),
        ("shot.-0002.exr", -2), ("-0002.exr", -2), ("take7.exr", 7), ("shot_v002.exr", 1001),
        ("shot.V3.exr", 1001), ("3d.exr", 1001), ("20240102030405.exr", 1001),
    ],
)  # fmt: skip
def test_a_still_keeps_the_number_in_its_name(tmp_path: Path, name: str, frame: int) -> None:
    path = write_exr(tmp_path / name, {"RGB": picture()})
    reader = open_plates(str(path), start_frame=1001)
    assert reader.frames == (frame,)
    assert reader.read(frame).header.path == path
    assert reader.path(frame) == path


@pytest.mark.parametrize("name", ["a@b", "shot#1", "100%d"])
def test_plates_in_a_folder_with_pattern_signs_in_its_name_are_read(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    pattern = shot_of_exr(folder)
    for source in (pattern, str(folder), str(folder / "shot.%04d.exr")):
        reader = open_plates(source)
        assert reader.frames == FRAMES
        assert reader.sequence == FrameSequence(folder, "shot.", 4, ".exr")
        assert reader.read(1002).frame == 1002


def test_a_movies_sequence_is_its_file_whatever_signs_are_in_its_name(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "shot#1.mkv", [picture()])
    sequence = open_plates(str(path)).sequence
    assert sequence == FrameSequence(tmp_path, "shot#1", 0, ".mkv")
    assert sequence.path(1) == path


@pytest.mark.parametrize("suffix", [".exr", ".####.exr", ".mkv", ""])
def test_a_name_that_is_too_long_is_a_plate_error(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(PlateError):
        open_plates(str(tmp_path / ("x" * 300 + suffix)))


def test_a_folder_that_may_not_be_listed_is_a_plate_error() -> None:
    """As another user, since root may list anything."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        shot_of_exr(Path(name))

        Path(name).chmod(0o700)
        with nobody():
            for source in (name, f"{name}/shot.####.exr", f"{name}/shot.1001.exr"):
                with pytest.raises(PlateError, match="ermission denied"):
                    open_plates(source)


def test_a_file_that_goes_away_between_two_looks_is_a_plate_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = (shot_of_exr(tmp_path), str(write_image(tmp_path / "a.jpg", _codes(picture()))))
    for source in sources:
        reader = open_plates(source)
        gone = reader.path(reader.frames[0])

        def look(files: SequenceFiles, frame: int, gone: Path = gone) -> Path:
            gone.unlink()
            return gone

        with monkeypatch.context() as patch:
            patch.setattr(SequenceFiles, "existing", look)
            with pytest.raises(PlateError, match="cannot be read"):
                reader.read(reader.frames[0])


def test_negative_frames_are_frames(tmp_path: Path) -> None:
    for frame, name in ((-2, "-0002"), (-1, "-0001"), (0, "0000"), (3, "0003")):
        write_exr(tmp_path / f"shot.{name}.exr", {"RGB": np.full((4, 4, 3), frame, np.float32)})
    reader = open_plates(str(tmp_path / "shot.%04d.exr"))
    assert reader.frames == (-2, -1, 0, 3)
    assert [reader.read(f).rgb[0, 0, 0] for f in reader.frames] == [-2, -1, 0, 3]


def test_a_frame_removed_after_opening_is_missing(tmp_path: Path) -> None:
    source = shot_of_exr(tmp_path)
    reader = open_plates(source)
    reader.path(1002).unlink()
    with pytest.raises(MissingFrameError, match="frame 1002"):
        reader.read(1002)


def test_a_folder_in_a_frames_place_is_no_frame(tmp_path: Path) -> None:
    source = shot_of_exr(tmp_path)
    (tmp_path / "shot.1003.exr").mkdir()
    with pytest.raises(MissingFrameError):
        open_plates(source).read(1003)


def test_a_path_that_is_not_utf_8_is_refused_by_name(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.exr")
    write_exr(tmp_path / "plain.exr", {"RGB": picture()}).rename(path)
    with pytest.raises(PlateError, match="not UTF-8") as caught:
        open_plates(path)
    str(caught.value).encode()


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """The block runs as user 65534, which has no rights of root's."""
    if os.getuid() != 0:
        pytest.skip("needs root, to become another user")
    # Python remembers for good that it could not load a codec, and this user may not read Python's files.
    for codec in ("ascii", "latin-1", "idna"):
        codecs.lookup(codec)
    groups = os.getgroups()
    os.setgroups([])
    os.setresgid(65534, 65534, 0)
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


def test_files_that_may_not_be_read_or_written_are_said_to_be_so() -> None:
    """As another user, since root may do anything."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        plates = [
            write_exr(folder / "a.exr", {"RGB": picture()}),
            write_image(folder / "a.png", _codes(picture())),
            write_image(folder / "a.jpg", _codes(picture())),
            write_movie(folder / "a.mkv", [picture()]),
        ]
        for path in plates:
            open_plates(str(path)).read(1)
            path.chmod(0o600)
        (folder / "out").mkdir(mode=0o755)
        folder.chmod(0o755)

        with nobody():
            for path in plates:
                with pytest.raises(PlateError, match="ermission denied") as caught:
                    open_plates(str(path)).read(1)
                assert type(caught.value) is PlateError
            with pytest.raises(OutputError, match="grant write access"):
                atomic_write_bytes(folder / "out" / "f", b"data")


def test_importing_io_imports_no_codec_and_no_torch() -> None:
    code = (
        "import sys, flashdepth_vfx.io; "
        "print([m for m in ('av', 'OpenEXR', 'OpenImageIO', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_reader_or_writer_imports_torch() -> None:
    code = (
        "import sys, flashdepth_vfx.io.exr, flashdepth_vfx.io.image, flashdepth_vfx.io.movie, "
        "flashdepth_vfx.io.exr_writer; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_openexr_is_as_new_as_its_traps_were_measured_on() -> None:
    assert tuple(int(n) for n in OpenEXR.__version__.split(".")[:2]) >= (3, 5)
