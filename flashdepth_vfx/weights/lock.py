"""One process at a time: a lock that the system lets go of when its holder dies."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from flashdepth_vfx.errors import WeightsError

if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


__all__ = ["held"]


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of `path` (a file beside it). Raises `WeightsError` when another process does."""
    with path.with_name(path.name + ".lock").open("wb") as file:
        try:
            _lock(file)
        except OSError as error:
            raise WeightsError(f"{path}: another process is fetching this file") from error
        yield
