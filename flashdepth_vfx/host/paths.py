"""Names of sequences on disk: versions, where depth goes, and which frames are there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .errors import Refusal

__all__ = ["beside_plates", "frames_there", "numbered", "spans", "version_up"]

#: `####`, `%04d` and Houdini's `$F4`: where the frame's number goes.
_NUMBER = re.compile(r"#+|%0?\d*d|\$F\d*")
_VIEW = re.compile(r"%[Vv]")
_VERSION = re.compile(r"(?<![A-Za-z0-9])v(\d+)(?![0-9])", re.IGNORECASE)
#: What a plate's file number leaves behind: `plate_%04d` is called `plate`.
_SEPARATORS = "._- "


def numbered(pattern: str) -> bool:
    """Whether a frame's number has a place in it."""
    return _NUMBER.search(Path(pattern).name) is not None


def beside_plates(plates: str) -> str:
    """Where the depth of `plates` goes unless said: `depth/<plate>_depth_v001.####.exr` in their folder."""
    path = Path(plates)
    view = ".%V" if _VIEW.search(plates) else ""
    name = _VIEW.sub(
        "", _NUMBER.sub("", path.name[: -len(path.suffix)] if path.suffix else path.name)
    )
    # What stood before a number or a view is left over at the end, or twice in a row.
    name = re.sub(r"[._\- ]{2,}", lambda found: found[0][0], name).strip(_SEPARATORS) or "plate"
    return (path.parent / "depth" / f"{name}_depth_v001{view}.####.exr").as_posix()


def version_up(pattern: str) -> str:
    """The same with the next version, in every folder and name that has the last one's number.

    Raises `Refusal` for a pattern without a version.
    """
    found = _VERSION.findall(pattern)
    if not found:
        raise Refusal(f"{pattern}: has no version; put one in, as shot_depth_v001.####.exr")
    last = found[-1]
    following = str(int(last) + 1).zfill(len(last))

    def up(match: re.Match[str]) -> str:
        return match[0][0] + following if int(match[1]) == int(last) else match[0]

    return _VERSION.sub(up, pattern)


def frames_there(pattern: str, view: str = "") -> tuple[int, ...]:
    """Numbers of the frames that are on disk; of `view` where the pattern stands for views. None of no folder.

    Raises `Refusal` for a folder that cannot be listed.
    """
    path = Path(_with_view(pattern, view))
    place = _NUMBER.search(path.name)
    if place is None:
        return ()
    name = re.compile(
        re.escape(path.name[: place.start()]) + r"(-?\d+)" + re.escape(path.name[place.end() :])
    )
    try:
        there = [found.name for found in path.parent.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise Refusal(f"{path.parent}: cannot be listed ({error.strerror or error})") from error
    return tuple(sorted({int(match[1]) for match in map(name.fullmatch, there) if match}))


def spans(frames: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of frames without a hole."""
    runs: list[tuple[int, int]] = []
    for frame in sorted(set(frames)):
        if runs and runs[-1][1] == frame - 1:
            runs[-1] = (runs[-1][0], frame)
        else:
            runs.append((frame, frame))
    return runs


def _with_view(pattern: str, view: str) -> str:
    return _VIEW.sub(lambda match: view if match[0] == "%V" else view[:1], pattern)
