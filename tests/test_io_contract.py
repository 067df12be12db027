"""What every plate reader promises, held by one suite over every kind of file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from plates import (
    picture,
    write_cineon,
    write_dpx,
    write_exr,
    write_exr_parts,
    write_image,
    write_movie,
)

from flashdepth_vfx.errors import CorruptPlateError, MissingFrameError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io import PlateReader, open_plates
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.plate import DepthFrame

FRAMES = (1001, 1002, 1004)


@dataclass(frozen=True)
class Kind:
    """One kind of file: how a frame of it is made, its suffix, and how near its numbers come."""

    suffix: str
    write: Callable[[Path, np.ndarray], object]
    tolerance: float = 1e-6
    file_kind: str = "exr"


def _parts(path: Path, pixels: np.ndarray) -> None:
    other = {"Z": np.zeros(pixels.shape[:2], np.float32)}
    write_exr_parts(path, [({"name": "rgba"}, {"RGB": pixels}), ({"name": "depth"}, other)])


KINDS = {
    "exr float": Kind(".exr", lambda p, x: write_exr(p, {"RGB": x})),
    "exr half": Kind(".exr", lambda p, x: write_exr(p, {"RGB": x.astype("f2")}), 3e-4),
    "exr tiled": Kind(".exr", lambda p, x: write_image(p, x, tile=16)),
    "exr parts": Kind(".exr", _parts),
    "dpx 8": Kind(".dpx", lambda p, x: write_dpx(p, (x * 255).round(), bits=8), 1e-6, "dpx"),
    "dpx 10": Kind(".dpx", lambda p, x: write_dpx(p, (x * 1023).round()), 5e-4, "dpx"),
    "dpx 12": Kind(".dpx", lambda p, x: write_dpx(p, (x * 4095).round(), bits=12), 2e-4, "dpx"),
    "dpx 16": Kind(".dpx", lambda p, x: write_dpx(p, (x * 65535).round(), bits=16), 1e-5, "dpx"),
    "cineon": Kind(".cin", lambda p, x: write_cineon(p, (x * 1023).round()), 5e-4, "cineon"),
    "tiff 8": Kind(".tif", lambda p, x: write_image(p, _codes(x)), 1e-6, "tiff"),
    "tiff float": Kind(".tiff", lambda p, x: write_image(p, x), 1e-6, "tiff"),
    "png 8": Kind(".png", lambda p, x: write_image(p, _codes(x)), 1e-6, "png"),
    "png 16": Kind(".png", lambda p, x: write_image(p, _codes(x, 16)), 1e-5, "png"),
    "jpeg": Kind(".jpg", lambda p, x: write_image(p, _codes(x)), 0.2, "jpeg"),
}


MOVIES = {
    "ffv1": Kind(".mkv", lambda p, x: write_movie(p, x), 1e-6, "movie"),
    "prores": Kind(
        ".mov",
        lambda p, x: write_movie(p, x, codec="prores_ks", pixel_format="yuv444p10le"),
        0.1,
        "movie",
    ),
    "h264": Kind(
        ".mp4",
        lambda p, x: write_movie(
            p, x, codec="libx264", pixel_format="yuv444p", options={"crf": "1", "bf": "2"}
        ),
        0.1,
        "movie",
    ),
}


def _codes(pixels: np.ndarray, bits: int = 8) -> np.ndarray:
    return (pixels * (2**bits - 1)).round().astype(np.uint8 if bits == 8 else np.uint16)


def _shot(folder: Path, kind: Kind, frames: tuple[int, ...] = FRAMES) -> str:
    """Write a shot of `kind`; return what to open."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind.file_kind == "movie":
        path = folder / f"shot{kind.suffix}"
        kind.write(path, [picture(frame=f) for f in range(len(frames))])
        return str(path)
    for index, frame in enumerate(frames):
        kind.write(folder / f"shot.{frame}{kind.suffix}", picture(frame=index))
    return str(folder / f"shot.####{kind.suffix}")


@pytest.fixture(params=[*KINDS, *MOVIES])
def kind(request: pytest.FixtureRequest) -> Kind:
    return {**KINDS, **MOVIES}[request.param]


@pytest.fixture
def source(kind: Kind, tmp_path: Path) -> str:
    return _shot(tmp_path / "plates", kind)


@pytest.fixture
def reader(source: str) -> PlateReader:
    return open_plates(source, start_frame=1001)


def test_pixels_are_those_of_the_file(reader: PlateReader, kind: Kind) -> None:
    for index, frame in enumerate(reader.frames):
        plate = reader.read(frame)
        assert np.abs(plate.rgb - picture(frame=index)).max() <= kind.tolerance


def test_frames_are_ascending_and_all_that_are_there(reader: PlateReader, kind: Kind) -> None:
    assert reader.frames == ((1001, 1002, 1003) if kind.file_kind == "movie" else FRAMES)


def test_pixels_fill_the_data_window_as_float32_in_order(reader: PlateReader) -> None:
    plate = reader.read(reader.frames[0])
    assert plate.rgb.shape == (*plate.header.data_window.shape, 3)
    assert plate.rgb.dtype == np.float32
    assert plate.rgb.flags.c_contiguous
    assert plate.rgb.flags.writeable


