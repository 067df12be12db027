"""What the nodes call. It renders nothing itself: work items do, out of Houdini, and talk to the renderer's worker.

    files of upstream items ─ sequences ─▶ Plates ┐
    parameters ─ parms ─▶ values ─────────────────┴─▶ items ─▶ plan ─▶ work items ─ run_task.py ─▶ worker ─▶ EXRs
    depth EXRs ─ the COP ─▶ layers ─ points ─▶ coloured points

What could not be tried in a real Houdini is in `assumptions`, and nowhere else.
"""

from __future__ import annotations

from .loading import load_host

load_host()
