"""What a facility does once depth is there: an executable of its own, given the manifests of what was made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from flashdepth_vfx.errors import HookError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.program import run_program

__all__ = ["manifests_beside", "run_hook"]


def run_hook(hook: str, manifests: Sequence[Path]) -> None:
    """Run `hook MANIFEST...` and wait for it. It is given nothing to read, and of what it says the last words are in
    the error.

    Raises `HookError` where it cannot be started, or ends with anything but 0. Depth stays as it is.
    """
    run_program([hook, *map(str, manifests)], partial(HookError, hook))


def manifests_beside(sequences: Iterable[FrameSequence]) -> tuple[Path, ...]:
    """The manifests of all renders of these files, of views that share them too, in the order of their names."""
    folders = dict.fromkeys(sequence.beside for sequence in sequences)
    return tuple(path for folder in folders for path in sorted(folder.rglob("manifest.*.json")))
