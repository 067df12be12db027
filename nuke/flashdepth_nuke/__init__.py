"""The Nuke node: what its buttons call. It renders nothing itself: a resident worker outside of Nuke does.

    node ─ knobs ─▶ values ┐
    input ─ plates ─▶ Plates ┴─▶ rendering ─▶ worker ─▶ depth EXRs ─ reading ─▶ the Read inside the node

Every call takes a node, and works in the GUI, under `nuke -t` and under `nuke -x`. What could not be tried in a real
Nuke is in `assumptions`, and nowhere else.
"""

from __future__ import annotations

from .badge import watch
from .farm import submit
from .health import doctor
from .plates import write_plates
from .reading import bake, reload
from .rendering import cancel, render, version_up

__all__ = [
    "bake",
    "cancel",
    "doctor",
    "reload",
    "render",
    "submit",
    "version_up",
    "watch",
    "write_plates",
]
