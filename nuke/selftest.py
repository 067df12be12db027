"""Tries the plugin in a real Nuke, and prints a report to send back: nuke -t selftest.py [FOLDER]

It makes three frames with overscan, renders their depth, and looks at what comes out of the node. It also looks at
every name in `flashdepth_nuke.assumptions`, none of which could be tried where the plugin was written.
"""

from __future__ import annotations

import platform
import struct
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import flashdepth_nuke
from flashdepth_nuke import assumptions as nuke_has

import nuke

#: Of the plates, as EXR has them: x from the left, y from the top, both ends inside.
DATA_WINDOW, DISPLAY_WINDOW = (-16, -8, 207, 127), (0, 0, 191, 119)
FRAMES = (1, 2, 3)


def main(folder: Path) -> int:
    """The report on stdout and in `folder`; 0 where all is well."""
    system = f"{platform.system()} {platform.release()}"
    lines = [f"Nuke {nuke.NUKE_VERSION_STRING}, Python {platform.python_version()}, {system}"]
    wrong = 0
    for what, check in (*_names(), *_render(folder)):
        try:
            said = check()
        except Exception:  # noqa: BLE001 - whatever it is belongs into the report
            wrong += 1
            said = "WRONG\n" + traceback.format_exc()
        lines.append(f"{what}: {said}")
    lines.append(f"{wrong} of {len(lines) - 1} are wrong")
    report = "\n".join(lines)
    (folder / "report.txt").write_text(report + "\n", encoding="utf-8")
    print(report)  # noqa: T201 - it is the report
    return 1 if wrong else 0


def _names() -> Iterator[tuple[str, Callable[[], str]]]:
    """Every knob and value that is taken for granted."""
    read, root = nuke.nodes.Read(), nuke.root()
    for name in (n for n in dir(nuke_has) if n.startswith("READ_")):
        yield f"Read has {getattr(nuke_has, name)}", lambda n=name: _has(read, getattr(nuke_has, n))
    for name in ("ROOT_MANAGEMENT", "ROOT_CONFIG", "ROOT_CONFIG_FILE", "ROOT_FOLDER"):
        yield f"root has {getattr(nuke_has, name)}", lambda n=name: _has(root, getattr(nuke_has, n))
    values = {
        nuke_has.READ_ON_ERROR: tuple(nuke_has.HOLES),
        nuke_has.READ_FRAME_MODE: (
            nuke_has.FRAME_EXPRESSION,
            nuke_has.FRAME_START_AT,
            nuke_has.FRAME_OFFSET,
        ),
    }
    for knob, wanted in values.items():
        yield f"{knob} has {', '.join(wanted)}", lambda k=knob, w=wanted: _values(read, k, w)


def _has(node: nuke.Node, knob: str) -> str:
    return f"ok ({node[knob].value()!r})"


def _values(node: nuke.Node, knob: str, wanted: tuple[str, ...]) -> str:
    there = set(node[knob].values())
    assert set(wanted) <= there, f"it has {sorted(there)}"
    return "ok"


