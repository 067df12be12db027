"""From what an artist chose, and the plates that a host has, to what the worker is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Refusal
from .fields import ANCHORS, LICENCES, OTHER_WEIGHTS, Value
from .paths import beside_plates, numbered

__all__ = [
    "Anchor",
    "Plates",
    "frames_of",
    "job_of",
    "known_of",
    "licence_of",
    "output_of",
    "request_of",
    "views_of",
]

#: A render in which no frame moves for so long has failed: in a host without a screen nobody else would end it.
_STALL_SECONDS = 1800.0


@dataclass(frozen=True)
class Plates:
    """The plates of a shot as the host has them. `input` is a pattern on disk, or a movie; `first` and `last` are
    numbers of its files. `missing` is what becomes of holes: error, hold or skip.
    """

    input: str
    first: int
    last: int
    colorspace: str = ""
    ocio: str = ""
    views: str = ""
    missing: str = "error"


@dataclass(frozen=True)
class Anchor:
    """A distance that is known: at full-size pixel (x, y) from the bottom left of file `frame`, in scene units."""

    x: float
    y: float
    frame: int
    distance: float

    def __str__(self) -> str:
        return f"{self.x:g},{self.y:g},{self.frame}={self.distance:g}"


def frames_of(plates: Plates, first: int | None, last: int | None, handles: int) -> tuple[int, int]:
    """The file numbers to render: `first` to `last` (None: the plates' own) with handles, as far as there are plates.

    Raises `Refusal`.
    """
    begin = plates.first if first is None else first
    end = plates.last if last is None else last
    if handles < 0:
        raise Refusal(f"handles {handles}: give 0 or more")
    if begin > end:
        raise Refusal(f"frames {begin} to {end}: run backwards")
    if begin > plates.last or end < plates.first:
        raise Refusal(
            f"frames {begin} to {end}: the input has {plates.first} to {plates.last}, and none of them"
        )
    return max(begin - handles, plates.first), min(end + handles, plates.last)


def output_of(values: Mapping[str, Value], plates: Plates) -> str:
    """The pattern of the depth EXRs. Raises `Refusal` for one that has no place for a frame's number."""
    output = str(values["file"]).strip() or beside_plates(plates.input)
    if not numbered(output):
        raise Refusal(f"{output}: has no place for the frame's number; write #### where it goes")
    if not output.lower().endswith(".exr"):
        raise Refusal(f"{output}: depth is written as EXR; end the name in .exr")
    return output


def job_of(
    values: Mapping[str, Value], plates: Plates, frames: tuple[int, int], *, overwrite: bool = False
) -> dict[str, Any]:
    """The JSON form of the renderer's job. Raises `Refusal` for values that no render could use."""
    views = views_of(values, plates)
    return {
        "shot": {"input": plates.input, **({"view": views} if views else {})},
        "output": output_of(values, plates),
        "frames": f"{frames[0]}-{frames[1]}",
        "settings": _settings(values, plates),
        "resume": not overwrite,
        "overwrite": overwrite,
        "stall_timeout_seconds": _STALL_SECONDS,
    }


def views_of(values: Mapping[str, Value], plates: Plates) -> str:
    """The views to render, as the renderer takes them; empty for what is in the files."""
    return str(values["views"]).strip() or plates.views


def known_of(values: Mapping[str, Value], anchors: tuple[Anchor, ...]) -> dict[str, Any] | None:
    """The distances that are known, in the renderer's form; None where there are none. Raises `Refusal`."""
    near, far = float(values["near"]), float(values["far"])
    if bool(near) is not bool(far):
        raise Refusal("near and far go together: give both, or 0 for both")
    if near and not 0.0 < near < far:
        raise Refusal(f"near {near:g}, far {far:g}: give 0 < near < far")
    normalised = str(values["convention"]).startswith("normalised")
    if near and anchors and not normalised:
        raise Refusal("near and far, and anchors, both say how far things are: give one of them")
    if len(anchors) > ANCHORS:
        raise Refusal(f"{len(anchors)} anchors: there is room for {ANCHORS}")
    if not near and not anchors:
        return None
    return {
        "anchors": [str(anchor) for anchor in anchors],
        "near": near or None,
        "far": far or None,
    }


def request_of(
    values: Mapping[str, Value],
    plates: Plates,
    frames: tuple[int, int],
    anchors: tuple[Anchor, ...] = (),
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """What the worker is asked for. Raises `Refusal`."""
    known = known_of(values, anchors)
    return {
        "type": "shot",
        "job": job_of(values, plates, frames, overwrite=overwrite),
        **({"known": known} if known else {}),
    }


def licence_of(values: Mapping[str, Value]) -> str:
    """What the chosen weights may be used for, as a host shows it."""
    weights = str(values["weights"])
    return LICENCES.get(weights, "as the file says: flashdepth weights verify FILE")


def _settings(values: Mapping[str, Value], plates: Plates) -> dict[str, Any]:
    weights = _weights(values)
    colorspace = str(values["colorspace"]).strip() or plates.colorspace
    return {
        "weights": weights,
        "accept_license": [weights] if values["accept_license"] else [],
        "convention": values["convention"],
        "scene_unit": values["scene_unit"],
        "upsampling": values["upsampling"],
        "stabilise": bool(values["stabilise"]),
        "depth_layer": str(values["layer"]).strip(),
        "compression": values["compression"],
        "device": str(values["device"]).strip() or "auto",
        "cuts": str(values["cuts"]).strip() or "none",
        "missing": plates.missing,
        "resolution": _resolution(str(values["resolution"]).strip()),
        "colorspace": colorspace or None,
        "ocio": plates.ocio or None,
    }


def _weights(values: Mapping[str, Value]) -> str:
    if values["weights"] != OTHER_WEIGHTS:
        return str(values["weights"])
    named = str(values["weights_file"]).strip()
    if not named:
        raise Refusal("weights is 'file': name the file in weights file")
    return named


def _resolution(text: str) -> Any:
    if not text:
        return None
    if text == "native":
        return text
    try:
        return int(text)
    except ValueError:
        raise Refusal(f"resolution {text}: give pixels, native, or nothing") from None
