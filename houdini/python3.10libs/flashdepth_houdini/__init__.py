"""Houdini whose Python is 3.10: the package is the one of 3.11."""

from __future__ import annotations

from pathlib import Path

__path__ = [
    str(Path(__file__).absolute().parents[2] / "python3.11libs" / "flashdepth_houdini"),
]

from .loading import load_host

load_host()
