"""Cuts that somebody knows: a list of frame numbers, or an edit in OpenTimelineIO's JSON.

Where the `opentimelineio` package is installed it reads the edit first, and brings files of older schemas up
to date; without it the JSON is taken as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from flashdepth_vfx.errors import FrameRangeError, SettingsError
from flashdepth_vfx.frames import FrameRange

__all__ = ["read_cuts"]

_EDIT_SUFFIX = ".otio"
#: What takes time on a track, and what lies between two of them.
_LASTING = ("Clip", "Gap", "Stack", "Track")
_BETWEEN = ("Transition",)
#: A list of cuts is short: anything larger is a plate or a movie.
_LARGEST_BYTES = 64 << 20


def read_cuts(path: Path, first: int, last: int) -> tuple[int, ...]:
    """The frames that begin a take, ascending, in a shot that goes from frame `first` to `last`.

    A name in `.otio` is an edit: one video track, whose items follow one another from `first` on and
    must be as long as the shot. Anything else is text: frames or ranges, a `#` begins a comment. Raises
    `SettingsError` for a file that is neither, a frame outside the shot, or an edit of another length.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise SettingsError(f"--cuts {path}: is too large for a list of frames or an edit")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(
            f"--cuts {path}: cannot be read ({error.strerror}); give none, auto or a file"
        ) from error
    except ValueError as error:
        raise SettingsError(f"--cuts {path}: is not text") from error
    if path.suffix.lower() == _EDIT_SUFFIX:
        return _cuts_of_edit(path, text, first, last)
    return _cuts_of_list(path, text, first, last)


def _cuts_of_list(path: Path, text: str, first: int, last: int) -> tuple[int, ...]:
    found: set[int] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        frames = line.partition("#")[0].strip()
        if not frames:
            continue
        try:
            found.update(FrameRange.parse(frames))
        except FrameRangeError as error:
            raise SettingsError(f"--cuts {path}: line {number}: {error}") from error
    outside = sorted(f for f in found if not first <= f <= last)
    if outside:
        raise SettingsError(
            f"--cuts {path}: frame {outside[0]} lies outside the shot, {first}-{last}"
        )
    return tuple(sorted(found))


def _cuts_of_edit(path: Path, text: str, first: int, last: int) -> tuple[int, ...]:
    try:
        lengths = list(_lengths(path, _video_track(path, _timeline(path, text))))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as wrong:
        raise SettingsError(f"--cuts {path}: is no edit of OpenTimelineIO ({wrong!r})") from wrong
    total, shot = sum(lengths), last - first + 1
    if total != shot:
        raise SettingsError(
            f"--cuts {path}: the edit is {total} frames long and the shot {shot} ({first}-{last}); "
            "give the edit of these plates, or a list of frames"
        )
    return tuple(sorted(set(accumulate(lengths[:-1], initial=first)) - {first}))


def _timeline(path: Path, text: str) -> Any:
    try:
        import opentimelineio
    except ImportError:
        return json.loads(text)
    try:
        return json.loads(
            opentimelineio.adapters.read_from_string(text, "otio_json").to_json_string()
        )
    except opentimelineio.exceptions.OTIOError as error:
        raise SettingsError(f"--cuts {path}: is no edit of OpenTimelineIO ({error})") from error


def _video_track(path: Path, timeline: Any) -> list[Any]:
    """The items of the one video track that holds anything."""
    if _schema(timeline) != "Timeline":
        raise SettingsError(f"--cuts {path}: holds a {_schema(timeline)}, not a Timeline")
    tracks = [
        track["children"]
        for track in timeline["tracks"]["children"]
        if track.get("kind", "Video") == "Video"
        and track["children"]
        and track.get("enabled", True)
    ]
    if len(tracks) != 1:
        raise SettingsError(
            f"--cuts {path}: the edit has {len(tracks)} video tracks; one is read, flatten it first"
        )
    items: list[Any] = tracks[0]
    return items


def _lengths(path: Path, items: list[Any]) -> Iterator[int]:
    """Of each item, in frames at the edit's own rate."""
    rate: float | None = None
    for item in items:
        if _schema(item) in _BETWEEN:
            # It lies over the end of one clip and the head of the next, and moves neither.
            continue
        if _schema(item) not in _LASTING:
            raise SettingsError(f"--cuts {path}: cannot read a {_schema(item)} on a track")
        duration = _duration(path, item)
        rate = rate or float(duration["rate"])
        frames = round(float(duration["value"]))
        if float(duration["rate"]) != rate or abs(frames - float(duration["value"])) > 1e-3:
            raise SettingsError(f"--cuts {path}: its clips are not whole frames of one rate")
        if frames < 0:
            raise SettingsError(f"--cuts {path}: a clip lasts {frames} frames")
        yield frames


def _duration(path: Path, item: Any) -> Any:
    """A `RationalTime`: of the part that is used, or else of the media."""
    used = item.get("source_range")
    if used is None:
        media = item.get("media_references") or {}
        chosen = media.get(item.get("active_media_reference_key", "DEFAULT_MEDIA"))
        # Files before version 2 of the clip's schema have one reference.
        used = (chosen or item.get("media_reference") or {}).get("available_range")
    if used is None:
        raise SettingsError(f"--cuts {path}: '{item.get('name', '')}' does not say how long it is")
    return used["duration"]


def _schema(item: Any) -> str:
    return str(item["OTIO_SCHEMA"]).partition(".")[0]
