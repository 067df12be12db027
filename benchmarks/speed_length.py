"""What a frame costs, and what is held, early and late in a long shot: neither may grow.

    python benchmarks/speed_length.py [--device cuda] [--frames 100 1000 5000]

Prints a table, writes `benchmarks/results/speed_length.json`, and exits 1 when memory grew by more than `--limit`
from the first mark to the last. A CPU goes to 1000 frames of a small plate, in a minute, unless more are asked for.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import torch

from flashdepth_vfx import RenderSettings, bench

RESULT = Path(__file__).parent / "results" / "speed_length.json"


def main() -> int:
    """Measure, print, write; 1 when memory grew."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", default=None, metavar="MODEL")
    parser.add_argument("--size", default=None, metavar="WxH", help="384x224 on a CPU")
    parser.add_argument("--frames", type=int, nargs="+", metavar="N")
    parser.add_argument("--limit", type=float, default=1.05, help="highest ratio (default 1.05)")
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    asked = parser.parse_args()
    machine = bench.this_machine()
    on_gpu = asked.device != "cpu" and torch.cuda.is_available()
    size = str(bench.default_size(on_gpu)) if on_gpu else "384x224"
    shot = bench.long_shot(
        asked.weights or bench.default_weights(on_gpu),
        bench.parse_size(asked.size or size),
        RenderSettings(resolution="native", device=asked.device),
        sorted(asked.frames or ((100, 1000, 5000) if on_gpu else (100, 1000))),
    )
    print(bench.length_text(shot))
    grown = shot.growth
    print("memory of the last mark over the first:", *(f"{ratio:.3f}" for ratio in grown.values()))
    settings = {"weights": shot.weights, "size": str(shot.size), "network": str(shot.network_size)}
    settings |= {"device": shot.device, "limit": asked.limit, "growth": grown}
    rows = [dataclasses.asdict(mark) for mark in shot.marks]
    bench.write_record(asked.json, "speed_length", machine, settings, rows)
    return int(any(ratio > asked.limit for ratio in grown.values()))


if __name__ == "__main__":
    sys.exit(main())
