"""A host's first render and its second: seconds from the button to the first depth file that is whole.

    python benchmarks/host_start.py

The real worker behind the client that Nuke and Houdini use, `nano` on small plates that are made; the goal is half a
second for the second render. Prints a table and writes JSON (`benchmarks/results/host_start.json` unless `--json`
says another file).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from flashdepth_vfx import bench
from flashdepth_vfx.host import fields
from flashdepth_vfx.host.session import Session
from flashdepth_vfx.host.shot import Plates, request_of

RESULT = Path(__file__).parent / "results" / "host_start.json"
FRAMES, WIDTH, HEIGHT = 3, 640, 272
GOAL_SECONDS = 0.5


def main() -> int:
    """Measure, print, write. 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    asked = parser.parse_args()
    command = [sys.executable, "-m", "flashdepth_batch"]
    session = Session(lambda: (command, dict(os.environ)))
    rows = []
    print("| render | started | first frame |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        plates = made_plates(Path(folder))
        for name in ("first", "second", "third"):
            started, first = measured(session, plates, f"{folder}/{name}/depth.####.exr")
            rows.append(
                {
                    "render": name,
                    "started_seconds": round(started, 3),
                    "first_frame_seconds": round(first, 3),
                }
            )
            print(f"| {name} | {started:.2f} s | {first:.2f} s |", flush=True)
    session.close()
    settings = {"weights": "nano", "width": WIDTH, "height": HEIGHT, "frames": FRAMES}
    bench.write_record(asked.json, "host_start", bench.this_machine(), settings, rows)
    return int(any(row["started_seconds"] > GOAL_SECONDS for row in rows[1:]))


def measured(session: Session, plates: Plates, output: str) -> tuple[float, float]:
    """Seconds until all is decided and the network runs, and until the first frame is on disk."""
    times: dict[str, float] = {}
    since = time.perf_counter()

    def tell(message: dict[str, Any]) -> None:
        times.setdefault(message["type"], time.perf_counter() - since)

    values = {**fields.defaults(), "file": output, "device": "auto"}
    session.ask(request_of(values, plates, (plates.first, plates.last)), tell)
    return times["started"], times["progress"]


def made_plates(folder: Path) -> Plates:
    """Noise, as half-float EXRs."""
    for frame in range(1, FRAMES + 1):
        rgb = np.random.default_rng(frame).random((HEIGHT, WIDTH, 3)).astype(np.float16)
        header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIPS_COMPRESSION}
        OpenEXR.File(header, {"RGB": rgb}).write(str(folder / f"plate.{frame:04d}.exr"))
    return Plates(f"{folder}/plate.####.exr", 1, FRAMES)


if __name__ == "__main__":
    sys.exit(main())
