"""The dialect of Deadline 10: `Progress: 42%` on stdout, and never what its plug-ins take for a failure."""

from __future__ import annotations

from typing import TextIO

from .percent import Percent

__all__ = ["begin"]


def begin(stdout: TextIO, _stderr: TextIO) -> Percent:
    """For one render."""
    return Percent(stdout, "Progress: {}%", fatal=("ERROR:", "Error:"))
