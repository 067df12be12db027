"""Tries the plugin in a real Houdini, and writes a report to send back.

hython selftest.py [PLATES] [--report FILE]

PLATES is a pattern as $JOB/plates/shot.$F4.exr; without it small pictures are made. Nothing but the depth beside the
plates and the report is written. The exit code is 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parent / "python3.11libs"))

from flashdepth_houdini.checks import all_checks


def main() -> int:
    """Look at everything, say it as it is known, and write it down."""
    parser = argparse.ArgumentParser(description="Tries the FlashDepth plugin in this Houdini.")
    parser.add_argument("plates", nargs="?", default="")
    parser.add_argument("--report", type=Path, default=Path("flashdepth_houdini_report.txt"))
    asked = parser.parse_args()
    lines, is_well = [], True
    with tempfile.TemporaryDirectory(prefix="flashdepth_") as folder:
        for check in all_checks(Path(folder), asked.plates):
            lines.append(str(check))
            is_well = is_well and check.is_well
            sys.stdout.write(f"{check}\n")
            sys.stdout.flush()
    asked.report.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"the report is in {asked.report.absolute()}\n")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
