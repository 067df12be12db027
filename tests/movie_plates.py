"""Movies for tests, and frames that are told apart by their grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

H264 = {"codec": "libx264", "pixel_format": "yuv444p", "options": {"crf": "1", "bf": "3", "g": "8"}}


def write_movie(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    codec: str = "ffv1",
    pixel_format: str = "bgr0",
    rate: Fraction = Fraction(24000, 1001),
    options: Mapping[str, str] | None = None,
    aspect: Fraction | None = None,
    rotation: int = 0,
    timecode: str | None = None,
    matrix: str | None = None,
    depth: int = 8,
) -> Path:
    """A movie of frames of 0..1. `matrix` names that by which RGB becomes YUV (limited range)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=dict(options or {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        if timecode is not None:
            stream.metadata["timecode"] = timecode
        for pixels in frames:
            whole = (pixels * (2**depth - 1)).round().astype(np.uint16 if depth > 8 else np.uint8)
            form = "rgb48le" if depth > 8 else "rgb24"
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(whole), format=form)
            if matrix is not None:
                image = image.reformat(format=pixel_format, dst_colorspace=matrix)
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    return path


def shades(count: int, height: int = 32, width: int = 48) -> list[np.ndarray]:
    """Frames that are told apart by their grey."""
    return [np.full((height, width, 3), 20 + 8 * n, np.float32) / 255 for n in range(count)]


def shade_of(rgb: np.ndarray) -> int:
    return round((float(rgb.mean()) * 255 - 20) / 8)


def noise(count: int, height: int = 96, width: int = 128) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((height, width, 3), np.float32) for _ in range(count)]
