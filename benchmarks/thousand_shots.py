"""A thousand shots of 100 to 1,000 frames, planned and written for an engine: how long it takes, and how much memory.

    python benchmarks/thousand_shots.py

The plates are names alone (empty files), since planning opens none: a pixel that was read would fail. Each row is a
process of its own, from its start to its end. Takes a minute, mostly for making the names. Prints a table and writes
JSON (`benchmarks/results/thousand_shots.json` unless `--json` says another file).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flashdepth_vfx import bench

RESULT = Path(__file__).parent / "results" / "thousand_shots.json"
SHOTS, FEWEST, MOST = 1000, 100, 1000
GOAL_SECONDS, GOAL_BYTES = 10.0, 500e6
#: The command's options, by what a row is called.
ROWS = {
    "plan, whole": ("plan", "--mode", "whole", "--save", "plan.json"),
    "plan, chain": ("plan", "--mode", "chain", "--chunk", "50", "--save", "plan.json"),
    "plan, preroll": ("plan", "--mode", "preroll", "--chunk", "50", "--save", "plan.json"),
    "openjd, whole": ("submit", "--to", "openjd", "--job-dir", "jobs", "--mode", "whole"),
    "openjd, chain": ("submit", "--to", "openjd", "--job-dir", "jobs", "--mode", "chain", "--chunk", "50"),
    "openjd, preroll": ("submit", "--to", "openjd", "--job-dir", "jobs", "--mode", "preroll", "--chunk", "50"),
    "slurm, chain": ("submit", "--to", "slurm", "--job-dir", "job", "--mode", "chain", "--chunk", "50"),
}  # fmt: skip


def main() -> int:
    """Make the names, measure, print, write. 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--shots", type=int, default=SHOTS)
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    asked = parser.parse_args()
    rows = []
    print("| | time | of a core | memory |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        frames = make_names(Path(folder) / "show", asked.shots)
        for name, words in ROWS.items():
            seconds, cpu, peak = measured(words, Path(folder))
            rows.append({
                "what": name, "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "peak_bytes": peak
            })  # fmt: skip
            print(f"| {name} | {seconds:.1f} s | {cpu:.1f} s | {peak / 1e6:.0f} MB |", flush=True)
    settings = {"shots": asked.shots, "frames": frames}
    bench.write_record(asked.json, "thousand_shots", bench.this_machine(), settings, rows)
    return int(any(r["seconds"] > GOAL_SECONDS or r["peak_bytes"] > GOAL_BYTES for r in rows))


def make_names(show: Path, shots: int) -> int:
    """Folders of empty files, as a show has them; gives how many there are."""
    total = 0
    for number in range(shots):
        folder = show / f"sh{number:04d}" / "plate"
        folder.mkdir(parents=True)
        count = FEWEST + (MOST - FEWEST) * number // max(shots - 1, 1)
        for frame in range(1001, 1001 + count):
            os.close(os.open(folder / f"plate.{frame}.exr", os.O_CREAT | os.O_WRONLY))
        total += count
    return total


def measured(words: tuple[str, ...], folder: Path) -> tuple[float, float, int]:
    """Seconds, those of a core, and the most memory, of the command in a process of its own."""
    show = sorted(str(path) for path in (folder / "show").glob("*/plate"))
    line = [sys.executable, "-m", "flashdepth_batch", words[0], *show, *words[1:]]
    began = time.perf_counter()
    child = subprocess.Popen(
        [*line, "-o", "depth/{shot}/{shot}_depth.####.exr"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, _bytes(used)


def _bytes(used: resource.struct_rusage) -> int:
    # Linux counts in KiB, macOS in bytes.
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main())
