"""Where the time of a frame goes: stage by stage, beside the whole frame and the least that it could take.

    python benchmarks/speed_stages.py [--device cuda] [--weights random:full] [--size 2044x1148]

Prints a table and writes `benchmarks/results/speed_stages.json`. On a CPU it measures nano, for half a minute.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from flashdepth_vfx import RenderSettings, bench

RESULT = Path(__file__).parent / "results" / "speed_stages.json"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", nargs="+", default=[], metavar="MODEL")
    parser.add_argument("--size", nargs="+", default=[], metavar="WxH")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    asked = parser.parse_args()
    job = bench.BenchJob(
        weights=tuple(asked.weights),
        sizes=tuple(bench.parse_size(text) for text in asked.size),
        settings=RenderSettings(resolution="native", device=asked.device),
        frames=asked.frames,
    )
    report = bench.run_bench(job, print)
    print(bench.report_text(report))
    rows = [bench.row_to_plain(row) for row in report.rows]
    bench.write_record(asked.json, "speed_stages", report.machine, {"frames": asked.frames}, rows)


if __name__ == "__main__":
    main()
