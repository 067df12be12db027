"""What comes out of a node at a frame: channels by name, with their data window. Reads and Writes are real files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from .nodes import Group, Node


@dataclass(frozen=True)
class Picture:
    """Channels `(H, W)` float32, and where they lie."""

    channels: dict[str, np.ndarray]
    window: tuple[int, int, int, int] | None
    #: Of the display window: Nuke counts rows from its bottom.
    height: int = 0

    def at(self, channel: str, x: int, y: int) -> float:
        """A pixel in Nuke's numbers."""
        assert self.window is not None
        row = self.height - 1 - y - self.window[1]
        return float(self.channels[channel][row, x - self.window[0]])


def picture_of(node: Node | None, frame: int) -> Picture:
    """What the viewer would show; raises `RuntimeError` in the Read's words where a file is not there."""
    if node is None:
        return Picture({}, None)
    if isinstance(node, Group):
        return picture_of(node.inside["Output"], frame)
    match node.Class():
        case "Read":
            return _read(node, frame)
        case "Grade":
            above = picture_of(node.input(0), frame)
            white = node["white"].value()
            lit = {n: c * white if n in "RGB" else c for n, c in above.channels.items()}
            return Picture(lit, above.window, above.height)
        case "Copy":
            under, over = picture_of(node.input(0), frame), picture_of(node.input(1), frame)
            wanted = node["from0"].value()
            copied = over.channels.get(wanted)
            if copied is None and over.channels:
                raise RuntimeError(f"{node.name()}: no channel {wanted}")
            more = {} if copied is None else {node["to0"].value(): copied}
            return Picture({**under.channels, **more}, over.window or under.window, under.height)
        case "Switch":
            return picture_of(node.input(int(node["which"].at(frame))), frame)
        case _:
            return picture_of(node.input(0), frame)


def write_pictures(write: Node, first: int, last: int, incr: int) -> None:
    """As `nuke.execute` does."""
    pattern = write["file"].getEvaluatedValue()
    if not pattern:
        raise RuntimeError(f"{write.name()}: no file name")
    for frame in range(first, last + 1, incr):
        made = picture_of(write.input(0), frame)
        path = Path(pattern % frame)
        if write["create_directories"].value():
            path.parent.mkdir(parents=True, exist_ok=True)
        header: dict[str, Any] = {
            "type": OpenEXR.scanlineimage,
            "compression": OpenEXR.ZIPS_COMPRESSION,
        }
        channels = {name: made.channels[name].astype(np.float16) for name in "RGB"}
        if made.window is not None:
            x0, y0, x1, y1 = made.window
            header["dataWindow"] = (np.array([x0, y0], np.int32), np.array([x1, y1], np.int32))
        OpenEXR.File(header, channels).write(str(path))


def _read(read: Node, frame: int) -> Picture:
    mode, given = read["frame_mode"].value(), read["frame"].value()
    first, last = read["first"].value(), read["last"].value()
    number = frame
    if given and mode == "offset":
        number = frame - int(given)
    elif given and mode == "start at":
        number = frame - int(given) + first
    black = (read["before"].value() == "black" and number < first) or (
        read["after"].value() == "black" and number > last
    )
    number = min(max(number, first), last)
    pattern = read["file"].getEvaluatedValue()
    # A relative name begins in the project's folder.
    folder = Path(read.fake.root["project_directory"].value())
    path = folder / (pattern % number if "%" in pattern else pattern)
    if black or not path.is_file():
        if black or read["on_error"].value() == "black":
            return Picture({}, None)
        raise RuntimeError(f"{read.name()}: {path}: No such file or directory")
    with OpenEXR.File(str(path), separate_channels=True) as file:
        found = file.parts[0].channels
        channels = {name: np.array(c.pixels, np.float32) for name, c in found.items()}
        low, high = file.header()["dataWindow"]
        top, bottom = (corner[1] for corner in file.header()["displayWindow"])
    return Picture(channels, (*map(int, low), *map(int, high)), int(bottom - top + 1))
