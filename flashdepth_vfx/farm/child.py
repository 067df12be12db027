"""The process of a resident worker: `python -m flashdepth_vfx.farm.child ADDRESS`."""

from __future__ import annotations

import sys
from pathlib import Path

from flashdepth_vfx.serve import run_listener

if __name__ == "__main__":
    sys.exit(run_listener(Path(sys.argv[1])))
