"""How far `--mode preroll` is from the unbroken render, by the frames that each chunk sees before its own.

    python benchmarks/preroll.py --movie bikes.mp4

Renders a movie with its cuts found, and made scenes, whole and in chunks, by the tasks of a plan; and compares what
was written as `flashdepth diff` does. Chunks at the head of a take are exact, and left out. Takes some minutes on two
cores. Prints a table and writes JSON (`benchmarks/results/preroll.json` unless `--json` says another file).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import OpenImageIO
import torch

from flashdepth_vfx import FarmPlan, RenderJob, RenderSettings, Shot, decide_shot, plan, render
from flashdepth_vfx.farm import run_task
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.review import FrameDifference, compare_passes, find_passes
from flashdepth_vfx.training.made import made_clips

REPOSITORY = Path(__file__).resolve().parents[1]
FORMAT = "flashdepth-benchmark/1"
PREROLLS = (0, 4, 8, 16, 32)
CHUNK = 20
#: Of made scenes: their number, frames and size.
SCENES, SCENE_FRAMES, HEIGHT, WIDTH = 4, 80, 224, 384


@dataclass(frozen=True)
class Row:
    """Over all frames of chunks that are not the first of their take: the mean over frames of the mean difference of
    a pixel, and of its 99th percentile; the mean difference of the chunks' first frames, and of their last.
    """

    source: str
    preroll_frames: int
    chunks: int
    mean_percent: float
    high_percent: float
    first_percent: float
    last_percent: float


def main() -> int:
    """Measure, print, and write the JSON."""
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    networks = Networks()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for source, jobs in sources(options, Path(folder)):
            for preroll in PREROLLS:
                rows.append(measured(source, jobs, preroll, networks))
                say("  ".join(map(str, asdict(rows[-1]).values())))
    print(table(rows))
    write_result(options, rows)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--movie", type=Path, help="a movie; without it there are made scenes alone"
    )
    parser.add_argument("--weights", default="nano")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2, help="of the network on a CPU")
    result = REPOSITORY / "benchmarks" / "results" / "preroll.json"
    parser.add_argument("--json", type=Path, default=result, help="where the result is written")
    return parser.parse_args()


def sources(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[RenderJob]]]:
    """The shots of each kind."""
    settings = RenderSettings(weights=options.weights, device=options.device)
    if options.movie is not None:
        shot = Shot(input=str(options.movie))
        output = str(folder / "movie" / "d.####.exr")
        yield options.movie.name, [RenderJob(shot=shot, output=output, settings=settings)]
    jobs = []
    for clip in made_clips(0, SCENES, SCENE_FRAMES, HEIGHT, WIDTH, flicker=0.0):
        place = folder / clip.name
        place.mkdir()
        for number, rgb in enumerate(clip.rgb, 1):
            pixels = np.ascontiguousarray(rgb.permute(1, 2, 0).numpy())
            OpenImageIO.ImageBuf(pixels).write(str(place / f"plate.{number:04d}.png"), "uint8")
        shot, output = Shot(input=str(place / "plate.####.png")), str(place / "d" / "d.####.exr")
        jobs.append(RenderJob(shot=shot, output=output, settings=settings))
    yield "made scenes", jobs


def measured(source: str, jobs: list[RenderJob], preroll: int, networks: Networks) -> Row:
    frames: list[FrameDifference] = []
    firsts: list[float] = []
    lasts: list[float] = []
    for job in jobs:
        whole = at(job, "whole")
        if not Path(whole.output).parent.is_dir():
            render(whole, networks=networks)
        parts = at(job, f"preroll{preroll}")
        decide_shot(parts, networks=networks)
        made = plan(parts, mode="preroll", chunk_frames=CHUNK, preroll_frames=preroll, report=False)
        for task in made.tasks:
            run_task(made, task, networks=networks)
        (one,), (two,) = find_passes(parts.output), find_passes(whole.output)
        told = {frame.frame: frame for frame in compare_passes(one, two).frames}
        for first, last in later_chunks(made, {r.frame for r in two.records if r.reset}):
            frames += [told[frame] for frame in range(first, last + 1)]
            firsts.append(told[first].mean_percent)
            lasts.append(told[last].mean_percent)
    return Row(
        source,
        preroll,
        len(firsts),
        *(
            round(float(np.mean(values)), 4)
            for values in (
                [frame.mean_percent for frame in frames],
                [frame.high_percent for frame in frames],
                firsts,
                lasts,
            )
        ),
    )


def later_chunks(made: FarmPlan, resets: set[int]) -> Iterator[tuple[int, int]]:
    """The first and the last frame of each chunk that does not begin where a take does."""
    for task in made.tasks:
        first, _, last = (task.frames or "").partition("-")
        if last and int(first) not in resets:
            yield int(first), int(last)


def at(job: RenderJob, name: str) -> RenderJob:
    """The same job, written elsewhere."""
    output = Path(job.output)
    return replace(job, output=str(output.parent / name / output.name))


def table(rows: list[Row]) -> str:
    """As docs/farm.md has it."""
    lines = [
        f"| of {CHUNK} frames | pre-roll | chunks | mean | 99 % of pixels below | first frame | last frame |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        numbers = (row.mean_percent, row.high_percent, row.first_percent, row.last_percent)
        cells = " | ".join(f"{number:.3g} %" for number in numbers)
        lines.append(f"| {row.source} | {row.preroll_frames} | {row.chunks} | {cells} |")
    return "\n".join(lines)


def write_result(options: argparse.Namespace, rows: list[Row]) -> None:
    settings: Mapping[str, object] = {
        "weights": options.weights,
        "device": options.device,
        "threads": options.threads,
        "chunk_frames": CHUNK,
        "scenes": SCENES,
        "scene_frames": SCENE_FRAMES,
    }
    result = {
        "format": FORMAT,
        "benchmark": "preroll",
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": platform.system(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "settings": settings,
        "rows": [asdict(row) for row in rows],
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
