"""What a facility does once depth is there: an executable of its own, given the manifests of what was made."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from flashdepth_vfx.errors import HookError
from flashdepth_vfx.frames import FrameSequence

__all__ = ["manifests_beside", "run_hook"]

_LAST_WORDS = 500


def run_hook(hook: str, manifests: Sequence[Path]) -> None:
    """Run `hook MANIFEST...` and wait for it. It is given nothing to read, and what it says goes to stderr.

    Raises `HookError` where it cannot be started, or ends with anything but 0. Depth stays as it is.
    """
    try:
        ended = subprocess.run(
            [hook, *map(str, manifests)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise HookError(hook, f"cannot be started ({error.strerror or error})") from error
    if ended.returncode:
        said = ended.stdout.strip()[-_LAST_WORDS:]
        raise HookError(hook, f"ended with {ended.returncode}{': ' if said else ''}{said}")


def manifests_beside(sequences: Iterable[FrameSequence]) -> tuple[Path, ...]:
    """The manifests of all renders of these files, of views that share them too, in the order of their names."""
    folders = dict.fromkeys(sequence.beside for sequence in sequences)
    return tuple(path for folder in folders for path in sorted(folder.rglob("manifest.*.json")))
