"""What a node's label and panel say of its depth: whether it is there, and whether it still holds."""

from __future__ import annotations

from typing import Any

from flashdepth_host.errors import HostError
from flashdepth_host.fields import LICENCES
from flashdepth_host.shot import licence_of

import nuke

from .knobs import is_ours, values_of
from .plates import connected_to
from .reading import made_of, record_of

__all__ = ["badge", "show_status", "watch"]

#: Choices that no pixel depends on.
_NO_PIXELS = frozenset(
    ("handles", "compression", "device", "engine", "mode", "chunk", "job_dir", "accept_license")
)
#: As the knobs are called.
_INPUT = "input"


def watch() -> None:
    """Keep labels and panels true: with a GUI, once."""
    nuke.addAutolabel(_autolabel, nodeClass="Group")
    nuke.addKnobChanged(_knob_changed, nodeClass="Group")


def badge(node: nuke.Group) -> str:
    """Whether what is there holds, in a few words; empty where it does."""
    rendered = record_of(node)
    if not rendered:
        return "not rendered"
    try:
        changed = _changed(rendered, made_of(connected_to(node), values_of(node)))
    except HostError:
        changed = [_INPUT]
    return f"stale: {', '.join(changed)}" if changed else ""


def show_status(node: nuke.Group, text: str | None = None) -> None:
    """Say in the panel what there is; `text` in place of it."""
    if text is None:
        count = sum(last - first + 1 for first, last in record_of(node).get("there", []))
        text = badge(node) or f"{count} frames of {values_of(node)['convention']}"
    node["status"].setValue(text)


def _of_frame(node: nuke.Group) -> str:
    """What is to be said of the frame that is looked at."""
    rendered = record_of(node)
    number = nuke.frame() - int(rendered.get("offset", 0))
    is_there = any(first <= number <= last for first, last in rendered.get("there", []))
    return "" if is_there else f"frame {nuke.frame()} is not rendered"


def _changed(rendered: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The knobs that are not as they were."""
    before = rendered.get("values", {})
    names = [
        name
        for name, value in now["values"].items()
        if name not in _NO_PIXELS and name != "file" and before.get(name) != value
    ]
    if any(rendered.get(part) != now[part] for part in ("plates", "fingerprint", "offset")):
        names.append(_INPUT)
    return names


def _autolabel() -> str | None:
    """Of a node of ours; None leaves all others to Nuke."""
    node = nuke.thisNode()
    if not isinstance(node, nuke.Group) or not is_ours(node):
        return None
    said = badge(node) or _of_frame(node)
    return f"{node.name()}\n{said}" if said else str(node.name())


def _knob_changed() -> None:
    node, knob = nuke.thisNode(), nuke.thisKnob()
    if not isinstance(node, nuke.Group) or not is_ours(node):
        return
    if knob.name() == "weights":
        node["licence"].setValue(licence_of(values_of(node)))
        node["weights_file"].setEnabled(node["weights"].value() not in LICENCES)
    elif knob.name() == "use_limit":
        for name in ("first", "last"):
            node[name].setEnabled(bool(knob.value()))
