"""A folder of shots and a table of what is known of them, to depth: how a pipeline calls the library.

    python examples/shots_from_csv.py shots.csv depth/ [--save plan.json] [--mode chain]

The table has a line a shot: `shot,plates,colorspace,frames`, of which the last two may be empty. Plates are relative
to the table. The depth of each shot goes to `depth/<shot>/<shot>_depth_v001.####.exr`, beside it a report. With
`--save` the plan is written for a farm (`flashdepth task`, or any of `flashdepth submit`), else it is done here.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from flashdepth_vfx import FlashDepthError, RenderJob, RenderSettings, Shot, plan


def main() -> int:
    """Read the table, plan, and run or save."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("table", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--mode", default="whole")
    parser.add_argument("--save", type=Path)
    asked = parser.parse_args()
    try:
        made = plan(list(jobs(asked.table, asked.output)), mode=asked.mode)
        if asked.save is not None:
            print(made.save(asked.save))
            return 0
        result = made.run_local(tell=print)
    except FlashDepthError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(
        f"{len(result.done)} tasks done, {len(result.failed)} failed, {len(result.skipped)} skipped"
    )
    return 1 if result.failed else 0


def jobs(table: Path, output: Path) -> list[RenderJob]:
    """A job for each line."""
    with table.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return [
        RenderJob(
            shot=Shot(input=str(table.parent / line["plates"])),
            output=str(output / line["shot"] / f"{line['shot']}_depth_v001.####.exr"),
            frames=line.get("frames") or None,
            settings=RenderSettings(colorspace=line.get("colorspace") or None),
        )
        for line in lines
    ]


if __name__ == "__main__":
    sys.exit(main())