def _render(folder: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """From three plates to what comes out of the node."""
    for frame in FRAMES:
        write_plate(folder / f"plate.{frame:04d}.exr", frame)
    pattern = (folder / "plate.####.exr").as_posix()
    read = nuke.nodes.Read(file=pattern, first=FRAMES[0], last=FRAMES[-1])
    node = nuke.createNode("FlashDepth", inpanel=False)
    node.setInput(0, read)
    yield "the doctor", flashdepth_nuke.doctor
    yield "three frames", lambda: _rendered(node, folder)
    yield "depth.Z", lambda: _depth(node)
    yield "windows", lambda: _windows(node, read)
    yield "offset", lambda: _offset(node, read)


def _rendered(node: nuke.Group, folder: Path) -> str:
    flashdepth_nuke.render(node)
    there = sorted(path.name for path in (folder / "depth").glob("*.exr"))
    assert len(there) == len(FRAMES), there
    return f"ok ({', '.join(there)})"


def _depth(node: nuke.Node) -> str:
    assert "depth.Z" in node.channels(), node.channels()
    nuke.frame(FRAMES[-1])
    row = [nuke.sample(node, "depth.Z", x, 60) for x in range(10, 180, 10)]
    assert all(value > 0.0 for value in row), row
    assert max(row) - min(row) > 0.0, row
    return f"ok ({min(row):.4f} to {max(row):.4f})"


def _windows(node: nuke.Node, read: nuke.Node) -> str:
    """The depth lies where the plate does."""
    ours, plates = node.bbox(), read.bbox()
    for side in ("x", "y", "w", "h"):
        assert getattr(ours, side)() == getattr(plates, side)(), f"{side}: {ours} for {plates}"
    return f"ok ({ours.x():g} {ours.y():g} {ours.w():g} {ours.h():g})"


def _offset(node: nuke.Node, read: nuke.Node) -> str:
    """A Read that is moved in time takes its depth along."""
    nuke.frame(FRAMES[0])
    before = nuke.sample(node, "depth.Z", 90, 60)
    read[nuke_has.READ_FRAME_MODE].setValue(nuke_has.FRAME_OFFSET)
    read[nuke_has.READ_FRAME].setValue("100")
    flashdepth_nuke.reload(node)
    nuke.frame(FRAMES[0] + 100)
    after = nuke.sample(node, "depth.Z", 90, 60)
    assert before == after, f"{before} at {FRAMES[0]}, {after} at {FRAMES[0] + 100}"
    return "ok"


def write_plate(path: Path, frame: int) -> None:
    """A plate of a square before a slope, as an uncompressed EXR of floats: no library is there to write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    x0, y0, x1, y1 = DATA_WINDOW
    columns, rows = range(x0, x1 + 1), range(y0, y1 + 1)
    channels = (
        b"".join(name + b"\0" + struct.pack("<iBxxxii", 2, 0, 1, 1) for name in (b"B", b"G", b"R"))
        + b"\0"
    )
    header = b"".join(
        name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value
        for name, kind, value in (
            (b"channels", b"chlist", channels),
            (b"compression", b"compression", b"\0"),
            (b"dataWindow", b"box2i", struct.pack("<4i", *DATA_WINDOW)),
            (b"displayWindow", b"box2i", struct.pack("<4i", *DISPLAY_WINDOW)),
            (b"lineOrder", b"lineOrder", b"\0"),
            (b"pixelAspectRatio", b"float", struct.pack("<f", 1.0)),
            (b"screenWindowCenter", b"v2f", struct.pack("<2f", 0.0, 0.0)),
            (b"screenWindowWidth", b"float", struct.pack("<f", 1.0)),
        )
    )
    start = struct.pack("<ii", 20000630, 2) + header + b"\0"
    length = 8 + 3 * 4 * len(columns)
    offsets = [len(start) + 8 * len(rows) + n * length for n in range(len(rows))]
    with path.open("wb") as file:
        file.write(start + struct.pack(f"<{len(rows)}Q", *offsets))
        for y in rows:
            file.write(struct.pack("<ii", y, length - 8))
            for part in range(3):
                line = [_pixel(x, y, frame)[part] for x in columns]
                file.write(struct.pack(f"<{len(line)}f", *line))


def _pixel(x: int, y: int, frame: int) -> tuple[float, float, float]:
    """B, G, R."""
    if 40 + 8 * frame <= x < 110 + 8 * frame and 40 <= y < 100:
        return 0.1, 0.45, 0.8
    grey = 0.1 + 0.4 * (y + 8) / 136 + 0.1 * ((x // 16 + y // 16) % 2)
    return grey, grey, grey


if __name__ == "__main__":
    asked = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="flashdepth_"))
    sys.exit(main(asked))
