"""Live pictures from source to files: none dropped or the newest one, limits, damage, and what is no source."""

from __future__ import annotations

import json
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenEXR
import OpenImageIO
import pytest
from conftest import run_command
from live_kit import Kept, free_port, silent_server, write_sound
from movie_plates import write_movie

from flashdepth_vfx import RenderSettings
from flashdepth_vfx.errors import (
    CorruptPlateError,
    Interrupted,
    OutputExistsError,
    SettingsError,
    StreamError,
)
from flashdepth_vfx.live import (
    DepthStream,
    LiveJob,
    LiveStatus,
    Shade,
    exr_output,
    live_frames,
    log_output,
    movie_output,
    npy_output,
    png_output,
    stream,
)


def _pictures(count: int, height: int = 64, width: int = 80) -> list[np.ndarray]:
    return [
        np.random.default_rng(n).random((height, width, 3)).astype(np.float32) for n in range(count)
    ]


def _job(source: object, weights: Path, **more: object) -> LiveJob:
    settings = RenderSettings(weights=str(weights), device="cpu")
    return LiveJob(source=str(source), settings=settings, **more)  # type: ignore[arg-type]


def test_every_frame_is_that_of_a_render(nano_weights: Path, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "take.mkv", _pictures(9))
    kept = Kept()
    done = stream(_job(movie, nano_weights, every_frame=True), [kept])
    assert (done.frames, done.dropped, kept.closed) == (9, 0, 1)
    pushed = DepthStream(RenderSettings(weights=str(nano_weights), device="cpu"))
    for frame, depth in zip(kept.frames, kept.depth, strict=True):
        assert np.array_equal(depth, pushed.push(frame.picture).depth)


def test_the_newest_wins_where_the_network_is_slower(nano_weights: Path, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "take.mkv", _pictures(40), rate=Fraction(20))
    kept = Kept()

    def slowly(_status: LiveStatus) -> None:
        time.sleep(0.2)

    since = time.monotonic()
    done = stream(_job(movie, nano_weights), [kept], on_frame=slowly)
    # At its own pace a movie of two seconds takes two seconds, however fast it is decoded.
    assert time.monotonic() - since > 1.8
    assert done.dropped > 5
    assert done.frames + done.dropped == 40
    numbers = [frame.number for frame in kept.frames]
    assert numbers == list(range(1, done.frames + 1))
    assert done.worst_latency_seconds < 5.0


def test_it_ends_when_it_is_told_to(nano_weights: Path, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "take.mkv", _pictures(30), rate=Fraction(10))
    kept = Kept()
    assert stream(_job(movie, nano_weights, max_frames=3), [kept]).frames == 3
    assert kept.closed == 1
    since = time.monotonic()
    assert stream(_job(movie, nano_weights, duration_seconds=1.0), [Kept()]).frames >= 1
    assert time.monotonic() - since < 3.0
    stop, stopped = threading.Event(), Kept()
    with pytest.raises(Interrupted):
        stream(_job(movie, nano_weights), [stopped], stop=stop, on_frame=lambda status: stop.set())
    assert stopped.closed == 1


def test_a_loop_of_ones_own_lets_the_source_go(nano_weights: Path, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "take.mkv", _pictures(9))
    before = threading.active_count()
    numbers = []
    for frame in live_frames(_job(movie, nano_weights, every_frame=True)):
        numbers.append(frame.number)
        if len(numbers) == 4:
            break
    del frame
    until = time.monotonic() + 10.0
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert threading.active_count() <= before
    assert numbers == [1, 2, 3, 4]


