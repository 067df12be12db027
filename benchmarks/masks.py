"""What masks cost a frame, and what ignoring alpha 0 does to the depth of a CG element.

    python benchmarks/masks.py [--plates PATTERN]

Times what a reading thread does for one frame of 2048x1556: bars, black edges, alpha, each alone, against the same
frame without. With `--plates`, of CG that has alpha and planar distance in Z: the correlation of 1/Z inside the
element with its own, alpha 0 ignored and seen. Takes a minute. Prints and writes JSON
(`benchmarks/results/masks.json` unless `--json` says another file).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from flashdepth_vfx import Empty, RenderJob, RenderSettings, Shot, render
from flashdepth_vfx.ignored import Ignored
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.masks import Borders, MaskedPlates
from flashdepth_vfx.plate import Plate, PlateHeader, Window
from flashdepth_vfx.preprocess import Canvas, to_network

REPOSITORY = Path(__file__).resolve().parents[1]
FORMAT = "flashdepth-benchmark/1"
WINDOW, CANVAS = Window(0, 0, 2048, 1556), Canvas(Window(0, 0, 2048, 1556), 1.0, 256, 320)
ROUNDS = 7


class Memory:
    """A reader of one plate that is there already."""

    sequential = False
    frames = (1,)

    def __init__(self, plate: Plate) -> None:
        self._plate = plate
        self.name, self.sequence = "memory", None

    def read(self, frame: int) -> Plate:
        """The plate."""
        return self._plate


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--plates", help="CG with alpha and a channel Z")
    result = REPOSITORY / "benchmarks" / "results" / "masks.json"
    parser.add_argument("--json", type=Path, default=result, help="where the result is written")
    options = parser.parse_args()
    torch.set_num_threads(1)
    spent = {name: milliseconds(read) for name, read in ways().items()}
    for name, ms in spent.items():
        say(f"{name:>12} {ms:>7.1f} ms")
    alike = {} if options.plates is None else correlations(options.plates)
    for name, value in alike.items():
        say(f"alpha 0 {name:>8}: correlation with the element's own 1/Z {value:.3f}")
    found: dict[str, Any] = {
        "format": FORMAT,
        "benchmark": "masks",
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "size": f"{WINDOW.width}x{WINDOW.height}",
        "ms_a_frame": spent,
        "correlation": alike,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def ways() -> dict[str, Callable[[], Plate]]:
    """One frame with each kind of mask."""
    rgb = np.random.default_rng(0).uniform(0.05, 0.9, (*WINDOW.shape, 3)).astype(np.float32)
    header = PlateHeader(
        Path("plate.exr"), 1, "exr", WINDOW, WINDOW, 1.0, ("R", "G", "B"), (), None, None, {}
    )
    rows, columns = np.mgrid[: WINDOW.height, : WINDOW.width]
    corner = (columns / 1024 - 1) ** 2 + (rows / 778 - 1) ** 2 > 1.9
    plain = Plate(header, rgb)
    edges = replace(plain, rgb=np.where(corner[..., None], np.float32(0), rgb))
    alpha = replace(edges, alpha=(~corner).astype(np.float32), premultiplied=True)
    bars = Borders(picture=Window(0, 200, 2048, 1156))

    def reader(plate: Plate, borders: Borders | None) -> Callable[[], Plate]:
        return lambda: MaskedPlates(Memory(plate), None, borders).read(1)  # type: ignore[arg-type]

    return {
        "no mask": reader(plain, Borders()),
        "bars": reader(plain, bars),
        "black edges": reader(edges, Borders(black_edges=True)),
        "alpha": reader(alpha, Borders()),
    }


def milliseconds(read: Callable[[], Plate]) -> float:
    """The least of some rounds: finding the mask, the network's view of the plate, and the map."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        plate = read()
        to_network(plate.rgb, WINDOW, CANVAS, plate.ignored)
        if plate.ignored is not None:
            Ignored.of(plate.ignored, WINDOW, CANVAS).attributes()
        best = min(best, time.perf_counter() - began)
    return 1000 * best


def correlations(pattern: str) -> dict[str, float]:
    """The mean over the frames, alpha 0 ignored and seen."""
    plates, distance = open_plates(pattern), open_plates(pattern, channels=("Z",))
    found = {}
    for empty in Empty:
        with tempfile.TemporaryDirectory() as folder:
            output = f"{folder}/depth.####.exr"
            settings = RenderSettings(device="cpu", empty=empty)
            render(RenderJob(shot=Shot(input=pattern), output=output, settings=settings))
            depth = open_plates(output, channels=("depth.Z",))
            each = []
            for frame in plates.frames:
                alpha, far = plates.read(frame).alpha, distance.read(frame).rgb[..., 0]
                inside = np.isfinite(far) & (far > 0) & (far < 1e5)
                inside &= True if alpha is None else alpha > 0.99
                ours = depth.read(frame).rgb[..., 0][inside]
                each.append(np.corrcoef(ours, 1 / far[inside])[0, 1])
        found[str(empty)] = float(np.mean(each))
    return found


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
