"""What the self-test looks at, one thing after another. Each is a line of the report, and none hides another."""

from __future__ import annotations

import struct
import sys
import traceback
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import hou
from flashdepth_host.doctor import examine
from flashdepth_host.finding import clean_environment, find_command
from flashdepth_host.paths import frames_there
from flashdepth_host.session import Session

from .example import Network, build
from .loading import PLUGIN
from .nodes import OUTPUTS

__all__ = ["Check", "all_checks"]

_FRAMES = (1001, 1002, 1003)
_SIZE = 64
_NEAR, _FAR = 1.0, 10.0


@dataclass(frozen=True)
class Check:
    """What was looked at, and what was found. `text` has the traceback of what went wrong."""

    what: str
    text: str
    is_well: bool

    def __str__(self) -> str:
        return f"{'ok   ' if self.is_well else 'WRONG'} {self.what}: {self.text}"


def all_checks(folder: Path, plates: str = "") -> Iterator[Check]:
    """In `folder`, with `plates` or with pictures that are made."""
    yield _tried("versions", _versions)
    yield _tried("package", _package)
    yield _tried("renderer", _renderer)
    made: list[Network] = []
    pattern = plates or _made_plates(folder)
    yield _tried("nodes", lambda: _nodes(made, pattern))
    if not made:
        return
    (network,) = made
    yield _tried("TOP cooks", lambda: _top(network))
    for name in OUTPUTS[:4]:
        yield _tried(f"COP {name}", lambda name=name: _layer(network, name))  # type: ignore[misc]
    yield _tried("SOP", lambda: _sop(network))


def _tried(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, look(), is_well=True)
    except Exception:  # noqa: BLE001 - whatever it is goes into the report
        return Check(what, traceback.format_exc().rstrip(), is_well=False)


def _versions() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return f"Houdini {hou.applicationVersionString()}, Python {python}, {sys.platform}"


def _package() -> str:
    said = hou.getenv("FLASHDEPTH_HOUDINI")
    if not said or Path(said).resolve() != PLUGIN.resolve():
        raise AssertionError(f"$FLASHDEPTH_HOUDINI is {said}, and the plugin is in {PLUGIN}")
    return str(PLUGIN)


def _renderer() -> str:
    session = Session(lambda: (find_command(PLUGIN), clean_environment()))
    try:
        findings = examine(PLUGIN, session)
    finally:
        session.close()
    text = "; ".join(map(str, findings))
    if not all(finding.is_well for finding in findings):
        raise AssertionError(text)
    return text


def _nodes(made: list[Network], plates: str) -> str:
    network = build(plates, near=_NEAR, far=_FAR)
    made.append(network)
    # A small device is enough, and is everywhere.
    network.top.setParms({"device": "cpu"})
    hou.setFrame(_FRAMES[0])
    return ", ".join(node.path() for node in (network.top, network.cop, network.sop))


def _top(network: Network) -> str:
    network.top.cookWorkItems(block=True)
    depth = network.top.parm("file").unexpandedString()
    frames = frames_there(depth)
    if not frames:
        raise AssertionError(f"{depth}: no frame came; {'; '.join(network.top.errors())}")
    return f"{len(frames)} frames of {depth}"


def _layer(network: Network, name: str) -> str:
    layer = network.cop.layer(OUTPUTS.index(name))
    if layer is None:
        raise AssertionError(f"no layer; {'; '.join(network.cop.errors())}")
    width, height = layer.bufferResolution()
    data, display = layer.dataWindow(), layer.displayWindow()
    return (
        f"{width} x {height}, data {tuple(data.min())} {tuple(data.size())},"
        f" display {tuple(display.min())} {tuple(display.size())}"
    )


def _sop(network: Network) -> str:
    count = network.sop.geometry().intrinsicValue("pointcount")
    if not count:
        raise AssertionError("no points")
    return f"{count} points"


def _made_plates(folder: Path) -> str:
    """Small pictures, by the standard library alone: a bright square that moves over a ramp."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(_FRAMES):
        rows = b"".join(
            b"\0" + bytes(_value(x - 8 * index, y, c) for x in range(_SIZE) for c in range(3))
            for y in range(_SIZE)
        )
        header = struct.pack(">2I5B", _SIZE, _SIZE, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
        data = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )
        (folder / f"plate.{frame}.png").write_bytes(data)
    return f"{folder.as_posix()}/plate.$F4.png"


def _value(x: int, y: int, channel: int) -> int:
    inside = 16 <= x < 32 and 20 <= y < 40
    return (230, 128, 25)[channel] if inside else (2 * y, 3 * (x % _SIZE), 128)[channel] % 256
