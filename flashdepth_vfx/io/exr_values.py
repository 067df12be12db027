"""Header values as the `OpenEXR` module takes them: what an EXR header can hold, and what it cannot."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import numpy as np
import OpenEXR

from flashdepth_vfx.plate import Attributes

__all__ = ["writable"]

_INT32 = range(-(1 << 31), 1 << 31)
_FLOAT32_MAX = float(np.finfo(np.float32).max)


def writable(attributes: Attributes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The attributes as OpenEXR writes them, and the names of those that it cannot hold.

    Pure: the given mapping and its values stay as they are. A list without items is one that a file
    can have and the module cannot write.
    """
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        try:
            converted = _exr_value(value)
        except (OverflowError, ValueError):
            continue
        if converted is not None:
            kept[name] = converted
    if not _is_written(kept):
        kept = {name: value for name, value in kept.items() if _is_written({name: value})}
    return kept, tuple(name for name in attributes if name not in kept)


def _is_written(attributes: dict[str, Any]) -> bool:
    """Whether OpenEXR writes a picture of one pixel with them: it alone knows all that it refuses."""
    corner = np.zeros(2, np.int32), np.zeros(2, np.int32)
    stored = {
        # Not the library's default, which it would not set: setting it checks what else is there.
        "compression": OpenEXR.ZIPS_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "lineOrder": OpenEXR.INCREASING_Y,
        "dataWindow": corner,
        "displayWindow": corner,
        "pixelAspectRatio": 1.0,
        "name": "Z",
    }
    try:
        pixel = {"Z": np.zeros((1, 1), np.float32)}
        OpenEXR.File({**attributes, **stored}, pixel, num_threads=0).write(io.BytesIO())
    except (RuntimeError, TypeError, ValueError, OverflowError):
        return False
    return True


def _exr_value(value: Any) -> Any | None:
    """A value as OpenEXR takes it, None for one that it would lose or refuse.

    It refuses numpy scalars, loses lists of integers and integers beyond 32 bits without a word, and
    cannot write a list without items, or text that is not Unicode. Raises `OverflowError` and
    `ValueError` for integers that are no number of a computer's.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and value not in _INT32:
        return str(value)
    if isinstance(value, float) and np.isfinite(value) and abs(value) > _FLOAT32_MAX:
        return str(value)
    if isinstance(value, Fraction) and not (
        value.numerator in _INT32 and value.denominator in _INT32
    ):
        return float(value)
    if isinstance(value, list):
        return _list(value)
    if isinstance(value, tuple) and any(isinstance(v, int) and v not in _INT32 for v in value):
        return None
    if isinstance(value, OpenEXR.TileDescription):
        # Of tiles that a file of rows has not; one without pixels in a tile stops the writing.
        return None
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value)
    if isinstance(value, int | float | Fraction | tuple) or _is_exr_type(value):
        return value
    return None


def _list(value: list[Any]) -> list[str] | list[float] | None:
    if value and all(isinstance(item, str) for item in value):
        return [_text(item) for item in value]
    if value and all(isinstance(item, int | float | np.number) for item in value):
        return [float(item) for item in value]
    return None


def _text(value: str) -> str:
    # Headers in Latin-1 arrive with their odd bytes escaped: each becomes U+FFFD.
    return value.encode(errors="surrogateescape").decode(errors="replace")


def _is_exr_type(value: Any) -> bool:
    return type(value).__module__.split(".")[0] == "OpenEXR"
