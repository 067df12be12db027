"""Which files of a folder are a shot's plates, and which its depth: a few rules, and patterns that overrule them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from flashdepth_vfx.errors import SettingsError, UsageError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.training.studio.reading import SHOT_FILE, StudioReading

__all__ = ["FoundShot", "find_shots"]

_EXR_SUFFIXES = frozenset((".exr", ".sxr", ".mxr"))
#: Words that a depth sequence's name ends in, and that a plate's may.
_DEPTH_WORDS = frozenset(("z", "depth", "zdepth", "depthz"))
_PLATE_WORDS = frozenset(("plate", "beauty", "rgb", "rgba", "comp"))
# A sign belongs to the number only after a separator: `plate-1001` is frame 1001.
_NUMBERED = re.compile(r"(.*?)((?:(?:(?<=[._])|^)-)?\d+)(\.[^.]+)")


@dataclass(frozen=True)
class FoundShot:
    """A folder that should be a shot. `name` is its path below the data folder.

    `depth` is `plate` where the depth is a channel of the plate's own files. `problem` is empty, or says why
    plate and depth could not be told apart.
    """

    name: str
    folder: Path
    reading: StudioReading
    plate: FrameSequence | None = None
    depth: FrameSequence | None = None
    problem: str = ""


def find_shots(folder: Path, reading: StudioReading) -> list[FoundShot]:
    """The shots of `folder` and the folders below it, by name.

    A folder is a shot when it holds a shot.json, or EXR files (or, with a pattern for plates, a sequence that
    fits it). Below a folder with a shot.json nothing is searched. Raises UsageError when `folder` is not there.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    return [_found(folder, place, reading) for place in _places(folder, reading)]


def _places(folder: Path, reading: StudioReading) -> Iterator[Path]:
    seen: set[str] = set()
    for top, below, names in os.walk(folder, followlinks=True):
        place = Path(top)
        real = os.path.realpath(top)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(
            n for n in below if not n.startswith(".") and not n.endswith(".flashdepth")
        )
        if SHOT_FILE in names:
            below.clear()
            yield place
        elif reading.plate is not None:
            if _matching(place, reading.plate):
                yield place
        elif any(_is_exr(name) for name in names):
            yield place


def _found(folder: Path, place: Path, reading: StudioReading) -> FoundShot:
    name = place.relative_to(folder).as_posix() if place != folder else place.resolve().name
    try:
        reading = reading.for_shot(place)
        plate, depth = _pair(place, reading)
    except (SettingsError, _UnclearError) as problem:
        return FoundShot(name, place, reading, problem=str(problem))
    return FoundShot(name, place, reading, plate, depth)


class _UnclearError(Exception):
    """Plate and depth cannot be told apart."""


def _pair(place: Path, reading: StudioReading) -> tuple[FrameSequence, FrameSequence]:
    present = _sequences_in(place)
    named = None if reading.depth is None else _one_matching(place, reading.depth, "depth")
    if reading.plate is not None:
        plate = _one_matching(place, reading.plate, "plate")
    else:
        depths = [s for s in present if _last_word(s) in _DEPTH_WORDS]
        plate = _plate_among([s for s in present if s not in depths and s != named])
    if named is not None:
        return plate, named
    depths = [
        s for s in _sequences_in(plate.folder) if _last_word(s) in _DEPTH_WORDS and s != plate
    ]
    if len(depths) > 1:
        raise _UnclearError(f"several depth sequences ({_listed(depths)}); name one with --depth")
    return plate, depths[0] if depths else plate


def _plate_among(candidates: list[FrameSequence]) -> FrameSequence:
    chosen = [s for s in candidates if _last_word(s) in _PLATE_WORDS] or candidates
    if not chosen:
        raise _UnclearError("no plate: no EXR sequence but that of depth; name one with --plate")
    if len(chosen) > 1:
        raise _UnclearError(f"several plates ({_listed(chosen)}); name one with --plate")
    return chosen[0]


def _one_matching(place: Path, pattern: str, what: str) -> FrameSequence:
    found = _matching(place, pattern)
    if len(found) == 1:
        return found[0]
    if found:
        raise _UnclearError(f"several sequences fit --{what} {pattern}: {_listed(found)}")
    raise _UnclearError(f"no EXR sequence fits --{what} {pattern}")


def _matching(place: Path, pattern: str) -> list[FrameSequence]:
    """The sequences that fit a pattern relative to `place`, whatever the width of their numbers."""
    # on Windows it may have been typed with that system's separators
    below, _, name = PurePath(pattern).as_posix().rpartition("/")
    folders = sorted(place.glob(below)) if re.search(r"[*?\[]", below) else [place / below]
    wanted = _shown(FrameSequence.parse(name))
    return [s for f in folders for s in _sequences_in(f) if fnmatchcase(_shown(s), wanted)]


def _sequences_in(folder: Path) -> list[FrameSequence]:
    """The EXR sequences of a folder, by name; none where there is no folder."""
    if not folder.is_dir():
        return []
    widths: dict[tuple[str, str], int] = {}
    for entry in folder.iterdir():
        if not _is_exr(entry.name):
            continue
        number = _NUMBERED.fullmatch(entry.name)
        key = (number[1], number[3]) if number else (entry.stem, entry.suffix)
        width = len(number[2].lstrip("-")) if number else 0
        # of numbers that outgrew their padding, the shortest show it
        widths[key] = min(width, widths.get(key, width))
    return [
        FrameSequence(folder, stem, width, suffix)
        for (stem, suffix), width in sorted(widths.items())
    ]


def _is_exr(name: str) -> bool:
    return Path(name).suffix.lower() in _EXR_SUFFIXES and not name.startswith(".")


def _last_word(sequence: FrameSequence) -> str:
    """`depth` of `sh010_depth_v003.####.exr`: the last word of its name that is no version."""
    words = [word for word in re.split(r"[^a-z]+", sequence.stem.lower()) if word not in ("", "v")]
    return words[-1] if words else ""


def _shown(sequence: FrameSequence) -> str:
    return f"{sequence.stem}{'#' if sequence.padding else ''}{sequence.suffix}"


def _listed(sequences: list[FrameSequence]) -> str:
    return ", ".join(Path(s.pattern).name for s in sequences)
