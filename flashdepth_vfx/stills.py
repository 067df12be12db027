"""Pictures as the bytes of files that browsers and viewers open: PNG in 8 and 16 bits, JPEG."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

__all__ = ["as_bytes", "jpeg", "png", "png_16"]

_WHITE_16 = 65535


def as_bytes(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """0..1 as 0..255; whole numbers of 8 or 16 bits as the same shares of white."""
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype == np.uint16:
        return ((picture.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.asarray((np.clip(picture, 0.0, 1.0) * 255 + 0.5).astype(np.uint8))


def png(picture: NDArray[Any]) -> bytes:
    """`(H, W, 3)`, 0..1, in 8 bits."""
    return _encoded(as_bytes(picture), "rgb24", "png", "rgb24")


def png_16(picture: NDArray[Any]) -> bytes:
    """`(H, W)`, 0..1, in 16 bits."""
    deep = np.rint(np.clip(picture, 0.0, 1.0) * _WHITE_16).astype(np.uint16)
    return _encoded(deep, "gray16le", "png", "gray16be")


def jpeg(picture: NDArray[Any]) -> bytes:
    """`(H, W, 3)`, 0..1, as a photograph that is looked at and not worked with."""
    return _encoded(as_bytes(picture), "rgb24", "mjpeg", "yuvj444p", {"qmin": "3", "qmax": "3"})


def _encoded(
    pixels: NDArray[Any],
    given: str,
    codec: str,
    stored: str,
    options: dict[str, str] | None = None,
) -> bytes:
    context = cast(VideoCodecContext, av.CodecContext.create(codec, "w"))
    context.height, context.width = pixels.shape[:2]
    context.pix_fmt, context.time_base = stored, Fraction(1)
    context.options = options or {}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=given)
    ready = frame.reformat(format=stored)
    return b"".join(bytes(packet) for packet in [*context.encode(ready), *context.encode(None)])
