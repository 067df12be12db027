"""Leases that tests take, leave, and let grow old."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.lease import Lease

LONG_AGO_SECONDS = 120


def leases(folder: Path) -> list[Path]:
    """The files of all leases in there."""
    return sorted(folder.glob("lease.*.json"))


def taken(folder: Path, frames: str = "1-10") -> Lease:
    """A lease that is held."""
    one = Lease(folder, FrameRange.parse(frames))
    one.take()
    return one


def grow_old(path: Path) -> None:
    """As if the last heartbeat were two minutes ago."""
    then = time.time() - LONG_AGO_SECONDS
    os.utime(path, (then, then))


def of_another_host(folder: Path) -> Path:
    """A lease that only its age can tell about."""
    with taken(folder):
        (own,) = leases(folder)
        told = json.loads(own.read_text()) | {"process_space": "elsewhere-0", "host": "render07"}
    other = folder / "lease.1-10.0123456789abcdef.json"
    other.write_text(json.dumps(told))
    return other
