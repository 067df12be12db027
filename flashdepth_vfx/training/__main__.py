"""`python -m flashdepth_vfx.training`."""

from __future__ import annotations

import sys

from flashdepth_vfx.training.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