def test_damage_is_counted_and_passed_over(nano_weights: Path, tmp_path: Path) -> None:
    movie = write_movie(
        tmp_path / "take.mkv", _pictures(12), codec="mjpeg", pixel_format="yuvj444p"
    )
    whole = bytearray(movie.read_bytes())
    with av.open(str(movie)) as container:
        positions = [(p.pos, p.size) for p in container.demux(container.streams.video[0]) if p.size]
    for position, size in positions[3:6]:
        at = whole.index(b"\xff\xd8", position)
        whole[at : at + size - 40] = bytes(size - 40)
    torn = tmp_path / "torn.mkv"
    torn.write_bytes(whole)
    done = stream(_job(torn, nano_weights, every_frame=True), [Kept()])
    assert done.frames == 9
    assert done.damaged == 3


def test_a_source_whose_size_changes_begins_anew(nano_weights: Path, tmp_path: Path) -> None:
    first = write_movie(tmp_path / "a.mkv", _pictures(3), codec="mjpeg", pixel_format="yuvj444p")
    with av.open(str(tmp_path / "both.mkv"), "w") as container:
        out = container.add_stream("mjpeg", rate=24)
        out.height, out.width, out.pix_fmt = 64, 80, "yuvj444p"
        time_stamp = 0
        small = write_movie(
            tmp_path / "b.mkv", _pictures(3, 48, 64), codec="mjpeg", pixel_format="yuvj444p"
        )
        for path in (first, small):
            with av.open(str(path)) as source:
                for packet in source.demux(source.streams.video[0]):
                    if packet.size:
                        packet.stream, packet.pts, packet.dts = out, time_stamp, time_stamp
                        time_stamp += 40
                        container.mux(packet)
    kept = Kept()
    done = stream(_job(tmp_path / "both.mkv", nano_weights, every_frame=True), [kept])
    assert [depth.shape for depth in kept.depth] == [(64, 80)] * 3 + [(48, 64)] * 3
    assert done.resets == 1


