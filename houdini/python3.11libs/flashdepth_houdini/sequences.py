"""Files of upstream items as sequences, and frames in the renderer's words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flashdepth_host.errors import Refusal
from flashdepth_host.paths import frames_there, numbered
from flashdepth_host.shot import Plates

__all__ = ["Sequence", "frames_in", "grouped", "path_of", "plates_at"]

#: The last number in a name, before its suffix, is the frame's.
_FRAME = re.compile(r"^(.*?)(-?\d+)(\D*\.[A-Za-z][A-Za-z0-9]*)$")
_RUN = re.compile(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?")
_NUMBER = re.compile(r"#+|%0?(\d*)d|\$F(\d*)")
_MOVIES = (".mov", ".mp4", ".m4v", ".mxf", ".avi", ".mkv")


@dataclass(frozen=True)
class Sequence:
    """One shot's files. `owner` is what its first file came with: a work item, or None."""

    plates: Plates
    owner: Any = None

    @property
    def is_movie(self) -> bool:
        """Whether its frames are inside of one file, and so not known here."""
        return not numbered(self.plates.input)


def grouped(files: Iterable[tuple[str, Any]]) -> list[Sequence]:
    """Files, each with its owner, as sequences, in the order in which their first files came.

    What is between a sequence's first and last frame and is not there is the renderer's to report.
    """
    found: dict[tuple[str, str, str], list[tuple[str, Any]]] = {}
    movies: list[tuple[str, Any]] = []
    for path, owner in files:
        name = Path(path).name
        match = None if name.lower().endswith(_MOVIES) else _FRAME.match(name)
        if match is None:
            movies.append((path, owner))
            continue
        prefix, number, suffix = match.groups()
        # A dash parts a name from its number more often than it makes the number negative.
        if number.startswith("-") and prefix:
            prefix, number = f"{prefix}-", number[1:]
        key = (Path(path).parent.as_posix(), prefix, suffix)
        found.setdefault(key, []).append((number, owner))
    sequences = [_sequence(*key, members) for key, members in found.items()]
    return sequences + [Sequence(Plates(path, 1, 1), owner) for path, owner in movies]


def plates_at(pattern: str, views: str = "") -> Sequence:
    """The sequence that a pattern names; `views` are those that `%V` stands for, and the first says which frames
    there are. Raises `Refusal` where no frame of it is there.
    """
    view = views.split(",")[0].strip()
    if ("%V" in pattern or "%v" in pattern) and view in ("", "all"):
        raise Refusal(f"{pattern}: name its views in views, as left,right")
    if not numbered(pattern):
        if not Path(pattern).is_file():
            raise Refusal(f"{pattern}: is not there")
        return Sequence(Plates(pattern, 1, 1))
    frames = frames_there(pattern, view)
    if not frames:
        raise Refusal(f"{pattern}: no frame of it is there")
    return Sequence(Plates(pattern, frames[0], frames[-1]))


def frames_in(text: str) -> list[int]:
    """The numbers of a range as the renderer writes it: 1001-1010,1020-1030x2."""
    frames: list[int] = []
    for part in text.split(","):
        run = _RUN.fullmatch(part.strip())
        if run is None:
            raise ValueError(f"'{part}' is no range of frames")
        first = int(run[1])
        last = first if run[2] is None else int(run[2])
        frames += range(first, last + 1, int(run[3] or 1))
    return frames


def path_of(pattern: str, frame: int, view: str = "") -> str:
    """The file of a frame."""
    path = Path(pattern.replace("%V", view).replace("%v", view[:1]))

    def number(found: re.Match[str]) -> str:
        width = len(found[0]) if found[0].startswith("#") else int(found[1] or found[2] or 1)
        sign = "-" if frame < 0 else ""
        return sign + str(abs(frame)).zfill(width - len(sign))

    return path.with_name(_NUMBER.sub(number, path.name)).as_posix()


def _sequence(folder: str, prefix: str, suffix: str, members: list[tuple[str, Any]]) -> Sequence:
    widths = {len(number) for number, _ in members}
    # Numbers of one length, or with noughts before them, are padded.
    padded = len(widths) == 1 or any(re.match(r"-?0\d", number) for number, _ in members)
    place = f"%0{min(widths)}d" if padded else "%d"
    frames = sorted(int(number) for number, _ in members)
    pattern = f"{folder}/{prefix}{place}{suffix}"
    return Sequence(Plates(pattern, frames[0], frames[-1]), members[0][1])
