"""Nodes of the kinds that the plugin meets, with the knobs that these have and no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .knobs import (
    Array_Knob,
    Boolean_Knob,
    Channel_Knob,
    Double_Knob,
    Enumeration_Knob,
    File_Knob,
    Int_Knob,
    Knob,
    PyScript_Knob,
    String_Knob,
    Text_Knob,
)

if TYPE_CHECKING:
    from .module import FakeNuke

_ON_ERROR = ("error", "black", "checkerboard", "nearest frame")
_OUTSIDE = ("hold", "loop", "bounce", "black")


@dataclass(frozen=True)
class FrameRange:
    """First and last, as `node.frameRange()` gives them."""

    begin: int
    end: int

    def first(self) -> int:
        return self.begin

    def last(self) -> int:
        return self.end


@dataclass(frozen=True)
class Info:
    """A box."""

    left: float
    bottom: float
    width: float
    height: float

    def x(self) -> float:
        return self.left

    def y(self) -> float:
        return self.bottom

    def w(self) -> float:
        return self.width

    def h(self) -> float:
        return self.height


class Node:
    """One node. `knobs` is what its kind has."""

    def __init__(self, fake: FakeNuke, kind: str, name: str, parent: Group | None = None) -> None:
        self.fake, self._kind, self._name, self._parent = fake, kind, name, parent
        self._inputs: list[Node | None] = []
        self._place = (0, 0)
        self._knobs: dict[str, Knob] = {}
        for one in _knobs_of(kind, self):
            self.add(one)
        self.deleted = False

    def add(self, knob: Knob) -> None:
        self._knobs[knob.name()] = knob

    def Class(self) -> str:
        return self._kind

    def name(self) -> str:
        self._require()
        return self._name

    def fullName(self) -> str:
        self._require()
        return f"{self._parent.fullName()}.{self._name}" if self._parent else self._name

    def knobs(self) -> dict[str, Knob]:
        return self._knobs

    def __getitem__(self, name: str) -> Any:
        self._require()
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist")
        return self._knobs[name]

    def input(self, index: int) -> Node | None:
        self._require()
        return self._inputs[index] if index < len(self._inputs) else None

    def setInput(self, i: int, node: Node | None) -> bool:
        self.fake.edit(f"{self._name} input")
        self._inputs += [None] * (i + 1 - len(self._inputs))
        self._inputs[i] = node
        return True

    def xpos(self) -> int:
        return self._place[0]

    def ypos(self) -> int:
        return self._place[1]

    def setXYpos(self, x: int, y: int) -> None:
        self.fake.edit(f"{self._name} place")
        self._place = (x, y)

    def frameRange(self) -> FrameRange:
        if self._kind == "Read":
            return FrameRange(self["first"].value(), self["last"].value())
        first = self.input(0)
        return first.frameRange() if first else FrameRange(1, 1)

    def channels(self) -> list[str]:
        from .pictures import picture_of

        return sorted(picture_of(self, self.fake.frame).channels)

    def bbox(self) -> Info:
        """As Nuke has it: y from the bottom."""
        from .pictures import picture_of

        made = picture_of(self, self.fake.frame)
        assert made.window is not None
        x0, y0, x1, y1 = made.window
        return Info(x0, made.height - 1 - y1, x1 - x0 + 1, y1 - y0 + 1)

    def opHashes(self) -> list[int]:
        """Differs with every knob of this node and those above it."""
        above = self.input(0)
        own = hash((self._kind, *(str(knob.getValue()) for knob in self._knobs.values())))
        return [own, *(above.opHashes() if above else ())]

    def _require(self) -> None:
        if self.deleted:
            raise ValueError("A PythonObject is not attached to a node")


class Group(Node):
    """A node with nodes inside."""

    def __init__(self, fake: FakeNuke, kind: str, name: str) -> None:
        super().__init__(fake, kind, name)
        self.inside: dict[str, Node] = {}

    def node(self, s: str) -> Node | None:
        return self.inside.get(s)


class Root(Group):
    """The script. `path` is where it was saved; empty where it was not."""

    def __init__(self, fake: FakeNuke) -> None:
        super().__init__(fake, "Root", "root")
        self.path = ""
        self.has_changes = False
        self.in_proxy = False

    def name(self) -> str:
        return self.path or "Root"

    def modified(self) -> bool:
        return self.has_changes

    def proxy(self) -> bool:
        return self.in_proxy


def _knobs_of(kind: str, node: Node) -> Iterator[Knob]:
    if kind == "Read":
        yield File_Knob(node, "file")
        yield File_Knob(node, "proxy")
        for name, default in (("first", 1), ("last", 1), ("origfirst", 1), ("origlast", 1)):
            yield Int_Knob(node, name, default)
        yield Boolean_Knob(node, "origset")
        yield Enumeration_Knob(node, "before", _OUTSIDE)
        yield Enumeration_Knob(node, "after", _OUTSIDE)
        yield Enumeration_Knob(node, "on_error", _ON_ERROR)
        yield Enumeration_Knob(node, "frame_mode", ("expression", "start at", "offset"))
        yield String_Knob(node, "frame")
        yield String_Knob(node, "colorspace", "default (linear)")
        yield Boolean_Knob(node, "raw")
        yield PyScript_Knob(node, "reload", "")
    elif kind == "Write":
        yield File_Knob(node, "file")
        yield String_Knob(node, "channels", "rgb")
        yield Enumeration_Knob(node, "file_type", ("exr", "dpx", "png"))
        yield String_Knob(node, "compression", "Zip (1 scanline)")
        yield Boolean_Knob(node, "raw")
        yield Boolean_Knob(node, "create_directories")
    elif kind == "Copy":
        yield Channel_Knob(node, "from0", "alpha")
        yield Channel_Knob(node, "to0", "alpha")
    elif kind == "Switch":
        yield Array_Knob(node, "which")
    elif kind == "Grade":
        yield Double_Knob(node, "white", 1.0)
    elif kind == "Root":
        yield Enumeration_Knob(node, "colorManagement", ("Nuke", "OCIO"))
        yield Enumeration_Knob(node, "OCIO_config", ("nuke-default", "custom"))
        yield File_Knob(node, "customOCIOConfigPath")
        yield File_Knob(node, "project_directory")
        return
    elif kind not in ("Dot", "Input", "Output", "Group"):
        raise RuntimeError(f"{kind}: unknown command")
    yield Boolean_Knob(node, "disable")
    yield Text_Knob(node, "label")
