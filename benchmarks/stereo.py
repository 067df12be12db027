"""What finding the same thing in two views is worth: a plate's own distance, and parallax, at the matches.

    python benchmarks/stereo.py 'beachball.####.exr'

For stereo plates of one part that have distance as `Z` and `left.Z`, and as `disparityL.x` how far a thing in the
right eye lies from itself in the left, as ILM's `beachball` of the OpenEXR images has. The ratio of the two distances
should be 1. Takes seconds, prints a table and writes JSON
(`benchmarks/results/stereo.json` unless `--json` says another file).
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from flashdepth_vfx.io import open_plates
from flashdepth_vfx.parallax import match_rows
from flashdepth_vfx.stereo import light_on, matching_canvas, sampled

REPOSITORY = Path(__file__).resolve().parents[1]
FORMAT = "flashdepth-benchmark/1"
FARTHEST = 1e4


@dataclass(frozen=True)
class Row:
    """One frame. `off_px`: the median error of the parallax, in pixels of the small picture."""

    frame: int
    known: int
    matched: int
    ratio: float
    spread: float
    off_px: float
    milliseconds: float


def measure(pattern: str, frame: int) -> Row:
    """Match the two eyes of a frame."""

    def layer(name: str) -> np.ndarray:
        plate = open_plates(pattern, channels=(name,)).read(frame)
        return sampled(plate.rgb[..., 0], plate.header.data_window, canvas)

    right, left = (open_plates(pattern, view=view).read(frame) for view in ("right", "left"))
    canvas = matching_canvas(right.header, left.header)
    distances = layer("Z"), layer("left.Z")
    known = [(distance > 0) & (distance < FARTHEST) for distance in distances]
    pictures = light_on(right, canvas), light_on(left, canvas)
    began = time.perf_counter()
    found = match_rows(*pictures, *known)
    took = time.perf_counter() - began
    here, there = (found.rows, found.columns), (found.rows, found.others)
    logs = np.log(distances[1][there] / distances[0][here])
    true = layer("disparityL.x")[here] * canvas.width / canvas.window.width
    return Row(
        frame,
        int(known[0].sum()),
        len(found.rows),
        float(np.exp(np.median(logs))),
        float(np.median(np.abs(logs - np.median(logs)))),
        float(np.median(np.abs(found.others - found.columns - true))),
        1000 * took,
    )


def main() -> None:
    """Measure every frame."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("plates")
    default = REPOSITORY / "benchmarks/results/stereo.json"
    parser.add_argument("--json", type=Path, default=default)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(asked.plates, f) for f in open_plates(asked.plates).frames]
    print("frame  known  matched  ratio   spread  off (px)  ms")
    for r in rows:
        print(
            f"{r.frame:5} {r.known:6} {r.matched:8}  {r.ratio:.4f}  {r.spread:.4f}  {r.off_px:8.2f}  "
            f"{r.milliseconds:.0f}"
        )
    report = {
        "format": FORMAT,
        "benchmark": "stereo",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.machine()} {platform.system()}, one thread",
        "plates": Path(asked.plates).name,
        "rows": [asdict(row) for row in rows],
    }
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
