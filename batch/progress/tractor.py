"""The dialect of Tractor: `TR_PROGRESS 042%` on stdout."""

from __future__ import annotations

from typing import TextIO

from .percent import Percent

__all__ = ["begin"]


def begin(stdout: TextIO, _stderr: TextIO) -> Percent:
    """For one render."""
    return Percent(stdout, "TR_PROGRESS {:03d}%")
