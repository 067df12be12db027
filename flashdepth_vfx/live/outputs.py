"""Where live depth goes: files of each frame, and movies. Each takes frames as they are made."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import secrets
import time
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from flashdepth_vfx.errors import OutputError, OutputExistsError, SettingsError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.live.loop import LiveFrame
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.settings import Convention, RenderSettings
from flashdepth_vfx.sheet import coloured
from flashdepth_vfx.stills import as_bytes, png, png_16

__all__ = [
    "Shade",
    "colour_bytes",
    "exr_output",
    "log_output",
    "movie_output",
    "npy_bytes",
    "npy_output",
    "png_output",
]

#: What makes a file's bytes of a frame.
Encode: TypeAlias = Callable[[LiveFrame], bytes | memoryview]

#: Movies by their suffix: H.264 as players take it, ProRes 422 HQ as editors do.
_CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    ".mp4": ("libx264", "yuv420p", {"crf": "18", "preset": "veryfast"}),
    ".mkv": ("libx264", "yuv420p", {"crf": "18", "preset": "veryfast"}),
    ".mov": ("prores_ks", "yuv422p10le", {"profile": "3"}),
}
_SHADES = 1 << 12
_TICK = Fraction(1, 90_000)
_USUAL_RATE = Fraction(25)


class Shade:
    """Depth as a shade from 0, the sky, to 1, at `near` scene units and nearer: 1/Z on one scale for good."""

    def __init__(self, settings: RenderSettings, near: float = 1.0) -> None:
        if not near > 0.0:
            raise SettingsError(f"--near {near:g}: give a distance, more than 0")
        self._convention, self._near = settings.convention, near
        self._metres = settings.scene_unit.metres

    def of(self, depth: FloatArray) -> FloatArray:
        """`(H, W)`, 0 to 1."""
        if self._convention is Convention.Z:
            with np.errstate(divide="ignore"):
                inverse = np.where(depth > 0, 1 / depth, 0.0)
        elif self._convention is Convention.DISPARITY:
            inverse = depth * (self._metres / 100.0)
        else:
            inverse = depth
        return np.clip(inverse * self._near, 0.0, 1.0).astype(np.float32)

    def colours(self, depth: FloatArray) -> NDArray[np.uint8]:
        """`(H, W, 3)`, dark at the sky to light at `near`."""
        level = self.of(depth)
        level *= len(_colours()) - 1
        level += 0.5
        return np.asarray(_colours().take(level.astype(np.int32), axis=0, mode="clip"))


@lru_cache(maxsize=1)
def _colours() -> NDArray[np.uint8]:
    """Colours of shades, finer than 8 bits can tell: to look one up takes a tenth of the time that mixing it does."""
    shades = np.linspace(0.0, 1.0, _SHADES, dtype=np.float32)
    of_row: NDArray[np.uint8] = as_bytes(coloured(shades[None], 0.0, 1.0))[0]
    return of_row


class _Files:
    """A file of each frame. Raises `OutputExistsError` where older ones are in the way."""

    def __init__(self, sequence: FrameSequence, suffix: str, encode: Encode) -> None:
        if sequence.suffix.lower() != suffix or not sequence.padding:
            raise SettingsError(f"{sequence.pattern}: name it with ####, as depth.####{suffix}")
        if there := sequence.frames_on_disk():
            raise OutputExistsError(
                sequence.path(there[0]),
                "is there already; a stream writes over nothing: name another place",
            )
        self._sequence, self._encode = sequence, encode

    def write(self, frame: LiveFrame) -> None:
        """One frame, whole or not at all. Raises `OutputError`."""
        atomic_write_bytes(self._sequence.path(frame.number), self._encode(frame))

    def close(self) -> None:
        """Every file is whole already."""


class _Movie:
    """A movie of depth in colours, beside the picture where asked. It is there once it is closed."""

    def __init__(self, path: Path, shade: Shade, rate: float | None, *, side_by_side: bool) -> None:
        if path.suffix.lower() not in _CODECS:
            raise SettingsError(f"{path}: end its name in .mp4 (H.264) or .mov (ProRes)")
        if path.exists():
            raise OutputExistsError(path, "is there already; name another movie")
        if rate is not None and not 0.0 < rate <= 1000.0:
            raise SettingsError(f"{rate:g} frames a second: give more than 0, 1000 at most")
        self._path, self._shade, self._beside = path, shade, side_by_side
        self._temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
        self._rate = None if rate is None else Fraction(rate).limit_denominator(1001)
        self._ticks = -1
        self._movie: Any = None
        self._stream: Any = None

    def write(self, frame: LiveFrame) -> None:
        """One frame; one of another size than the first is brought to it. Raises `OutputError`."""
        pixels = self._shade.colours(frame.depth.depth)
        if self._beside:
            pixels = np.concatenate([as_bytes(frame.picture), pixels], axis=1)
        try:
            if self._movie is None:
                self._begin(pixels)
            height, width = self._stream.height, self._stream.width
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            fitted = picture.reformat(width=width, height=height)
            fitted.time_base, fitted.pts = _TICK, self._tick(frame)
            self._movie.mux(self._stream.encode(fitted))
        except (OSError, FFmpegError) as error:
            raise OutputError(
                self._path, f"cannot be written ({error.strerror or error})"
            ) from error

    def close(self) -> None:
        """Finish it, and put it where it belongs. Raises `OutputError`."""
        if self._movie is None:
            return
        try:
            self._movie.mux(self._stream.encode())
            self._movie.close()
            os.replace(self._temporary, self._path)  # noqa: PTH105 - one system call
        except (OSError, FFmpegError) as error:
            raise OutputError(
                self._path, f"cannot be written ({error.strerror or error})"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                self._temporary.unlink()

    def _tick(self, frame: LiveFrame) -> int:
        """When it is shown: at its source's own time, or where the rate puts it; always after the one before."""
        seconds = frame.seconds
        if self._rate is not None or seconds is None:
            seconds = (frame.number - 1) / float(self._rate or _USUAL_RATE)
        self._ticks = max(self._ticks + 1, round(seconds / float(_TICK)))
        return self._ticks

    def _begin(self, pixels: NDArray[np.uint8]) -> None:
        codec, pixel_format, options = _CODECS[self._path.suffix.lower()]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._movie = av.open(str(self._temporary), "w")
        rate = self._rate or _USUAL_RATE
        self._stream = self._movie.add_stream(codec, rate=rate, options=options)
        self._stream.pix_fmt = pixel_format
        # Fine enough for the time stamps of any source, as MPEG has them.
        self._stream.codec_context.time_base = _TICK
        # 4:2:0 and 4:2:2 halve sides.
        self._stream.height, self._stream.width = (side - side % 2 for side in pixels.shape[:2])


