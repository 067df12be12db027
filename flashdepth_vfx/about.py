"""What this installation is and has: what a host's doctor asks a worker for."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict
from typing import Any

from flashdepth_vfx.version import VERSION

__all__ = ["about"]


def about() -> dict[str, Any]:
    """As JSON values: `version`, `python`, `executable`, `torch`, `device` (that of `auto`) with a `notice` where it
    is not a GPU, and `weights`, the rows of `flashdepth weights list`.
    """
    # They load torch, which takes seconds.
    import torch

    from flashdepth_vfx.device import open_device
    from flashdepth_vfx.weights import inventory

    device = open_device("auto")
    return {
        "version": VERSION,
        "python": platform.python_version(),
        "executable": sys.executable,
        "torch": str(torch.__version__),
        "device": device.name,
        "notice": device.notice,
        "weights": [asdict(row) for row in inventory()],
    }
