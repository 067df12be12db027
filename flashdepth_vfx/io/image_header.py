"""What DPX, Cineon, TIFF, PNG and JPEG headers say, in EXR's terms."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import OpenEXR

from flashdepth_vfx.io.timecode import exact_rate, timecode_from_bits

__all__ = ["color_hint", "exr_attributes", "pixel_aspect", "png_color_hint"]

#: EXR's standard names for what OpenImageIO calls otherwise.
_NAMES = {
    "Copyright": "owner",
    "DateTime": "capDate",
    "DocumentName": "project",
    "ImageDescription": "comments",
    "Make": "cameraMake",
    "Model": "cameraModel",
    "Software": "software",
    "Artist": "creator",
}
#: Storage, colour and thumbnails, which are of the plate's pixels alone.
_DROPPED_PREFIXES = ("oiio:", "tiff:", "png:", "jpeg:", "ICCProfile", "thumbnail_", "smpte:")
_DROPPED = frozenset(
    (
        "CICP",
        "Exif:ColorSpace",
        "IPTC:ImageDescription",
        "Orientation",
        "PixelAspectRatio",
        "ResolutionUnit",
        "XResolution",
        "YResolution",
        "compression",
        "planarconfig",
        "dpx:DittoKey",
        "dpx:EncryptKey",
        "dpx:EndOfImagePadding",
        "dpx:EndOfLinePadding",
        "dpx:FrameRate",
        "dpx:HighData",
        "dpx:HighQuantity",
        "dpx:ImageDescriptor",
        "dpx:LowData",
        "dpx:LowQuantity",
        "dpx:Packing",
        "dpx:TemporalFrameRate",
        "dpx:TimeCode",
        "dpx:UserBits",
        "dpx:Version",
        "cineon:FrameRate",
        "cineon:Packing",
        "cineon:Version",
    )
)
_RATES = ("dpx:FrameRate", "dpx:TemporalFrameRate", "cineon:FrameRate")
_TRANSFERS = ("dpx:Transfer",)
_NOTHING_SAID = frozenset(("", "undefined", "user defined", "unknown"))
#: Numbers that DPX and Cineon keep where a field was not filled in.
_UNSET = frozenset((0xFFFFFFFF, 0xFFFF, 0x7FFFFFFF, 0x7F800000))


def exr_attributes(found: Mapping[str, Any]) -> dict[str, Any]:
    """Header attributes of an image, by EXR's names and of EXR's types.

    Time code, film key code and frame rate become `timeCode`, `keyCode` and `framesPerSecond`; texts
    and numbers that were filled in keep their name (`dpx:Transfer`), or take EXR's where it has one.
    """
    attributes: dict[str, Any] = {}
    for name, value in found.items():
        if name in _DROPPED or name.startswith(_DROPPED_PREFIXES) or not _is_said(value):
            continue
        attributes[_NAMES.get(name, name)] = value
    if (bits := found.get("smpte:TimeCode")) is not None:
        timecode = timecode_from_bits(int(bits[0]), int(bits[1]))
        if timecode is not None:
            attributes["timeCode"] = timecode
    if (key := found.get("smpte:KeyCode")) is not None and any(key):
        attributes["keyCode"] = OpenEXR.KeyCode(*(int(number) for number in key))
    rates = (exact_rate(float(found[name])) for name in _RATES if name in found)
    rate = next((r for r in rates if r is not None), None)
    if rate is not None:
        attributes["framesPerSecond"] = rate
    return attributes


def pixel_aspect(found: Mapping[str, Any]) -> float:
    """Width of a pixel over its height; 1 where the header gives no sensible number."""
    aspect = float(found.get("PixelAspectRatio", 1.0))
    return aspect if math.isfinite(aspect) and 0.01 < aspect < 100 else 1.0


def color_hint(found: Mapping[str, Any]) -> str | None:
    """The colour space or transfer that the header names, as it names it.

    That is a DPX transfer ("PrintingDensity", "Linear", "ITU-R 709-4" and so on), or sRGB of a JPEG's EXIF.
    """
    for name in _TRANSFERS:
        said = str(found.get(name, "")).strip()
        if said.lower() not in _NOTHING_SAID:
            return said
    if found.get("Exif:ColorSpace") == 1:
        return "sRGB Encoded Rec.709 (sRGB)"
    return None


def png_color_hint(path: Path) -> str | None:
    """What a PNG says itself: an sRGB chunk, or a gAMA of 1 or 1/2.2. None otherwise.

    A reader's own default does not count, nor an embedded profile, which names no OCIO space. Source:
    PNG specification, third edition, 11.3.2.
    """
    gamma: str | None = None
    with path.open("rb") as file:
        file.seek(8)
        while len(start := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", start)
            if kind == b"sRGB":
                return "sRGB Encoded Rec.709 (sRGB)"
            if kind in (b"iCCP", b"cICP", b"IDAT"):
                return gamma if kind == b"IDAT" else None
            value = file.read(4) if kind == b"gAMA" and size == 4 else b""
            if value:
                gamma = _GAMMAS.get(struct.unpack(">I", value)[0])
            file.seek(size + 4 - len(value), 1)
    return None


#: gAMA holds 100,000 times the exponent of encoding.
_GAMMAS = {100_000: "Linear Rec.709 (sRGB)", 45_455: "Gamma 2.2 Encoded Rec.709"}


def _is_said(value: Any) -> bool:
    """Whether a field of a fixed header was filled in, and EXR has a type for it."""
    if isinstance(value, str):
        return value.strip().lower() not in _NOTHING_SAID and bool(value.strip("0 "))
    if isinstance(value, int):
        return value not in _UNSET and value != 0
    return isinstance(value, float) and math.isfinite(value) and value != 0 and abs(value) < 1e30
