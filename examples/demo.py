"""`make demo`: a real movie, and an ACEScg plate sequence with overscan made from it, to depth EXRs.

    python examples/demo.py MOVIE FOLDER

Leaves `FOLDER/movie/` and `FOLDER/plates_depth/` (depth EXRs), `FOLDER/plates/` (the plates) and
`FOLDER/contact_sheet.png`, which shows both.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
import OpenEXR
import PyOpenColorIO
from numpy.typing import NDArray

from flashdepth_vfx.color.config import BUILT_IN as CONFIG
from flashdepth_vfx.sheet import draw_contact_sheet

Pixels: TypeAlias = NDArray[np.float32]

FIRST_FRAME = 1001
#: One frame of each of the movie's six takes.
SHOWN_OF_MOVIE = (1016, 1060, 1110, 1165, 1215, 1248)
#: A part of the movie without a cut: a fence before a street, from a moving camera.
PART = range(1140, 1164)
SHOWN_OF_PART = (1140, 1148, 1155, 1163)
OVERSCAN_PX = 24
MOVIE_SPACE, PLATE_SPACE = "sRGB Encoded Rec.709 (sRGB)", "ACEScg"
#: ACES AP1 primaries and its white, x and y of each.
AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
CELL_WIDTH_PX = 320


@dataclass(frozen=True)
class Cell:
    """One picture of the sheet: `rgb` `(H, W, 3)` in 0..1 as shown, and what is written above it."""

    rgb: Pixels
    label: str


def main() -> None:
    """Render both, and draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, usage="demo.py MOVIE FOLDER")
    parser.add_argument("movie", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    began = time.perf_counter()
    movie, folder = asked.movie, asked.folder
    frames = dict(enumerate(decoded(movie), FIRST_FRAME))
    flashdepth("info", movie, "--start-frame", FIRST_FRAME)
    out = folder / "movie" / "bikes_depth.####.exr"
    flashdepth("render", movie, "-o", out, "--start-frame", FIRST_FRAME, "--overwrite")

    plates = folder / "plates" / "bikes.####.exr"
    for frame in PART:
        write_plate(file_of(plates, frame), frames[frame], frame)
    flashdepth("info", plates)
    plates_out = folder / "plates_depth" / "bikes_depth.####.exr"
    flashdepth("render", plates, "-o", plates_out, "--overwrite")

    rows = [
        [Cell(frames[f], f"{movie.name}  frame {f}") for f in SHOWN_OF_MOVIE],
        depth_row(out, SHOWN_OF_MOVIE),
        [plate_cell(plates, f) for f in SHOWN_OF_PART],
        depth_row(plates_out, SHOWN_OF_PART),
    ]
    sheet = folder / "contact_sheet.png"
    labelled = [[(cell.label, cell.rgb) for cell in row] for row in rows]
    draw_contact_sheet(labelled, sheet, CELL_WIDTH_PX)
    print(f"demo: {sheet} after {time.perf_counter() - began:.0f} s")


def flashdepth(*arguments: object) -> None:
    """The command, as anyone would type it."""
    words = [str(argument) for argument in arguments]
    print("$ flashdepth", *words, flush=True)
    subprocess.run([sys.executable, "-m", "flashdepth_batch", *words], check=True)


def decoded(movie: Path) -> Iterable[Pixels]:
    """Every frame of a movie, `(H, W, 3)` in 0..1."""
    with av.open(str(movie)) as container:
        for picture in container.decode(video=0):
            yield picture.to_ndarray(format="rgb24").astype(np.float32) / np.float32(255)


def file_of(pattern: Path, frame: int) -> Path:
    """The file of one frame."""
    return pattern.with_name(pattern.name.replace("####", f"{frame:04d}"))


def converted(rgb: Pixels, source: str, target: str) -> Pixels:
    """`rgb` in another colour space of the config."""
    processor = PyOpenColorIO.Config.CreateFromFile(CONFIG).getProcessor(source, target)
    pixels = np.ascontiguousarray(rgb, np.float32)
    processor.getDefaultCPUProcessor().applyRGB(pixels)
    return pixels


def write_plate(path: Path, rgb: Pixels, frame: int) -> None:
    """A plate as a comp hands it on: ACEScg, half float, time code, a data window past the display's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = rgb.shape[:2]
    edge = OVERSCAN_PX
    linear = converted(rgb, MOVIE_SPACE, PLATE_SPACE)
    padded = np.pad(linear, ((edge, edge), (edge, edge), (0, 0)), mode="reflect")
    header = {
        "type": OpenEXR.scanlineimage,
        "compression": OpenEXR.ZIP_COMPRESSION,
        "displayWindow": box(0, 0, width - 1, height - 1),
        "dataWindow": box(-edge, -edge, width + edge - 1, height + edge - 1),
        "chromaticities": AP1,
        "timeCode": time_code(frame - FIRST_FRAME),
    }
    OpenEXR.File(header, {"RGB": padded.astype(np.float16)}).write(str(path))


def time_code(count: int) -> OpenEXR.TimeCode:
    """One hour and so many frames, at 25 a second."""
    code = OpenEXR.TimeCode()
    code.hours, code.seconds, code.frame = 1, count // 25, count % 25
    return code


def box(
    left: int, top: int, right: int, bottom: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """A window as the `OpenEXR` module takes it, both corners included."""
    return np.array((left, top), np.int32), np.array((right, bottom), np.int32)


def plate_cell(plates: Path, frame: int) -> Cell:
    """A plate with its overscan, as a display shows it, and a frame around what is delivered."""
    with OpenEXR.File(str(file_of(plates, frame))) as file:
        header, pixels = dict(file.header()), file.channels()["RGB"].pixels.astype(np.float32)
    shown = np.clip(converted(pixels, PLATE_SPACE, MOVIE_SPACE), 0, 1)
    code = header["timeCode"]
    clock = f"{code.hours:02d}:{code.minutes:02d}:{code.seconds:02d}:{code.frame:02d}"
    return Cell(with_display_window(shown, header), f"ACEScg EXR, overscan  {frame}  {clock}")


def with_display_window(rgb: Pixels, header: dict[str, Any]) -> Pixels:
    """A line around the display window, where the data window reaches past it."""
    (left, top), (right, bottom) = header["displayWindow"]
    (x, y), _ = header["dataWindow"]
    shown = rgb.copy()
    rows, columns = slice(top - y, bottom - y + 1), slice(left - x, right - x + 1)
    if rgb[rows, columns].shape != rgb.shape:
        for line in (top - y, bottom - y):
            shown[line, columns] = (1.0, 0.8, 0.0)
        for line in (left - x, right - x):
            shown[rows, line] = (1.0, 0.8, 0.0)
    return shown


def depth_row(pattern: Path, frames: Iterable[int]) -> list[Cell]:
    """The depth of these frames: one grey scale for all, near is white."""
    depths: dict[int, Pixels] = {}
    headers: dict[int, dict[str, Any]] = {}
    for frame in frames:
        with OpenEXR.File(str(file_of(pattern, frame))) as file:
            headers[frame] = dict(file.header())
            depths[frame] = file.channels()["depth.Z"].pixels.copy()
    values = np.concatenate([depth.ravel() for depth in depths.values()])
    low, high = np.percentile(values, (1, 99))
    scale = f"1/Z {low:.2f} black to {high:.2f} white"
    cells = []
    for frame, depth in depths.items():
        grey = np.clip((depth - low) / max(high - low, 1e-6), 0, 1)
        rgb = np.repeat(grey[..., None], 3, axis=-1).astype(np.float32)
        cells.append(Cell(with_display_window(rgb, headers[frame]), f"{frame}  {scale}"))
    return cells


if __name__ == "__main__":
    main()
