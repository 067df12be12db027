"""What depth is streamed from: HTTP, devices, phones' turned films, HDR; and movies for an editor."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest
from live_kit import Kept
from movie_plates import H264, write_movie

from flashdepth_vfx import DepthStream, RenderSettings
from flashdepth_vfx.errors import StreamError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.live import LiveJob, Shade, movie_output, stream

#: FFmpeg's numbers: BT.2020's primaries and matrix, PQ and HLG.
_BT2020, _BT2020_MATRIX, _PQ, _HLG = 9, 9, 16, 18


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nobody reads who asked."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a folder."""
    handler = partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()


def _pictures(count: int, height: int = 64, width: int = 80) -> list[np.ndarray]:
    return [
        np.random.default_rng(n).random((height, width, 3)).astype(np.float32) for n in range(count)
    ]


def _job(source: object, weights: Path, **more: object) -> LiveJob:
    settings = RenderSettings(weights=str(weights), device="cpu")
    return LiveJob(source=str(source), settings=settings, every_frame=True, **more)  # type: ignore[arg-type]


def _require_depth_of(movie: Path, kept: Kept, weights: Path) -> None:
    pushed = DepthStream(RenderSettings(weights=str(weights), device="cpu"))
    reader = open_plates(str(movie))
    assert len(kept.frames) == len(reader.frames)
    for made, frame in zip(kept.frames, reader.frames, strict=True):
        plate = reader.read(frame)
        depth = pushed.push(
            plate.rgb,
            pixel_aspect=plate.header.pixel_aspect,
            color_hint=plate.header.color_hint,
        )
        assert np.array_equal(made.depth.depth, depth.depth)


def test_http(server: str, nano_weights: Path, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "take.mkv", _pictures(4))
    kept = Kept()
    done = stream(_job(f"{server}/take.mkv", nano_weights, max_frames=4), [kept])
    assert (done.frames, done.gaps) == (4, 0)
    _require_depth_of(movie, kept, nano_weights)


def test_an_address_that_has_nothing(server: str, nano_weights: Path) -> None:
    with pytest.raises(StreamError, match="404"):
        stream(_job(f"{server}/none.mkv", nano_weights, reconnect_seconds=0.0), [Kept()])


def test_a_device_that_is_not_there(nano_weights: Path) -> None:
    with pytest.raises(StreamError, match=r"/dev/video99: is gone \(No such file"):
        stream(_job("/dev/video99", nano_weights, reconnect_seconds=0.0), [Kept()])


def test_where_devices_cannot_be_read_it_is_said_what_to_do(
    nano_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "formats_available", {"mov,mp4", "rtsp"})
    with pytest.raises(StreamError, match="serve the camera as RTSP"):
        stream(_job("/dev/video0", nano_weights), [Kept()])


def test_a_phone_s_turned_film(nano_weights: Path, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "phone.mp4", _pictures(3), rotation=90, **H264)  # type: ignore[arg-type]
    kept = Kept()
    stream(_job(movie, nano_weights), [kept])
    assert {made.picture.shape for made in kept.frames} == {(80, 64, 3)}
    _require_depth_of(movie, kept, nano_weights)


@pytest.mark.parametrize(("transfer", "name"), [(_PQ, "Rec.2100-PQ"), (_HLG, "Rec.2100-HLG")])
def test_ten_bit_hdr(nano_weights: Path, tmp_path: Path, transfer: int, name: str) -> None:
    movie = tmp_path / "hdr.mp4"
    with av.open(str(movie), "w") as container:
        out = container.add_stream("libx264", rate=24, options={"crf": "1"})
        out.height, out.width, out.pix_fmt = 64, 80, "yuv420p10le"
        context = out.codec_context
        context.color_trc, context.color_primaries, context.colorspace = (
            transfer,
            _BT2020,
            _BT2020_MATRIX,
        )
        for pixels in _pictures(3):
            codes = (pixels * 65535).astype(np.uint16)
            picture = av.VideoFrame.from_ndarray(codes, format="rgb48le")
            container.mux(out.encode(picture.reformat(format="yuv420p10le")))
        container.mux(out.encode())
    kept = Kept()
    stream(_job(movie, nano_weights), [kept])
    assert {made.picture.dtype for made in kept.frames} == {np.dtype(np.uint16)}
    assert name in kept.frames[0].depth.attributes["flashdepth/color"]
    _require_depth_of(movie, kept, nano_weights)


def test_a_movie_for_an_editor_with_the_picture_beside(nano_weights: Path, tmp_path: Path) -> None:
    source = write_movie(tmp_path / "take.mkv", _pictures(3), rate=Fraction(25))
    job, kept, path = _job(source, nano_weights), Kept(), tmp_path / "depth.mov"
    shade = Shade(job.settings)
    stream(job, [movie_output(path, shade, side_by_side=True), kept])
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "prores"
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [picture.shape for picture in pictures] == [(64, 160, 3)] * 3
    for picture, made in zip(pictures, kept.frames, strict=True):
        # Of noise ProRes keeps little more than this; a half that is another picture is 60 away.
        expected = np.concatenate([made.picture, shade.colours(made.depth.depth)], axis=1)
        assert np.abs(picture.mean(-1) - expected.mean(-1)).mean() < 20
