"""EXR header attributes, without loss: the dicts that the `OpenEXR` module reads, and what they say."""

from __future__ import annotations

import io
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import OpenEXR

from flashdepth_vfx.errors import CorruptPlateError
from flashdepth_vfx.io.exr_mend import mended_header

__all__ = ["color_hint", "frames_per_second", "pixel_aspect", "read_headers"]

#: OCIO names (ACES studio and CG configs) of the linear spaces that chromaticities can name exactly.
_LINEAR_SPACES = {
    "lin_ap0_scene": "ACES2065-1",
    "lin_ap1_scene": "ACEScg",
    "lin_rec709_scene": "Linear Rec.709 (sRGB)",
    "lin_p3d65_scene": "Linear P3-D65",
    "lin_rec2020_scene": "Linear Rec.2020",
    "lin_adobergb_scene": "Linear AdobeRGB",
}
#: Attributes whose text is a colour space's name, the most binding first.
_NAMES = ("colorInteropID", "oiio:ColorSpace", "colorSpace", "ColorSpace", "colorspace")
_NO_NAME = frozenset(("", "unknown"))


def read_headers(path: Path) -> list[dict[str, Any]]:
    """The header of each part. Raises `CorruptPlateError`."""
    try:
        try:
            return _read(os.fspath(path))
        except (ZeroDivisionError, UnicodeDecodeError, RuntimeError, ValueError, TypeError):
            return _read(io.BytesIO(mended_header(path.read_bytes())))
    except (RuntimeError, ValueError, TypeError, IndexError, struct.error) as error:
        raise CorruptPlateError(path, f"its EXR header cannot be read ({error})") from error


def _read(source: str | io.BytesIO) -> list[dict[str, Any]]:
    headers = [dict(part.header) for part in OpenEXR.File(source, header_only=True).parts]
    for header in headers:
        # The names become Python text only when asked for, and fail only then.
        for channel in header["channels"]:
            str(channel.name)
    return headers


def color_hint(header: Mapping[str, Any]) -> str | None:
    """The colour space that a header names, else None.

    A name is given as it stands. An ACES container is ACES2065-1 by SMPTE ST 2065-4. Chromaticities
    count when they are those of a linear space to 0.001, since EXR is linear by its definition; a
    header without them says nothing, whatever default the format has.
    """
    for name in _NAMES:
        value = header.get(name)
        if isinstance(value, str) and value.strip().lower() not in _NO_NAME:
            return value.strip()
    if header.get("acesImageContainerFlag") == 1:
        return "ACES2065-1"
    chromaticities = header.get("chromaticities")
    if chromaticities is None:
        return None
    return _LINEAR_SPACES.get(OpenEXR.chromaticitiesToColorInteropID(tuple(chromaticities)) or "")


def pixel_aspect(header: Mapping[str, Any]) -> float:
    """Width of a pixel over its height; 1 where the header gives no positive number."""
    aspect = float(header.get("pixelAspectRatio", 1.0))
    return aspect if math.isfinite(aspect) and aspect > 0 else 1.0


def frames_per_second(header: Mapping[str, Any]) -> float | None:
    """The frame rate, where the header gives a positive one."""
    rate = header.get("framesPerSecond")
    return float(rate) if rate is not None and float(rate) > 0 else None
