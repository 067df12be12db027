"""The Doctor button."""

from __future__ import annotations

from flashdepth_host.doctor import examine

import nuke

from .rendering import PLUGIN, SESSION
from .threads import has_screen

__all__ = ["doctor"]


def doctor(node: nuke.Node | None = None) -> str:
    """Look whether everything that a render needs is there, and say it; as text too."""
    folder = None
    if node is not None and node["file"].value():
        folder = node["file"].getEvaluatedValue()
    text = "\n".join(str(finding) for finding in examine(PLUGIN, SESSION, writes_to=folder))
    nuke.tprint(text)
    if has_screen():
        nuke.message(text)
    return text
