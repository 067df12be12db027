"""A decoded picture as pixels, and what its stream says of colour, aspect, rate and time code."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from flashdepth_vfx.io.timecode import timecode_after
from flashdepth_vfx.io.upright import swaps_sides, upright
from flashdepth_vfx.plate import CodeArray, FloatArray

__all__ = ["MovieFacts", "codes_of", "facts_of", "pixels_of"]

#: FFmpeg's numbers: the matrix is not stated; transfer and primaries that name an OCIO space.
_UNSPECIFIED = 2
_HD_WIDTH, _HD_HEIGHT = 1280, 720
_SPACES = {
    (8, 1): "Linear Rec.709 (sRGB)",
    (13, 1): "sRGB Encoded Rec.709 (sRGB)",
    (16, 9): "Rec.2100-PQ - Display",
    (18, 9): "Rec.2100-HLG - Display",
}


@dataclass(frozen=True)
class MovieFacts:
    """What holds for every frame of a movie, or of a stream."""

    pixel_aspect: float
    rate: Fraction | None
    first_timecode: str | None
    color_hint: str | None

    def attributes(self, frames_in: int) -> dict[str, Any]:
        """Header attributes of the frame that lies `frames_in` frames after the first."""
        found: dict[str, Any] = {}
        if self.rate is not None:
            found["framesPerSecond"] = self.rate
            if self.first_timecode is not None:
                timecode = timecode_after(self.first_timecode, frames_in, self.rate)
                if timecode is not None:
                    found["timeCode"] = timecode
        return found


def facts_of(stream: VideoStream, first: VideoFrame, orientation: int) -> MovieFacts:
    """What the stream and its first picture say."""
    ratio = stream.sample_aspect_ratio or Fraction(1)
    aspect = float(ratio) if ratio > 0 else 1.0
    container = stream.container
    texts = [container.metadata, *(other.metadata for other in container.streams)]
    return MovieFacts(
        pixel_aspect=1 / aspect if swaps_sides(orientation) else aspect,
        rate=stream.average_rate or stream.guessed_rate,
        first_timecode=next((t["timecode"] for t in texts if "timecode" in t), None),
        color_hint=_SPACES.get((int(first.color_trc), int(first.color_primaries))),
    )


def codes_of(picture: VideoFrame, orientation: int) -> CodeArray:
    """`(H, W, 3)` RGB as whole numbers, upright: uint8, or uint16 where a component has more than 8 bits."""
    deep = any(component.bits > 8 for component in picture.format.components)
    hd = picture.width >= _HD_WIDTH or picture.height >= _HD_HEIGHT
    # FFmpeg takes a matrix that is not stated for BT.601, whatever the size.
    matrix = ("ITU709" if hd else "ITU601") if picture.colorspace == _UNSPECIFIED else None
    converted = picture.reformat(format="rgb48le" if deep else "rgb24", src_colorspace=matrix)
    return upright(converted.to_ndarray(), orientation)


def pixels_of(picture: VideoFrame, orientation: int) -> FloatArray:
    """The same as float32, 0..1."""
    codes = codes_of(picture, orientation)
    return codes.astype(np.float32) / np.float32(np.iinfo(codes.dtype).max)