@pytest.mark.parametrize("kind", ["sound", "empty", "text", "absent"])
def test_what_is_no_source_is_one_clear_error(
    nano_weights: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "source.mkv"
    if kind == "sound":
        write_sound(path)
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("no movie\n" * 100, encoding="utf-8")
    kept = Kept()
    error = StreamError if kind == "absent" else CorruptPlateError
    with pytest.raises(error, match=r"source\.mkv"):
        stream(_job(path, nano_weights, reconnect_seconds=0), [kept])
    assert kept.closed == 1


def test_a_server_that_says_nothing_hangs_nobody(nano_weights: Path) -> None:
    with silent_server() as address:
        since = time.monotonic()
        with pytest.raises(StreamError, match="is gone"):
            stream(
                _job(address, nano_weights, timeout_seconds=0.5, reconnect_seconds=1.0), [Kept()]
            )
        assert time.monotonic() - since < 8.0


def test_the_command_writes_every_kind_at_once(nano_weights: Path, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "take.mkv", _pictures(5))
    common = [
        "stream",
        str(movie),
        "--every-frame",
        "--weights",
        str(nano_weights),
        "--device",
        "cpu",
    ]
    places = ["-o", "exr/d.####.exr", "--npy", "npy/d.####.npy", "--png", "png/d.####.png"]
    places += ["--log", "log.jsonl"]
    looks = ["--colour", "look/d.####.png", "--movie", "d.mp4", "--side-by-side", "--near", "2"]
    done = run_command([*common, *places, *looks, "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames"] == 5
    with OpenEXR.File(str(tmp_path / "exr/d.0003.exr"), separate_channels=True) as file:
        depth = file.channels()["depth.Z"].pixels
        assert file.header()["flashdepth/convention"] == "inverse_z"
    assert np.array_equal(depth, np.load(tmp_path / "npy/d.0003.npy"))
    grey = OpenImageIO.ImageBuf(str(tmp_path / "png/d.0003.png"))
    assert grey.spec().format == OpenImageIO.UINT16
    values = grey.get_pixels(OpenImageIO.UINT16)[..., 0]
    np.testing.assert_allclose(values, np.clip(depth * 2.0, 0, 1) * 65535, atol=0.51)
    assert OpenImageIO.ImageBuf(str(tmp_path / "look/d.0003.png")).nchannels == 3
    with av.open(str(tmp_path / "d.mp4")) as container:
        frames = [(f.width, f.height) for f in container.decode(video=0)]
    assert frames == [(160, 64)] * 5
    again = run_command([*common, *places[:2]], tmp_path)
    assert again.returncode == 1
    assert "there already" in again.stderr
    shade = Shade(RenderSettings())
    for output in (
        lambda: npy_output(f"{tmp_path}/npy/d.####.npy"),
        lambda: png_output(f"{tmp_path}/png/d.####.png", shade, colour=False),
        lambda: log_output(tmp_path / "log.jsonl"),
    ):
        with pytest.raises(OutputExistsError, match="there already"):
            output()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "d.mp4",
        "exr",
        "log.jsonl",
        "look",
        "npy",
        "png",
        "take.mkv",
    ]


def test_a_movie_keeps_the_times_of_its_source(nano_weights: Path, tmp_path: Path) -> None:
    """A phone's film has no rate: its pictures are shown when they were taken."""
    times = [0, 40, 80, 200, 205, 600]
    with av.open(str(tmp_path / "phone.mkv"), "w") as container:
        out = container.add_stream("mjpeg", rate=24)
        out.height, out.width, out.pix_fmt = 64, 80, "yuvj444p"
        out.codec_context.time_base = Fraction(1, 1000)
        for milliseconds, pixels in zip(times, _pictures(6), strict=True):
            picture = av.VideoFrame.from_ndarray((pixels * 255).astype(np.uint8), format="rgb24")
            picture.pts, picture.time_base = milliseconds, Fraction(1, 1000)
            container.mux(out.encode(picture))
        container.mux(out.encode())
    job = _job(tmp_path / "phone.mkv", nano_weights, every_frame=True)
    shade = Shade(job.settings)
    own, steady = tmp_path / "own.mp4", tmp_path / "steady.mov"
    stream(job, [movie_output(own, shade), movie_output(steady, shade, 10.0)])
    for path, expected in ((own, times), (steady, [0, 100, 200, 300, 400, 500])):
        with av.open(str(path)) as container:
            shown = [1000 * frame.time for frame in container.decode(video=0)]
        np.testing.assert_allclose(shown, expected, atol=1.5)


def test_a_source_that_stays_away_is_exit_code_75(nano_weights: Path, tmp_path: Path) -> None:
    address = f"rtsp://127.0.0.1:{free_port()}/cam"
    done = run_command(
        ["stream", address, "--json", "--reconnect", "0", "--weights", str(nano_weights)], tmp_path
    )
    assert done.returncode == 75
    assert address in done.stderr


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"max_frames": 0}, "--max-frames"),
        ({"duration_seconds": 0.0}, "--duration"),
        ({"reconnect_seconds": -1.0}, "--reconnect"),
        ({"timeout_seconds": float("nan")}, "--timeout"),
        ({"source": ""}, "no source"),
    ],
)
def test_a_job_that_cannot_be_is_refused(more: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        LiveJob(**{"source": "a.mov", **more})  # type: ignore[arg-type]


def test_outputs_say_what_they_cannot_be(nano_weights: Path, tmp_path: Path) -> None:
    settings = RenderSettings(weights=str(nano_weights))
    with pytest.raises(SettingsError, match=r"^depth\.exr: name it with ####"):
        exr_output("depth.exr", settings)
    with pytest.raises(SettingsError, match=r"\.npy"):
        npy_output("depth.####.exr")
    with pytest.raises(SettingsError, match=r"\.mp4"):
        movie_output(tmp_path / "a.gif", Shade(settings), 25)
    (tmp_path / "a.mov").touch()
    with pytest.raises(OutputExistsError):
        movie_output(tmp_path / "a.mov", Shade(settings), 25)
