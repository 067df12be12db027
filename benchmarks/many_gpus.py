"""Several shots on one GPU of a machine, and on more: how much faster `flashdepth run` gets.

    python benchmarks/many_gpus.py [--weights MODEL] [--size 1920x1080] [--shots 8] [--frames 96]

The same shots by one worker, by two, and on to all GPUs that are there, each count with workers that start, load the
weights and end: what a job costs. One shot goes before, uncounted, after which kernels are compiled. Prints a table
and writes JSON (`benchmarks/results/many_gpus.json` unless `--json` says another file).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from flashdepth_vfx import RenderSettings, bench, plan
from flashdepth_vfx.bench.subject import bench_job
from flashdepth_vfx.farm import devices_here, run_local

RESULT = Path(__file__).parent / "results" / "many_gpus.json"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--weights", default="nano", metavar="MODEL")
    parser.add_argument("--size", default="1920x1080", metavar="WxH")
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    asked = parser.parse_args()
    devices = devices_here()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        size = bench.parse_size(asked.size)
        first = bench_job(
            asked.weights, size, RenderSettings(device="auto"), Path(folder), asked.frames
        )
        names = [f"{number:02d}" for number in range(asked.shots)]
        out = Path(folder) / "out"
        before = replace(first, output=str(out / "d.####.exr"), overwrite=False)
        run_local(plan(before, report=False), devices=devices[:1])
        shutil.rmtree(out)
        for count in range(1, len(devices) + 1):
            jobs = [
                replace(first, output=str(out / name / "d.####.exr"), overwrite=False)
                for name in names
            ]
            made = plan(jobs, report=False)
            result = run_local(made, devices=devices[:count])
            frames = sum(1 for _ in out.rglob("d.*.exr"))
            if result.failed or frames != asked.shots * asked.frames:
                raise SystemExit(f"{frames} frames, failed: {result.failed}")
            shutil.rmtree(out)
            rows.append({
                "gpus": count,
                "seconds": round(result.seconds, 2),
                "frames_per_second": round(frames / result.seconds, 2),
            })  # fmt: skip
            gain = rows[0]["seconds"] / result.seconds
            print(
                f"{count} GPUs: {rows[-1]['frames_per_second']} frames/s, {gain:.2f} times one",
                flush=True,
            )
    settings = {name: getattr(asked, name) for name in ("weights", "size", "shots", "frames")}
    bench.write_record(asked.json, "many_gpus", bench.this_machine(), settings, rows)


if __name__ == "__main__":
    main()
