"""A node's parameters as values, in the words of both hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import hou
from flashdepth_host.errors import Refusal
from flashdepth_host.fields import FIELDS, Value
from flashdepth_host.shot import licence_of

__all__ = ["PRESETS", "Range", "pattern_of", "range_of", "values_of", "with_preset"]

#: `$F4`, `$F` and `${F4}`, and no other variable that begins so.
_FRAME = re.compile(r"\$(?:F(\d*)(?![A-Za-z0-9_])|\{F(\d*)\})")

#: What is set together, by the name of the preset. All else stays as it is.
PRESETS: dict[str, dict[str, Value]] = {
    "look": {"convention": "normalised_near_white", "upsampling": "bilinear", "edge_matte": False},
    "defocus": {"convention": "z", "upsampling": "guided", "edge_matte": True},
    "points": {"convention": "z", "upsampling": "guided", "edge_matte": True, "stabilise": True},
}


@dataclass(frozen=True)
class Range:
    """Frames that are asked for: every `inc`-th from `first` to `last`. None: all that there are."""

    first: int | None = None
    last: int | None = None
    inc: int = 1


def values_of(node: Any) -> dict[str, Value]:
    """Every field's value, files as the renderer takes them."""
    return {field.name: _value(node, field.name, field.kind) for field in FIELDS}


def pattern_of(node: Any, name: str) -> str:
    """The file that a parameter names: `$JOB` and the like are expanded, and `$F4` is `%04d`. May be empty."""
    parm = node.parm(name)
    try:
        raw = parm.unexpandedString()
    except hou.OperationFailed:
        # It has an expression, which says the name of one frame: there is no pattern in it to be kept.
        return str(parm.evalAsString())
    return str(hou.text.expandString(_FRAME.sub(_numbered, raw)))


def range_of(node: Any) -> Range:
    """The frames that the node is limited to. Raises `Refusal` for numbers that are none."""
    if node.parm("trange").evalAsString() == "off":
        return Range()
    first, last, inc = (float(node.evalParm(f"f{n}")) for n in (1, 2, 3))
    if any(number != int(number) for number in (first, last, inc)):
        raise Refusal(f"frames {first:g} to {last:g} by {inc:g}: give whole numbers")
    if inc < 1:
        raise Refusal(f"inc {inc:g}: give 1 or more")
    return Range(int(first), int(last), int(inc))


def with_preset(node: Any, name: str) -> None:
    """Set what a preset sets, and say what the weights may be used for."""
    if name:
        node.setParms(PRESETS[name])
    node.parm("licence").set(licence_of({"weights": node.parm("weights").evalAsString()}))


def _numbered(found: re.Match[str]) -> str:
    digits = found[1] or found[2]
    return f"%0{digits}d" if digits else "%d"


def _value(node: Any, name: str, kind: str) -> Value:
    if kind == "file":
        return pattern_of(node, name)
    if kind in ("word", "text"):
        return str(node.parm(name).evalAsString()).strip()
    value = node.evalParm(name)
    if kind == "flag":
        return bool(value)
    return int(value) if kind == "int" else float(value)
