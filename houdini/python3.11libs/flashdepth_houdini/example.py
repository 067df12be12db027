"""From a plate to coloured points: the whole network, as a person would make it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import hou
from flashdepth_host.paths import beside_plates

__all__ = ["Network", "ask", "build"]


@dataclass(frozen=True)
class Network:
    """The nodes of the example. `top` renders, `cop` reads what it has rendered, `sop` makes points of that."""

    top: Any
    cop: Any
    sop: Any


def ask() -> None:
    """Ask for plates, and build the network for them. For the shelf: it needs a UI."""
    plates = hou.ui.selectFile(title="Plates, as shot.$F4.exr")
    if plates:
        build(plates, near=1.0, far=10.0)


def build(plates: str, *, near: float, far: float) -> Network:
    """`near` and `far` say how far the nearest and the farthest of the shot are, in metres: points need a scale."""
    objects: Any = hou.node("/obj")
    depth = beside_plates(plates).replace("####", "$F4")
    top = objects.createNode("topnet", "flashdepth_shots").createNode("flashdepth", "shot")
    # The depth itself is distance, so its name says where it is and the COP reads it.
    known = {"convention": "z", "near": near, "far": far}
    top.setParms({**known, "plates": plates, "file": depth, "edge_matte": 1})
    cop = objects.createNode("copnet", "flashdepth_pictures").createNode("flashdepth", "depth")
    cop.setParms({**known, "file": depth, "plates": plates})
    sop = objects.createNode("geo", "flashdepth_geo").createNode("flashdepth_points", "points")
    sop.setParms({"coppath": cop.path()})
    return Network(top, cop, sop)
