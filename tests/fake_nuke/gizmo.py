"""The gizmo's text: its user knobs, and the nodes inside with what they are connected to, as Nuke's stack has it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(r"^ ?(\w+) \{\n(.*?)^ ?\}\n", re.MULTILINE | re.DOTALL)
_USER_KNOB = re.compile(r"addUserKnob \{(\d+) (\w+)(.*)\}$")
#: `l` label, `t` tooltip, `T` text, `M` choices.
_PART = re.compile(r'\b([ltTM]) ("(?:[^"\\]|\\.)*"|\{[^}]*\}|\S+)')


@dataclass(frozen=True)
class UserKnob:
    """One line of `addUserKnob`. `kind` is Nuke's number for it."""

    kind: int
    name: str
    label: str = ""
    tooltip: str = ""
    text: str = ""
    choices: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()


@dataclass
class InnerNode:
    """A node inside: its knobs as text, and the names of those it is connected to."""

    kind: str
    knobs: dict[str, str]
    inputs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Gizmo:
    """What the file says."""

    kind: str
    knobs: dict[str, str]
    user_knobs: tuple[UserKnob, ...]
    inside: dict[str, InnerNode]


def read_gizmo(path: Path) -> Gizmo:
    """Raises `ValueError` for what Nuke would not read."""
    text = "".join(
        line for line in path.read_text(encoding="utf-8").splitlines(True) if line[:1] != "#"
    )
    if not text.rstrip().endswith("end_group"):
        raise ValueError("the group has no end")
    outer = _BLOCK.match(text)
    if outer is None:
        raise ValueError("there is no node")
    lines = [line.strip() for line in outer[2].splitlines()]
    user = tuple(_user_knob(line) for line in lines if line.startswith("addUserKnob"))
    plain = dict(_knob(line) for line in lines if not line.startswith("addUserKnob"))
    return Gizmo(outer[1], plain, user, _inside(text[outer.end() :]))


def _user_knob(line: str) -> UserKnob:
    match = _USER_KNOB.fullmatch(line)
    if match is None:
        raise ValueError(f"no user knob: {line}")
    parts = dict(_PART.findall(match[3]))
    # Quoted parts may hold anything that looks like a flag.
    rest = _PART.sub("", match[3])
    choices = tuple(shlex.split(parts["M"][1:-1])) if "M" in parts else ()
    words = {key: _unquoted(parts.get(key, "")) for key in "ltT"}
    flags = frozenset(re.findall(r"[+-][A-Z]+", rest))
    if re.sub(r"[+-][A-Z]+", "", rest).strip():
        raise ValueError(f"{match[2]}: {rest.strip()!r} means nothing")
    return UserKnob(int(match[1]), match[2], words["l"], words["t"], words["T"], choices, flags)


def _knob(line: str) -> tuple[str, str]:
    name, _, value = line.partition(" ")
    return name, _unquoted(value)


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):
            raise ValueError(f"no end of {value}")
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value


def _inside(text: str) -> dict[str, InnerNode]:
    """The nodes, by Nuke's stack: a node takes its inputs from the top, and is then the top itself."""
    nodes: dict[str, InnerNode] = {}
    stack: list[str] = []
    named: dict[str, str] = {}
    place = 0
    while place < len(text):
        block = _BLOCK.match(text, place)
        line, _, _ = text[place:].partition("\n")
        if block is not None:
            knobs = dict(_knob(one.strip()) for one in block[2].splitlines())
            count = int(knobs.pop("inputs", "1"))
            inputs = [stack.pop() for _ in range(count)]
            name = knobs.pop("name")
            nodes[name] = InnerNode(block[1], knobs, inputs)
            stack.append(name)
            place = block.end()
            continue
        words = line.split()
        if words[:1] == ["set"]:
            named[words[1]] = stack[-1]
        elif words[:1] == ["push"]:
            stack.append(named[words[1][1:]])
        elif words not in ([], ["end_group"]):
            raise ValueError(f"means nothing: {line}")
        place += len(line) + 1
    return nodes
