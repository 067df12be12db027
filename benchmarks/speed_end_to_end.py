"""Plates on disk in, depth on disk out, on one core and on more: beside the network's own rate and the codecs'.

    python benchmarks/speed_end_to_end.py [--device cuda] [--weights MODEL] [--size 1920x1080] [--cores 1 2 4]

Prints a table and writes `benchmarks/results/speed_end_to_end.json`. The network works at the weights' own size
unless `--resolution` says another. On a CPU: HD plates through nano, a minute for each count of cores.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from flashdepth_vfx import RenderSettings, bench

RESULT = Path(__file__).parent / "results" / "speed_end_to_end.json"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", default=None, metavar="MODEL")
    parser.add_argument("--size", default=None, metavar="WxH", help="1920x1080 on a CPU")
    parser.add_argument("--resolution", type=int, default=None, help="long side for the network")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--cores", type=int, nargs="+", help="counts (default 1, 2, 4, ... all)")
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    asked = parser.parse_args()
    machine = bench.this_machine()
    on_gpu = asked.device != "cpu" and torch.cuda.is_available()
    size = str(bench.default_size(on_gpu)) if on_gpu else "1920x1080"
    rows = bench.end_to_end(
        asked.weights or bench.default_weights(on_gpu),
        bench.parse_size(asked.size or size),
        RenderSettings(device=asked.device, resolution=asked.resolution),
        asked.frames,
        asked.cores,
        print,
    )
    print(bench.cores_text(rows))
    settings = {"frames": asked.frames, "resolution": asked.resolution}
    plain = [bench.row_to_plain(row) for row in rows]
    bench.write_record(asked.json, "speed_end_to_end", machine, settings, plain)


if __name__ == "__main__":
    main()
