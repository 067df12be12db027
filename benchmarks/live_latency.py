"""From a camera's picture to its depth: latency and rate of pictures that are pushed, and of those that are streamed.

    python benchmarks/live_latency.py                      # nano, here
    python benchmarks/live_latency.py --weights random:full --size 2044x1148 --device cuda

A camera of 24 pictures a second is kept by the clock: a picture is captured at its time, whoever looks, and the
newest is taken. Pushed, colour, network and depth of one picture follow each other before the next is taken;
streamed, as `flashdepth stream` does, they overlap. Its depth, an array in host memory at the picture's size, is
waited for. Decoding and files are not in it. Prints a table, and how long each stage takes of a streamed picture, and
writes JSON (`benchmarks/results/live_latency.json` unless `--json` says another file).
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from flashdepth_vfx import RenderSettings, bench
from flashdepth_vfx.bench.subject import RANDOM, random_weights
from flashdepth_vfx.io.movie_frames import MovieFacts, codes_of
from flashdepth_vfx.live.inbox import Grabbed, Inbox
from flashdepth_vfx.live.job import LiveJob
from flashdepth_vfx.live.pushing import DepthStream
from flashdepth_vfx.live.stages import Stages

RESULT = Path(__file__).parent / "results" / "live_latency.json"
CAMERA_FPS, SECONDS, WARM_UP_SECONDS = 24.0, 20.0, 3.0
FACTS = MovieFacts(1.0, None, None, None)


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
    print("| weights | pictures | way | of 24 a second | median | 95 % | worst |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for weights in asked.weights or ("nano",):
            for size in map(bench.parse_size, asked.size or ("640x360",)):
                for row in measured(weights, size, settings, Path(folder), asked.seconds):
                    rows.append(row)
                    print(line_of(row), flush=True)
    facts = {"camera_fps": CAMERA_FPS, "seconds": asked.seconds, "resolution": asked.resolution}
    bench.write_record(asked.json, "live_latency", bench.this_machine(), facts, rows)
    return 0


def line_of(row: dict[str, object]) -> str:
    """A row of the table, and of what is streamed its stages below."""
    times = " | ".join(f"{row[name]:.0f} ms" for name in ("median_ms", "p95_ms", "worst_ms"))
    named = f"| {row['weights']} | {row['size']} | {row['way']} "
    line = f"{named}| {row['frames_per_second']:.1f} | {times} |"
    stages = row.get("stages_ms")
    return line if stages is None else f"{line}\n\nstages in ms: {stages}\n"


def measured(
    weights: str, size: bench.Size, settings: RenderSettings, folder: Path, seconds: float
) -> Iterator[dict[str, object]]:
    """A camera's pictures both ways, each after a few seconds of warming up."""
    drawn = weights.startswith(RANDOM)
    file = str(random_weights(weights.removeprefix(RANDOM), folder)) if drawn else weights
    stream = DepthStream(replace(settings, weights=file))
    noise = np.random.default_rng(0)
    shape = size.height_px, size.width_px, 3
    pictures = [
        av.VideoFrame.from_ndarray(noise.integers(0, 256, shape, np.uint8), format="rgb24")
        for _ in range(4)
    ]
    stream.push(codes_of(pictures[0], 1))
    for way, latencies, stages_ms in (
        ("pushed", pushed(stream, pictures, seconds), None),
        ("streamed", *streamed(stream, pictures, seconds)),
    ):
        latencies.sort()
        row: dict[str, object] = {"weights": weights, "size": str(size), "way": way}
        row |= {"device": stream.device, "frames": len(latencies)}
        row["frames_per_second"] = round(len(latencies) / seconds, 2)
        row["median_ms"] = round(1000 * statistics.median(latencies), 1)
        row["p95_ms"] = round(1000 * latencies[int(0.95 * (len(latencies) - 1))], 1)
        row["worst_ms"] = round(1000 * latencies[-1], 1)
        yield row if stages_ms is None else row | {"stages_ms": stages_ms}


def pushed(stream: DepthStream, pictures: list[av.VideoFrame], seconds: float) -> list[float]:
    """Latencies of a loop that pushes the newest picture."""
    latencies, last, began = [], -1, time.perf_counter()
    while (now := time.perf_counter() - began) < WARM_UP_SECONDS + seconds:
        newest = int(now * CAMERA_FPS)
        if newest == last:
            time.sleep(max(0.0, (newest + 1) / CAMERA_FPS - now))
            continue
        last = newest
        stream.push(codes_of(pictures[newest % len(pictures)], 1))
        if now >= WARM_UP_SECONDS:
            latencies.append(time.perf_counter() - began - newest / CAMERA_FPS)
    return latencies


def streamed(
    stream: DepthStream, pictures: list[av.VideoFrame], seconds: float
) -> tuple[list[float], dict[str, float]]:
    """Latencies of a stream's stages, and how long each takes of a picture."""
    inbox, over = Inbox(every_frame=False), threading.Event()

    def capture() -> None:
        began = time.monotonic()
        for number in range(round((WARM_UP_SECONDS + seconds) * CAMERA_FPS)):
            at = began + number / CAMERA_FPS
            over.wait(max(0.0, at - time.monotonic()))
            inbox.put(Grabbed(pictures[number % len(pictures)], FACTS, 1, at))

    job = LiveJob(source="camera", duration_seconds=WARM_UP_SECONDS + seconds)
    stages = Stages(job, inbox, stream, threading.Event())
    camera = threading.Thread(target=capture, daemon=True)
    latencies, began = [], time.monotonic()
    camera.start()
    with contextlib.closing(stages.run()) as made:
        for item in made:
            with stages.written(item):
                captured = item.taken.grabbed.captured
                if captured - began >= WARM_UP_SECONDS:
                    latencies.append(time.monotonic() - captured)
    over.set()
    camera.join()
    return latencies, {name: round(1000 * taken, 1) for name, taken in stages.stage_seconds.items()}


if __name__ == "__main__":
    sys.exit(main())
