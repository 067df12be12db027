"""The Doctor button."""

from __future__ import annotations

from flashdepth_host.doctor import examine

import nuke

from .knobs import file_of
from .rendering import PLUGIN, SESSION
from .threads import has_screen

__all__ = ["doctor"]


def doctor(node: nuke.Group | None = None) -> str:
    """Look whether everything that a render needs is there, and say it; as text too."""
    folder = file_of(node, "file") if node is not None else None
    text = "\n".join(str(finding) for finding in examine(PLUGIN, SESSION, writes_to=folder))
    nuke.tprint(text)
    if has_screen():
        nuke.message(text)
    return text
