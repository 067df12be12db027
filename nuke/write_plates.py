"""Renders what is connected to a FlashDepth node to its plates, on a farm: the step before the depth.

nuke -t write_plates.py SCRIPT.nk NODE FIRST LAST
"""

from __future__ import annotations

import sys

import flashdepth_nuke

import nuke


def main(script: str, name: str, first: str, last: str) -> None:
    """Frames of the script. Whatever is wrong ends Nuke with its traceback and a code that is not 0."""
    nuke.scriptOpen(script)
    node = nuke.toNode(name)
    if node is None:
        raise SystemExit(f"{script}: has no node {name}")
    flashdepth_nuke.write_plates(node, int(first), int(last))


if __name__ == "__main__":
    main(*sys.argv[1:])
