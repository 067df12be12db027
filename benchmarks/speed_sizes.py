"""Frames a second of the network at four sizes, from 518 lines to UHD, each at its native size.

    python benchmarks/speed_sizes.py [--device cuda] [--weights random:full random:s] [--all]

Prints a table and writes `benchmarks/results/speed_sizes.json`. A CPU measures the two smaller sizes, in a minute,
unless `--all` asks for the others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from flashdepth_vfx import RenderSettings, bench

RESULT = Path(__file__).parent / "results" / "speed_sizes.json"
#: A short side of 518, HD, 2K as the paper has it, UHD.
SIZES = ("924x518", "1920x1080", "2044x1148", "3840x2160")
ON_A_CPU = 2


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", nargs="+", default=[], metavar="MODEL")
    parser.add_argument("--size", nargs="+", metavar="WxH")
    parser.add_argument("--all", action="store_true", help="all sizes on a CPU too")
    parser.add_argument("--frames", type=int, help="20 on a GPU, 3 on a CPU")
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    asked = parser.parse_args()
    on_gpu = asked.device != "cpu" and torch.cuda.is_available()
    texts = asked.size or SIZES[: None if on_gpu or asked.all else ON_A_CPU]
    frames = asked.frames or (20 if on_gpu else 3)
    job = bench.BenchJob(
        weights=tuple(asked.weights),
        sizes=tuple(bench.parse_size(text) for text in texts),
        settings=RenderSettings(resolution="native", device=asked.device),
        frames=frames,
        stages=False,
    )
    report = bench.run_bench(job, print)
    print(bench.report_text(report))
    rows = [bench.row_to_plain(row) for row in report.rows]
    bench.write_record(asked.json, "speed_sizes", report.machine, {"frames": frames}, rows)


if __name__ == "__main__":
    main()
