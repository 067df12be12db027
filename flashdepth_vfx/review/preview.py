"""A pass as a small movie for a review: the plate beside the depth, the frame's number above both."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from flashdepth_vfx.errors import OutputError, SettingsError
from flashdepth_vfx.review.passes import DepthPass
from flashdepth_vfx.review.pictures import Shown, shown
from flashdepth_vfx.review.plates import ShownPlates, plates_of
from flashdepth_vfx.review.report import PassReport
from flashdepth_vfx.sheet import Picture, labelled
from flashdepth_vfx.stills import as_bytes

__all__ = ["write_preview"]

#: Of each of the two pictures.
_WIDTH_PX = 640
_USUAL_RATE = 24.0
#: H.264, as browsers and review tools play it: 4:2:0, a picture that looks like the one that went in.
_CODEC, _PIXELS, _QUALITY = "libx264", "yuv420p", {"crf": "18", "preset": "medium"}
_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv")


def write_preview(
    report: PassReport, path: Path, *, frames_per_second: float | None = None
) -> Path:
    """Write the movie, whole or not at all. The rate is the plate's, else 24, unless it is given.

    A frame that is not there, or torn, is a dull picture. Raises `SettingsError` for a name or a rate that no movie
    can have, `OutputError` where it cannot be written.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise SettingsError(f"{path}: a preview is a movie; end its name in .mp4")
    if frames_per_second is not None and not 0.0 < frames_per_second <= 1000.0:
        raise SettingsError(
            f"{frames_per_second:g} frames a second: give more than 0, 1000 at most"
        )
    plates = plates_of(report.records)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        rate = frames_per_second or (plates and plates.frames_per_second) or _USUAL_RATE
        path.parent.mkdir(parents=True, exist_ok=True)
        _encode(_pictures(report, plates), temporary, Fraction(rate).limit_denominator(1001))
        os.replace(temporary, path)  # noqa: PTH105 - one system call, named as the man page does
    except (OSError, FFmpegError) as error:
        raise OutputError(path, f"cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if plates is not None:
            plates.close()
    return path


def _encode(pictures: Iterator[Picture], path: Path, rate: Fraction) -> None:
    with av.open(str(path), "w") as movie:
        stream: Any = None
        for picture in pictures:
            pixels = _even(as_bytes(picture))
            if stream is None:
                stream = movie.add_stream(_CODEC, rate=rate, options=_QUALITY)
                stream.pix_fmt = _PIXELS
                stream.height, stream.width = pixels.shape[:2]
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        movie.mux(stream.encode())


def _pictures(report: PassReport, plates: ShownPlates | None) -> Iterator[Picture]:
    found = report.found
    ready = shown(found, found.frames, report.span, plates, _WIDTH_PX)
    waiting: Shown | None = next(ready, None)
    if waiting is None:
        return
    shape, with_plates = waiting.depth.shape, plates is not None
    for frame in _played(found):
        if waiting is not None and waiting.frame == frame:
            yield _side_by_side(waiting, str(frame), shape, with_plates=with_plates)
            waiting = next(ready, None)
        else:
            depth = np.full(shape, 0.25, np.float32)
            missing = Shown(frame, depth, plates.picture(frame, _WIDTH_PX) if plates else None)
            yield _side_by_side(missing, f"{frame}  no depth", shape, with_plates=with_plates)


def _played(found: DepthPass) -> Sequence[int]:
    """All from the first to the last, unless most are meant not to be there."""
    there = sorted({*found.frames, *found.torn})
    is_sparse = len(found.holes) > len(there)
    return there if is_sparse else range(there[0], there[-1] + 1)


def _side_by_side(one: Shown, text: str, shape: tuple[int, ...], *, with_plates: bool) -> Picture:
    """All of one size, whatever the frame's own data window is: a movie cannot change its mind."""
    pictures = [_fitted(one.depth, shape)]
    if with_plates:
        plate = np.zeros(shape, np.float32) if one.plate is None else _fitted(one.plate, shape)
        pictures.insert(0, plate)
    return labelled(np.concatenate(pictures, axis=1), text)


def _fitted(picture: Picture, shape: tuple[int, ...]) -> Picture:
    room = np.zeros(shape, np.float32)
    height = min(shape[0], picture.shape[0])
    room[:height] = picture[:height]
    return room


def _even(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """4:2:0 halves both sides."""
    height, width = pixels.shape[:2]
    padding = ((0, height % 2), (0, width % 2), (0, 0))
    return np.pad(pixels, padding, mode="edge") if height % 2 or width % 2 else pixels