class _Log:
    """A line of JSON for each frame, flushed: what was made can be read while it is made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("x", encoding="utf-8", buffering=1)
        except FileExistsError:
            raise OutputExistsError(path, "is there already; name another log") from None
        except OSError as error:
            raise OutputError(path, f"cannot be written ({error.strerror or error})") from error

    def write(self, frame: LiveFrame) -> None:
        """Raises `OutputError`."""
        said = {
            "frame": frame.number,
            "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "seconds_since_capture": round(time.monotonic() - frame.captured, 4),
            "reset": bool(frame.depth.attributes["flashdepth/reset"]),
            "size": f"{frame.picture.shape[1]}x{frame.picture.shape[0]}",
        }
        try:
            self._file.write(json.dumps(said) + "\n")
        except OSError as error:
            raise OutputError(
                self._path, f"cannot be written ({error.strerror or error})"
            ) from error

    def close(self) -> None:
        self._file.close()


def log_output(path: Path) -> _Log:
    """What was made when, and how long after its picture was captured."""
    return _Log(path)


def exr_output(pattern: str, settings: RenderSettings) -> _Files:
    """Depth EXRs, as a render writes them. Raises `SettingsError`, `OutputExistsError`."""
    sequence, channel = FrameSequence.parse(pattern), settings.depth_channel
    writer = ExrDepthWriter(sequence, channel=channel, compression=settings.compression)
    return _Files(sequence, ".exr", lambda frame: writer.encoded(frame.depth, channel))


def npy_output(pattern: str) -> _Files:
    """Arrays `(H, W)` float32, in the settings' convention."""
    return _Files(FrameSequence.parse(pattern), ".npy", npy_bytes)


def png_output(pattern: str, shade: Shade, *, colour: bool) -> _Files:
    """16-bit grey, 65535 at `near`; or 8-bit colours."""
    encode = colour_bytes(shade) if colour else lambda frame: png_16(shade.of(frame.depth.depth))
    return _Files(FrameSequence.parse(pattern), ".png", encode)


def npy_bytes(frame: LiveFrame) -> bytes:
    """A frame's depth as the bytes of an `.npy`."""
    array = io.BytesIO()
    np.save(array, frame.depth.depth)
    return array.getvalue()


def colour_bytes(shade: Shade) -> Encode:
    """What makes of a frame's depth a PNG in colours."""
    return lambda frame: png(shade.colours(frame.depth.depth))


def movie_output(
    path: Path, shade: Shade, rate: float | None = None, *, side_by_side: bool = False
) -> _Movie:
    """H.264 or ProRes, by the suffix, at the source's own times, or at `rate` frames a second."""
    return _Movie(path, shade, rate, side_by_side=side_by_side)
