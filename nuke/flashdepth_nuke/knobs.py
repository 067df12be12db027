"""The node's knobs as values, and a node's place in the script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flashdepth_host.errors import Refusal
from flashdepth_host.fields import ANCHORS, FIELDS, Value
from flashdepth_host.shot import Anchor

import nuke

from . import assumptions as nuke_has

#: A node of ours has it, whatever it is called.
MARK = "flashdepth_node"


def is_ours(node: nuke.Node) -> bool:
    """Whether a node is a FlashDepth."""
    return MARK in node.knobs()


def inside(node: nuke.Group, name: str) -> nuke.Node:
    """A node inside of ours. Raises `Refusal` where somebody took it away."""
    found = node.node(name)
    if found is None:
        raise Refusal(
            f"{node.fullName()} has no {name} inside any more: make a new FlashDepth in its place"
        )
    return found


def values_of(node: nuke.Node) -> dict[str, Value]:
    """Every field's value, files as they are on disk. Raises `Refusal` for a node that is none of ours."""
    if not is_ours(node):
        raise Refusal(f"{node.fullName()}: is no FlashDepth node")
    return {field.name: _value(node, field.name, field.kind) for field in FIELDS}


def anchors_of(node: nuke.Node, offset: int) -> tuple[Anchor, ...]:
    """The anchors that are used, at numbers of files: `offset` frames before the script's."""
    return tuple(
        Anchor(
            knob.value(0),
            knob.value(1),
            int(node[f"{name}_frame"].value()) - offset,
            float(node[f"{name}_distance"].value()),
        )
        for name, knob in _anchors(node)
        if node[f"{name}_distance"].value() != 0.0
    )


def file_of(node: nuke.Node, knob: str) -> str:
    """The file that a knob names: its TCL done, and below the project's folder where it is relative. May be empty."""
    named = _evaluated(node[knob])
    if not named or Path(named).is_absolute():
        return named
    folder = _evaluated(nuke.root()[nuke_has.ROOT_FOLDER]) or script_folder()
    return (Path(folder or ".") / named).as_posix()


def script_folder() -> str:
    """Where the script is saved; empty where it is not."""
    name = nuke.root().name()
    return Path(name).parent.as_posix() if Path(name).is_absolute() else ""


def _evaluated(knob: nuke.Knob) -> str:
    """What a file knob says once its TCL is done."""
    assert isinstance(knob, nuke.File_Knob), f"{knob.name()} names no file"
    return knob.getEvaluatedValue() or ""


def _value(node: nuke.Node, name: str, kind: str) -> Value:
    if kind == "file":
        return file_of(node, name)
    value = node[name].value()
    if kind == "flag":
        return bool(value)
    if kind == "int":
        return int(value)
    return float(value) if kind == "number" else str(value)


def _anchors(node: nuke.Node) -> Iterator[tuple[str, nuke.XY_Knob]]:
    for name in (f"anchor{number}" for number in range(1, ANCHORS + 1)):
        knob = node[name]
        assert isinstance(knob, nuke.XY_Knob), f"{name} is no point"
        yield name, knob
