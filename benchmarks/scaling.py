"""A thousand shots on farms of 10, 100 and 1,000 GPUs, mode by mode: measured times, a simulated farm.

    python benchmarks/scaling.py

Plans a thousand shots of 100 to 1,000 2K frames, for real, estimates every task by the times of an H100 that come
with the package (`--times FILE` takes others), and deals them out as a scheduler would, once with a process for each
task and once with workers that stay. Takes a minute. Prints a
table and writes JSON (`benchmarks/results/scaling.json` unless `--json` says another file).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from flashdepth_vfx import FarmPlan, RenderJob, RenderSettings, Shot, bench, plan
from flashdepth_vfx.farm import MeasuredTimes, PlanEstimate, Requirements, estimate, simulate

RESULT = Path(__file__).parent / "results" / "scaling.json"
SHOTS, FEWEST, MOST = 1000, 100, 1000
WIDTH, HEIGHT = 2048, 1152
CORES = 8
#: Mode, chunk, pre-roll.
MODES = (
    ("whole", None, None),
    ("chain", 50, None),
    ("chain", 200, None),
    ("preroll", 50, 16),
    ("preroll", 200, 16),
    ("preroll", 200, 32),
)
FARMS = (10, 100, 1000)


def main() -> None:
    """Plan, reckon, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--weights", default="full")
    parser.add_argument("--times", type=Path, help="a file of flashdepth bench -o")
    parser.add_argument("--shots", type=int, default=SHOTS)
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    asked = parser.parse_args()
    times = MeasuredTimes.load(asked.times)
    rows = []
    print("| mode | starts | GPU hours | " + " | ".join(f"{n} GPUs" for n in FARMS) + " |")
    print("|---" * (3 + len(FARMS)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        shots = make_plates(Path(folder), asked.shots)
        for mode, chunk, preroll in MODES:
            made = planned(shots, asked.weights, mode, chunk, preroll)
            found = estimate(made, times)
            name = " ".join(str(part) for part in (mode, chunk, preroll) if part is not None)
            for resident in (False, True):
                one = on_farms(made, found, resident)
                told = {"mode": mode, "chunk_frames": chunk, "preroll_frames": preroll}
                rows += [{**told, **row} for row in one]
                cells = [f"{row['hours']:.2f} h, {row['idle_share']:.0%} idle" for row in one]
                hours = " to ".join(
                    dict.fromkeys(f"{row['gpu_hours']:.1f}" for row in (one[0], one[-1]))
                )
                starts = "a worker" if resident else "a task"
                print(f"| {name} | {starts} | {hours} | {' | '.join(cells)} |", flush=True)
    settings = {
        "shots": asked.shots, "plate": f"{WIDTH}x{HEIGHT}", "weights": asked.weights, "cores": CORES,
        "times_of": times.machine, "times_measured_at": times.measured_at,
    }  # fmt: skip
    bench.write_record(asked.json, "scaling", bench.this_machine(), settings, rows)


def on_farms(made: FarmPlan, found: PlanEstimate, resident: bool) -> list[dict[str, Any]]:
    """A row for each farm. `gpu_hours` are of tasks that run the network; `file_hours` of the others, which take a
    worker too.
    """
    seconds = found.task_seconds
    files = sum(seconds[task.id] for task in made.tasks if not task.runs_network)
    rows = []
    for count in FARMS:
        one = simulate(made, seconds, count, found.start_seconds if resident else None)
        rows.append({
            "resident": resident, "gpus": count, "tasks": len(made.tasks),
            "gpu_hours": round((one.busy_seconds - files) / 3600, 2),
            "file_hours": round(files / 3600, 2), "hours": round(one.seconds / 3600, 3),
            "idle_share": round(one.idle_share, 3),
            "longest_chain_hours": round(one.longest_chain_seconds / 3600, 3),
        })  # fmt: skip
    return rows


def make_plates(folder: Path, shots: int) -> list[str]:
    """Shots of one black plate each, under as many names as they have frames."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    black = np.zeros((HEIGHT, WIDTH, 3), np.float16)
    patterns = []
    for number in range(shots):
        place = folder / f"sh{number:04d}"
        place.mkdir()
        first = place / "plate.1001.exr"
        OpenEXR.File(header, {"RGB": black}).write(str(first))
        for frame in range(1002, 1001 + FEWEST + (MOST - FEWEST) * number // max(shots - 1, 1)):
            os.link(first, place / f"plate.{frame}.exr")
        patterns.append(str(place / "plate.####.exr"))
    return patterns


def planned(
    patterns: list[str], weights: str, mode: str, chunk: int | None, preroll: int | None
) -> FarmPlan:
    settings = RenderSettings(weights=weights, accept_license=(weights,))
    jobs = [
        RenderJob(shot=Shot(input=pattern), output="depth/{shot}/", settings=settings)
        for pattern in patterns
    ]
    needs = Requirements(gpus=1, cpu_cores=CORES)
    return plan(jobs, mode=mode, chunk_frames=chunk, preroll_frames=preroll, requirements=needs)


if __name__ == "__main__":
    main()
