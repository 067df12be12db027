"""Nuke reads this where there is a GUI: the node in the Nodes menu, and what keeps its label true."""

from __future__ import annotations

import traceback

import nuke

try:
    import flashdepth_nuke

    nuke.menu("Nodes").addCommand("FlashDepth/FlashDepth", "nuke.createNode('FlashDepth')")
    nuke.menu("Nodes").addCommand(
        "FlashDepth/Doctor", "import flashdepth_nuke; flashdepth_nuke.doctor()"
    )
    flashdepth_nuke.watch()
except Exception:  # noqa: BLE001 - a plugin that fails must not stop Nuke
    nuke.tprint("FlashDepth's menu cannot be made:\n" + traceback.format_exc())
