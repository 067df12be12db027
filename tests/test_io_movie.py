"""Movies: every frame once and in order, ten bits kept, and the right matrix."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from movie_plates import H264, shade_of, shades
from plates import picture, write_movie

from flashdepth_vfx.errors import (
    MissingFrameError,
    NoSuchChannelError,
)
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.plate import Window

COLOUR = np.array((200, 30, 60)) / 255


def flat(height: int, width: int, count: int = 2) -> list[np.ndarray]:
    return [np.broadcast_to(COLOUR, (height, width, 3)).astype(np.float32)] * count


@pytest.mark.parametrize("codec", ["ffv1", "libx264", "prores_ks", "mjpeg"])
def test_every_frame_comes_once_and_in_order(tmp_path: Path, codec: str) -> None:
    formats = {
        "ffv1": "bgr0",
        "libx264": "yuv444p",
        "prores_ks": "yuv422p10le",
        "mjpeg": "yuvj444p",
    }
    path = tmp_path / ("a.mkv" if codec == "ffv1" else "a.mov")
    options = {"bf": "3"} if codec == "libx264" else {}
    write_movie(path, shades(20), codec=codec, pixel_format=formats[codec], options=options)
    reader = open_plates(str(path), start_frame=1001)
    assert reader.frames == tuple(range(1001, 1021))
    assert [shade_of(reader.read(f).rgb) for f in reader.frames] == list(range(20))


def test_going_back_and_leaping_ahead_give_the_frame_asked_for(tmp_path: Path) -> None:
    reader = open_plates(str(write_movie(tmp_path / "a.mp4", shades(20), **H264)))  # type: ignore[arg-type]
    for frame in (5, 4, 4, 19, 20, 1, 2, 13):
        assert shade_of(reader.read(frame).rgb) == frame - 1
        assert reader.read(frame).header.frame == frame


def test_frames_are_decoded_as_they_are_asked_for_and_not_again(tmp_path: Path) -> None:
    reader = open_plates(str(write_movie(tmp_path / "a.mp4", shades(12), **H264)))  # type: ignore[arg-type]
    opened = []
    container_of = reader._container_of_movie  # type: ignore[attr-defined]
    reader._container_of_movie = lambda: opened.append(1) or container_of()  # type: ignore[attr-defined]
    for frame in reader.frames:
        reader.read(frame)
    assert len(opened) == 1
    reader.read(3)
    assert len(opened) == 2


def test_outside_the_movie_is_a_missing_frame(tmp_path: Path) -> None:
    reader = open_plates(str(write_movie(tmp_path / "a.mkv", shades(3))), start_frame=10)
    for frame in (9, 13):
        with pytest.raises(MissingFrameError):
            reader.read(frame)


def test_packets_before_an_edit_are_not_counted(tmp_path: Path) -> None:
    """A trimmed movie holds frames that are decoded and never shown."""
    whole = write_movie(tmp_path / "a.mp4", shades(16), **H264)  # type: ignore[arg-type]
    trimmed = tmp_path / "trimmed.mp4"
    with av.open(str(whole)) as source, av.open(str(trimmed), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        step = stream.duration // 16
        for packet in source.demux(stream):
            if packet.dts is None:
                continue
            packet.pts -= 5 * step
            packet.dts -= 5 * step
            packet.stream = copy
            target.mux(packet)
    reader = open_plates(str(trimmed))
    with av.open(str(trimmed)) as container:
        shown = sum(1 for _ in container.decode(video=0))
    assert shown == len(reader.frames) == 11
    assert [shade_of(reader.read(f).rgb) for f in reader.frames] == list(range(5, 16))


@pytest.mark.parametrize(
    ("height", "width", "matrix"),
    [(720, 1280, "ITU709"), (96, 1280, "ITU709"), (720, 96, "ITU709"), (480, 640, "ITU601")],
)
@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv444p10le"])
def test_a_movie_that_names_no_matrix_has_that_of_its_size(
    tmp_path: Path, height: int, width: int, matrix: str, pixel_format: str
) -> None:
    path = tmp_path / "a.mkv"
    write_movie(path, flat(height, width), pixel_format=pixel_format, matrix=matrix)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).colorspace == 2
    seen = open_plates(str(path)).read(1).rgb[5, 5]
    assert np.abs(seen - COLOUR).max() < 2 / 255


def test_ten_bits_are_kept(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 1024, dtype=np.float32)
    frame = np.repeat(np.tile(ramp, (32, 1))[..., None], 3, axis=-1)
    path = tmp_path / "a.mkv"
    write_movie(path, [frame], pixel_format="yuv444p10le", depth=16)
    row = open_plates(str(path)).read(1).rgb[16, :, 1]
    assert len(np.unique(row)) > 800
    assert np.abs(row - ramp).max() < 1.5 / 1023


def test_full_range_is_read_as_full_range(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    write_movie(path, flat(32, 48), codec="mjpeg", pixel_format="yuvj444p", options={"q": "1"})
    assert np.abs(open_plates(str(path)).read(1).rgb[5, 5] - COLOUR).max() < 4 / 255


def test_rate_pixel_aspect_and_window_are_those_of_the_movie(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_movie(path, shades(3), aspect=Fraction(4, 3), rate=Fraction(30000, 1001), **H264)  # type: ignore[arg-type]
    header = open_plates(str(path)).header(2)
    assert header.attributes["framesPerSecond"] == Fraction(30000, 1001)
    assert header.frames_per_second == pytest.approx(29.97, abs=1e-3)
    assert header.pixel_aspect == pytest.approx(4 / 3)
    assert header.data_window == header.display_window == Window(0, 0, 48, 32)


@pytest.mark.parametrize(
    ("rotation", "turns"),
    [(90, 1), (-90, -1), (180, 2)],
)
def test_a_turned_movie_is_shown_upright(tmp_path: Path, rotation: int, turns: int) -> None:
    path = tmp_path / "a.mp4"
    corner = np.zeros((32, 48, 3), np.float32)
    corner[:16, :24] = 1
    write_movie(path, [corner] * 2, rotation=rotation, aspect=Fraction(2), **H264)  # type: ignore[arg-type]
    plate = open_plates(str(path)).read(2)
    assert np.abs(plate.rgb - np.rot90(corner, turns)).max() < 0.1
    assert plate.header.data_window.shape == plate.rgb.shape[:2]
    assert plate.header.pixel_aspect == (2.0 if rotation == 180 else 0.5)


def test_each_frame_has_its_own_time_code(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    write_movie(
        path,
        shades(4),
        codec="prores_ks",
        pixel_format="yuv422p10le",
        rate=Fraction(30000, 1001),
        timecode="00:00:59;28",
    )
    reader = open_plates(str(path), start_frame=1001)
    codes = [reader.header(f).attributes["timeCode"] for f in reader.frames]
    read = [(c.hours, c.minutes, c.seconds, c.frame, bool(c.dropFrame)) for c in codes]
    assert read == [
        (0, 0, 59, 28, True),
        (0, 0, 59, 29, True),
        (0, 1, 0, 2, True),
        (0, 1, 0, 3, True),
    ]


@pytest.mark.parametrize("asked", [{"layer": "a"}, {"view": "left"}, {"channels": ["R"]}])
def test_a_movie_has_no_layers_to_choose(tmp_path: Path, asked: dict[str, object]) -> None:
    path = write_movie(tmp_path / "a.mkv", [picture()])
    with pytest.raises(NoSuchChannelError):
        open_plates(str(path), **asked)  # type: ignore[arg-type]