def test_header_alone_equals_the_header_that_comes_with_pixels(reader: PlateReader) -> None:
    for frame in reader.frames:
        alone, with_pixels = reader.header(frame), reader.read(frame).header
        assert repr(alone) == repr(with_pixels)
        assert (alone.frame, alone.path) == (frame, reader.path(frame))


def test_header_says_what_kind_the_file_is(reader: PlateReader, kind: Kind) -> None:
    header = reader.header(reader.frames[0])
    assert header.kind == kind.file_kind
    assert {"R", "G", "B"} <= set(header.channels)
    assert header.pixel_aspect == 1.0


def test_a_frame_that_is_not_there_is_named(reader: PlateReader) -> None:
    for call in (reader.header, reader.read):
        with pytest.raises(MissingFrameError, match="1999") as caught:
            call(1999)
        assert caught.value.frame == 1999
        assert caught.value.sequence == reader.name


def test_any_order_of_reading_gives_the_same_pixels(reader: PlateReader) -> None:
    once = {frame: reader.read(frame).rgb for frame in reader.frames}
    first, second, third = reader.frames
    for frame in (third, first, first, third, second):
        assert np.array_equal(reader.read(frame).rgb, once[frame])


def test_closing_costs_nothing_but_time(reader: PlateReader) -> None:
    before = reader.read(reader.frames[1]).rgb
    reader.close()
    reader.close()
    assert np.array_equal(reader.read(reader.frames[1]).rgb, before)


def test_many_threads_read_what_one_does(reader: PlateReader) -> None:
    if reader.sequential:
        pytest.skip("a sequential reader is one thread's by contract")
    once = {frame: reader.read(frame).rgb for frame in reader.frames}
    wrong: list[int] = []

    def work() -> None:
        for _ in range(4):
            wrong.extend(
                f for f in reader.frames if not np.array_equal(reader.read(f).rgb, once[f])
            )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_stamp_changes_when_the_file_does(reader: PlateReader) -> None:
    frame = reader.frames[0]
    before = reader.stamp(frame)
    assert reader.stamp(frame) == before
    os.utime(reader.path(frame), ns=(1, 1))
    assert reader.stamp(frame) != before


def test_every_attribute_can_be_written_to_a_depth_file(
    reader: PlateReader, tmp_path: Path
) -> None:
    header = reader.header(reader.frames[0])
    writer = ExrDepthWriter(FrameSequence.parse(str(tmp_path / "depth.####.exr")))
    depth = np.ones(header.data_window.shape, np.float32)
    writer.write(
        DepthFrame(
            header.frame,
            depth,
            header.data_window,
            header.display_window,
            header.pixel_aspect,
            header.attributes,
        )
    )
    written = writer.attributes(header.frame)
    assert written is not None
    for name, value in header.attributes.items():
        assert repr(written[name]) == repr(value)


def test_spaces_and_letters_of_any_script_in_a_path(kind: Kind, tmp_path: Path) -> None:
    source = _shot(tmp_path / "a plate [v2] Ångström 日本" / "x{1}", kind)
    reader = open_plates(source, start_frame=1001)
    assert reader.read(1002).rgb.shape == picture().shape


def test_an_upper_case_suffix_is_the_same_suffix(kind: Kind, tmp_path: Path) -> None:
    source = Path(_shot(tmp_path, kind, (1,)))
    made = source if kind.file_kind == "movie" else tmp_path / f"shot.1{kind.suffix}"
    upper = made.rename(tmp_path / f"SHOT{kind.suffix.upper()}")
    assert open_plates(str(upper)).read(1).header.kind == kind.file_kind


def _damage(reader: PlateReader, source: str, change: Callable[[bytes], bytes]) -> None:
    """Change the bytes of the second frame (of the whole, for a movie)."""
    path = reader.path(reader.frames[1])
    path.write_bytes(change(path.read_bytes()))


def test_an_empty_file_is_refused(reader: PlateReader, source: str) -> None:
    _damage(reader, source, lambda _: b"")
    says = "empty, cut off" if reader.sequential else r"empty \(0 bytes\); copy it again"
    with pytest.raises(CorruptPlateError, match=says):
        _read_all(source)


def test_a_file_that_is_something_else_is_refused(reader: PlateReader, source: str) -> None:
    _damage(reader, source, lambda data: b"<html>" + bytes(len(data)))
    with pytest.raises(CorruptPlateError) as caught:
        _read_all(source)
    assert str(reader.path(reader.frames[1])) in str(caught.value)


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9])
def test_a_torn_file_is_refused(reader: PlateReader, source: str, kept: float) -> None:
    _damage(reader, source, lambda data: data[: int(len(data) * kept)])
    with pytest.raises(CorruptPlateError) as caught:
        _read_all(source)
    assert str(reader.path(reader.frames[1])) in str(caught.value)


def _read_all(source: str) -> None:
    reader = open_plates(source, start_frame=1001)
    for frame in reader.frames:
        reader.read(frame)
