"""Movies that are damaged, cut off, or change inside are an error that names the frame."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from movie_plates import H264, noise, shade_of, shades
from plates import write_movie

from flashdepth_vfx.errors import (
    CorruptPlateError,
    PlateSizeError,
)
from flashdepth_vfx.io import open_plates


def test_sound_alone_is_no_movie(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(CorruptPlateError, match="only sound"):
        open_plates(str(path))


@pytest.mark.parametrize(
    ("codec", "pixel_format"),
    [("libx264", "yuv420p"), ("prores_ks", "yuv422p10le"), ("mjpeg", "yuvj420p")],
)
def test_a_damaged_frame_is_named_and_not_made_up(
    tmp_path: Path, codec: str, pixel_format: str
) -> None:
    path = tmp_path / "a.mov"
    write_movie(path, noise(20), codec=codec, pixel_format=pixel_format)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(b ^ 0xFF for b in data[middle : middle + 300])
    path.write_bytes(data)
    reader = open_plates(str(path), start_frame=1001)

    def read_on() -> None:
        for frame in reader.frames:
            reader.read(frame)

    with pytest.raises(CorruptPlateError, match=r"frame 10(0\d|1\d)"):
        read_on()


def test_a_stream_that_ends_before_its_count_is_an_error_with_both_numbers(tmp_path: Path) -> None:
    """The file changes under the reader: 20 frames were counted, 12 are there."""
    path = tmp_path / "a.mkv"
    write_movie(path, shades(20))
    reader = open_plates(str(path), start_frame=1001)
    write_movie(path, shades(12))
    assert shade_of(reader.read(1012).rgb) == 11
    with pytest.raises(CorruptPlateError, match=r"12 of its 20 frames.*1013"):
        reader.read(1013)


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.8, 0.99])
@pytest.mark.parametrize("suffix", [".mkv", ".mov", ".mp4", ".avi"])
def test_a_movie_cut_off_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a{suffix}"
    write_movie(path, noise(12), codec="mjpeg", pixel_format="yuvj420p")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])

    def read_all() -> None:
        reader = open_plates(str(path))
        for frame in reader.frames:
            reader.read(frame)

    with pytest.raises(CorruptPlateError):
        read_all()


def test_a_movie_that_streams_from_its_start_is_refused_when_cut_off(tmp_path: Path) -> None:
    """With the index first, FFmpeg opens what is left and ends early without a word."""
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mjpeg", rate=24)
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuvj420p"
        for pixels in noise(12):
            frame = av.VideoFrame.from_ndarray((pixels * 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    data = path.read_bytes()
    assert len(open_plates(str(path)).frames) == 12
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(CorruptPlateError, match="cut off"):
        open_plates(str(path))


def test_a_size_that_changes_inside_is_refused_with_both_sizes(tmp_path: Path) -> None:
    small = write_movie(tmp_path / "a.ts", shades(4), **H264)  # type: ignore[arg-type]
    large = write_movie(tmp_path / "b.ts", shades(4, 64, 80), **H264)  # type: ignore[arg-type]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    reader = open_plates(str(joined))

    def read_all() -> None:
        for frame in reader.frames:
            reader.read(frame)

    with pytest.raises(PlateSizeError, match="80x64, the first is 48x32"):
        read_all()
