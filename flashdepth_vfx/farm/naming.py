"""What shots and their tasks are called: by their plates, told apart, in letters that every engine takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from flashdepth_vfx.frames import FrameSequence

__all__ = ["named_apart", "shot_name", "view_list"]

_STRANGE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 60
_SEVERAL = re.compile(r"\s*,\s*")


def shot_name(sequence: FrameSequence) -> tuple[str, ...]:
    """The name of the plates, and then those of the folders above them, to tell them from others."""
    folders = [part for part in reversed(sequence.folder.absolute().parts) if _tame(part)]
    return (_tame(sequence.name) or "shot", *(_tame(part) for part in folders))


def named_apart(candidates: Sequence[tuple[str, ...]]) -> list[str]:
    """A name for each, as short as tells them apart: with as many folders as it takes, else with a number."""
    depth = max(len(names) for names in candidates)
    for count in range(1, depth + 1):
        names = ["_".join(reversed(c[:count]))[-_LONGEST:] for c in candidates]
        if len(set(names)) == len(names):
            return names
    names = [c[0][:_LONGEST] for c in candidates]
    counts, seen = Counter(names), Counter[str]()
    for place, name in enumerate(names):
        if counts[name] > 1:
            seen[name] += 1
            names[place] = f"{name}_{seen[name]}"
    return names


def view_list(asked: str | None) -> tuple[str, ...]:
    """The names in `--view left,right`; one empty one where none is asked for."""
    return tuple(_SEVERAL.split((asked or "").strip()))


def _tame(text: str) -> str:
    return _STRANGE.sub("_", text).strip("_-")
