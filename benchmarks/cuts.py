"""How many cuts are found, and how many invented: on drawn edits, and on films whose cuts are known.

    python benchmarks/cuts.py --seeds 60 --film bikes.mp4 --cuts 31,77,138,188,243

Every kind of edit is drawn from seeds that no threshold was chosen on; `LIMITS` are kinds that are known to
be got wrong. Prints a table, writes JSON (`benchmarks/results/cuts.json` unless `--json` says another file),
and exits 1 when precision or recall over all kinds outside of `LIMITS` is below `--least`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from edit_kit import (  # noqa: E402 - the drawn edits are those of the tests
    KINDS,
    Edit,
    Score,
    crossing,
    cuts_in,
    flash,
    grain,
    joined,
    pictures_of,
    score,
    take,
    whip,
)

from flashdepth_vfx import Shot, find_cuts  # noqa: E402
from flashdepth_vfx.cuts import begins_a_take, small_picture  # noqa: E402

FORMAT = "flashdepth-benchmark/1"
#: Far from those of the tests.
FIRST_SEED, SEED_STEP = 900_000, 12


def _flash_before_cut(seed: int) -> Edit:
    edit = joined([take(seed, 10), take(seed + 3, 8)])
    return Edit(flash(edit.frames, 8, 2, 4.0, 0.2), edit.cuts)


#: What is beyond the look-ahead, or beyond what a picture of 24 x 40 says.
LIMITS: dict[str, Callable[[int], Edit]] = {
    "flash of 2 within a whip pan": lambda s: Edit(
        flash(take(s, 16, speed=whip(50, 3, 9)), 6, 2, 3.0, 0.2)
    ),
    "flash of 2 just before a cut": _flash_before_cut,
    "crossing, 150 % wide": lambda s: Edit(crossing(take(s, 24), s + 7, 1.5, 30.0)),
    "cut from a pan of 10 % into one of 20 %": lambda s: joined(
        [take(s, 10, speed=lambda _: 12.0), take(s + 3, 10, speed=lambda _: 25.0)]
    ),
    "hard cut, grain of 0.2": lambda s: Edit(
        grain(joined([take(s, 8), take(s + 3, 8)]).frames, s, 0.2), (range(8, 9),)
    ),
}


def main() -> int:
    """Measure, print, write; 1 when it is worse than it must be."""
    options = parse_arguments()
    torch.set_num_threads(1)
    rows = [row(kind, draw, options.seeds) for kind, draw in (KINDS | LIMITS).items()]
    total = total_of([r for r in rows if r["kind"] in KINDS])
    films = [film_row(options.film, options.cuts)] if options.film else []
    say(f"{'kind':<42} {'found':>6} {'invented':>9} {'missed':>7} {'precision':>10} {'recall':>7}")
    for told in (*rows, total, *films):
        say(
            f"{told['kind']:<42} {told['found']:>6} {told['invented']:>9} {told['missed']:>7} "
            f"{told['precision']:>10.3f} {told['recall']:>7.3f}"
        )
    cost = cost_ms()
    say(f"a frame: {cost['picture']:.2f} ms for its picture, {cost['decision']:.2f} ms to decide")
    write_result(options, rows, total, films, cost)
    return int(min(total["precision"], total["recall"]) < options.least)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=60, help="edits of each kind (default 60)")
    parser.add_argument("--film", type=Path, help="a movie whose cuts are known")
    parser.add_argument(
        "--cuts", default="", help="first frames of its takes, its first frame being 1: 31,77"
    )
    parser.add_argument(
        "--least", type=float, default=0.98, help="precision and recall (default 0.98)"
    )
    result = REPOSITORY / "benchmarks" / "results" / "cuts.json"
    parser.add_argument("--json", type=Path, default=result, help="where the result is written")
    return parser.parse_args()


def row(kind: str, draw: Callable[[int], Edit], seeds: int) -> dict[str, Any]:
    """One kind of edit, over all seeds."""
    total, frames = Score(0, 0, 0), 0
    for seed in range(FIRST_SEED, FIRST_SEED + seeds * SEED_STEP, SEED_STEP):
        edit = draw(seed)
        frames += len(edit.frames)
        total += score(edit, cuts_in(edit.frames))
    return told(kind, frames, total)


def told(kind: str, frames: int, total: Score) -> dict[str, Any]:
    """A score as a row of the table."""
    shares = {"precision": round(total.precision, 4), "recall": round(total.recall, 4)}
    return {"kind": kind, "frames": frames, **asdict(total), **shares}


def total_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """All rows as one."""
    sums = (sum(r[name] for r in rows) for name in ("found", "invented", "missed"))
    return told("all but the limits", sum(r["frames"] for r in rows), Score(*sums))


def film_row(film: Path, cuts: str) -> dict[str, Any]:
    """A film, by the public call."""
    wanted = [int(frame) for frame in cuts.split(",") if frame]
    found = find_cuts(Shot(input=str(film)), "auto")
    edit = Edit([], tuple(range(frame, frame + 1) for frame in wanted))
    return {**told(film.name, 0, score(edit, found)), "reported": list(found)}


def cost_ms() -> dict[str, float]:
    """Of one frame, on one thread, where each picture is unlike the one before it."""
    pixels = torch.from_numpy(np.random.default_rng(0).random((1, 3, 288, 512), np.float32))
    pictures = pictures_of([take(seed, 1)[0] for seed in range(8)])
    repeats = 100
    began = time.perf_counter()
    for _ in range(repeats):
        small_picture(pixels)
    looked = time.perf_counter()
    for _ in range(repeats):
        begins_a_take(pictures[:4], pictures[4], pictures[5:])
    decided = time.perf_counter()
    spans = {"picture": looked - began, "decision": decided - looked}
    return {name: round(1000 * span / repeats, 3) for name, span in spans.items()}


def write_result(
    options: argparse.Namespace,
    rows: list[dict[str, Any]],
    total: dict[str, Any],
    films: list[dict[str, Any]],
    cost: dict[str, float],
) -> None:
    """The result as JSON: what was measured, on what, and when."""
    result = {
        "format": FORMAT,
        "benchmark": "cuts",
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "settings": {"seeds": options.seeds, "first_seed": FIRST_SEED, "least": options.least},
        "rows": rows,
        "total": total,
        "films": films,
        "milliseconds_a_frame": cost,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n")


def say(line: str) -> None:
    """A line of the table."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
