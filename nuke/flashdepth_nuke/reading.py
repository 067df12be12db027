"""Depth back in the script: the Read inside the node, what shows where there is none, the same as plain nodes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from flashdepth_host.errors import Refusal
from flashdepth_host.fields import Value
from flashdepth_host.paths import frames_there, spans
from flashdepth_host.shot import output_of, views_of

import nuke

from . import assumptions as nuke_has
from .knobs import file_of, inside, values_of
from .plates import Connected, connected_to
from .saying import said
from .threads import one_undo_step

__all__ = ["bake", "point_at", "record_of", "reload"]

#: What becomes of frames without depth: the node's `missing`, and the Read's `on_error`.
MISSING_ERROR, MISSING_BLACK, MISSING_INPUT = "error", "black", "read input"
_ON_ERROR = {
    MISSING_ERROR: nuke_has.ON_ERROR_ERROR,
    MISSING_BLACK: nuke_has.ON_ERROR_BLACK,
    # The switch shows the input there, and the Read is not asked.
    MISSING_INPUT: nuke_has.ON_ERROR_ERROR,
}


@said
def reload(node: nuke.Group) -> None:
    """Look again which frames are on disk. Raises `Refusal`."""
    with one_undo_step("FlashDepth reload"):
        point_at(node, connected_to(node), values_of(node), record_of(node))


def point_at(
    node: nuke.Group, connected: Connected, values: dict[str, Value], rendered: dict[str, Any]
) -> tuple[int, ...]:
    """Point the Read inside at the depth, with the input's own frames, and keep what was `rendered` with what is
    there. Returns the numbers of the files that are there.
    """
    plates = connected.plates
    output = output_of(values, plates)
    if not values["file"]:
        node["file"].setValue(output)
    there = frames_there(output, _hero(views_of(values, plates)))
    read = inside(node, "depth_read")
    # A name that is worked out, by the artist's own script, is worked out for our node and not for the Read in it.
    raw = node["file"].value()
    read[nuke_has.READ_FILE].setValue(output if "[" in raw else raw)
    _same_frames(read, connected)
    read[nuke_has.READ_ON_ERROR].setValue(_ON_ERROR[node["missing"].value()])
    _switch(node, connected, there)
    # A bare Z is what Nuke itself calls depth.Z.
    layer = values["layer"] or "depth"
    inside(node, "put_depth")["from0"].setValue(f"{layer}.Z")
    node["rendered"].setValue(json.dumps({**rendered, "output": output, "there": spans(there)}))
    button = read.knobs().get(nuke_has.READ_RELOAD)
    if isinstance(button, nuke.Script_Knob):
        button.execute()
    return there


def record_of(node: nuke.Group) -> dict[str, Any]:
    """What was rendered last, and by what; empty before."""
    text = node["rendered"].value()
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}


def made_of(connected: Connected, values: dict[str, Value]) -> dict[str, Any]:
    """What depth depends on, for a look later whether it still holds. Frames are no part of it: they are counted."""
    plates = asdict(connected.plates)
    del plates["first"], plates["last"]
    return {
        "values": values,
        "plates": plates,
        "fingerprint": connected.fingerprint,
        "offset": connected.offset,
    }


@said
def bake(node: nuke.Group) -> nuke.Node:
    """The node as a Read of its depth and a Copy, beside it and connected as it is. Raises `Refusal`."""
    if not record_of(node):
        raise Refusal("there is no depth yet: press Render")
    depth_read = inside(node, "depth_read")
    with one_undo_step("FlashDepth bake"):
        read = nuke.nodes.Read()
        for knob in _BAKED:
            read[knob].setValue(depth_read[knob].value())
        read[nuke_has.READ_FILE].setValue(file_of(node, "file"))
        copy = nuke.nodes.Copy(from0=inside(node, "put_depth")["from0"].value(), to0="depth.Z")
        copy.setInput(0, node.input(0))
        copy.setInput(1, read)
        read.setXYpos(node.xpos() + 120, node.ypos())
        copy.setXYpos(node.xpos() + 120, node.ypos() + 100)
    return copy


_FRAMES = (nuke_has.READ_FRAME_MODE, nuke_has.READ_FRAME, nuke_has.READ_BEFORE, nuke_has.READ_AFTER)
_RANGE = (
    nuke_has.READ_FIRST,
    nuke_has.READ_LAST,
    nuke_has.READ_ORIGINAL_FIRST,
    nuke_has.READ_ORIGINAL_LAST,
)
_BAKED = (*_RANGE, *_FRAMES, nuke_has.READ_ORIGINAL_SET, nuke_has.READ_ON_ERROR, nuke_has.READ_RAW)


def _hero(views: str) -> str:
    """The view whose files are looked for; empty where the name stands for none."""
    first = views.split(",")[0].strip()
    return nuke.views()[0] if first == "all" else first


def _same_frames(read: nuke.Node, connected: Connected) -> None:
    """The input's own range, offset, and what it shows outside of it: a Read holds its ends, which depth must too."""
    first, last = connected.plates.first, connected.plates.last
    for knob, number in zip(_RANGE, (first, last, first, last)):
        read[knob].setValue(number)
    read[nuke_has.READ_ORIGINAL_SET].setValue(True)
    read[nuke_has.READ_RAW].setValue(True)
    if connected.read is not None:
        for knob in _FRAMES:
            read[knob].setValue(connected.read[knob].value())
    else:
        read[nuke_has.READ_FRAME].setValue("")


def _switch(node: nuke.Group, connected: Connected, there: tuple[int, ...]) -> None:
    """Where `missing` says so, the input comes out where there is no depth."""
    which = inside(node, "rendered_or_input")["which"]
    if node["missing"].value() != MISSING_INPUT:
        which.clearAnimated()
        which.setValue(0)
        return
    runs = [
        f"(frame>={a + connected.offset}&&frame<={b + connected.offset})" for a, b in spans(there)
    ]
    which.setExpression(f"!({'||'.join(runs)})" if runs else "1")
