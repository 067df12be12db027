"""From a camera's picture to its depth: latency and rate of pictures that are pushed, the newest one each time.

    python benchmarks/live_latency.py                      # nano, here
    python benchmarks/live_latency.py --weights random:full --size 2044x1148 --device cuda

A camera of 24 pictures a second is kept by the clock: a picture is captured at its time, whoever looks. The newest is
pushed, as `flashdepth stream` does, and its depth, an array in host memory at the picture's size, is waited for.
Decoding and files are not in it. Prints a table and writes JSON (`benchmarks/results/live_latency.json` unless
`--json` says another file).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from flashdepth_vfx import RenderSettings, bench
from flashdepth_vfx.bench.subject import RANDOM, random_weights
from flashdepth_vfx.live.pushing import DepthStream

RESULT = Path(__file__).parent / "results" / "live_latency.json"
CAMERA_FPS, SECONDS, WARM_UP_SECONDS = 24.0, 20.0, 3.0


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--weights", action="append", help="a name, a file or random:PRESET; may be repeated"
    )
    parser.add_argument("--size", action="append", help="WxH of the pictures; may be repeated")
    parser.add_argument(
        "--resolution", default="native", help="long side of what the network sees, native or own"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    asked = parser.parse_args()
    resolution = None if asked.resolution == "own" else asked.resolution
    resolution = int(resolution) if resolution and resolution.isdecimal() else resolution
    settings = RenderSettings(device=asked.device, resolution=resolution)
    rows = []
    print(
        "| weights | pictures | of 24 a second | median | 95 % | worst |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for weights in asked.weights or ("nano",):
            for size in map(bench.parse_size, asked.size or ("640x360",)):
                row = measured(weights, size, settings, Path(folder), asked.seconds)
                rows.append(row)
                times = " | ".join(
                    f"{row[name]:.0f} ms" for name in ("median_ms", "p95_ms", "worst_ms")
                )
                print(
                    f"| {weights} | {size} | {row['frames_per_second']:.1f} | {times} |", flush=True
                )
    facts = {"camera_fps": CAMERA_FPS, "seconds": asked.seconds, "resolution": asked.resolution}
    bench.write_record(asked.json, "live_latency", bench.this_machine(), facts, rows)
    return 0


def measured(
    weights: str, size: bench.Size, settings: RenderSettings, folder: Path, seconds: float
) -> dict[str, object]:
    """Latencies of a camera's pictures, after a few seconds of warming up."""
    file = (
        str(random_weights(weights.removeprefix(RANDOM), folder))
        if weights.startswith(RANDOM)
        else weights
    )
    pushed = DepthStream(replace(settings, weights=file))
    noise = np.random.default_rng(0)
    pictures = [
        noise.integers(0, 256, (size.height_px, size.width_px, 3), np.uint8) for _ in range(4)
    ]
    pushed.push(pictures[0])
    latencies, last, began = [], -1, time.perf_counter()
    while (now := time.perf_counter() - began) < WARM_UP_SECONDS + seconds:
        newest = int(now * CAMERA_FPS)
        if newest == last:
            time.sleep(max(0.0, (newest + 1) / CAMERA_FPS - now))
            continue
        last = newest
        pushed.push(pictures[newest % len(pictures)])
        if now >= WARM_UP_SECONDS:
            latencies.append(time.perf_counter() - began - newest / CAMERA_FPS)
    latencies.sort()
    return {
        "weights": weights,
        "size": str(size),
        "device": pushed.device,
        "frames": len(latencies),
        "frames_per_second": round(len(latencies) / seconds, 2),
        "median_ms": round(1000 * statistics.median(latencies), 1),
        "p95_ms": round(1000 * latencies[int(0.95 * (len(latencies) - 1))], 1),
        "worst_ms": round(1000 * latencies[-1], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
