"""What a work item runs: run_task.py PLAN ID, in Houdini's own Python, without Houdini."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parent / "python3.11libs"))

from flashdepth_houdini.cook import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
