"""FrameRange (which frames) and FrameSequence (where they are on disk), on `fileseq`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import fileseq
from fileseq.frameset import FrameSet

from flashdepth_vfx.errors import FrameRangeError, UsageError

__all__ = ["IMAGE_SUFFIXES", "FrameRange", "FrameSequence", "fill_view"]

IMAGE_SUFFIXES = frozenset(
    (".exr", ".sxr", ".mxr", ".dpx", ".cin", ".tif", ".tiff", ".png", ".jpg", ".jpeg")
)
#: A range longer than this is a slip of the keyboard: it is eleven days of film.
MAX_FRAMES = 24_000_000
_RANGE_PART = re.compile(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?")
_PADDING = re.compile(r"#+|@+|%0?\d*d|\$F\d*")


@dataclass(frozen=True)
class FrameRange:
    """Frame numbers in temporal order, each once; reads and prints as `1001-1100x2,1200`."""

    frames: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> FrameRange:
        """Read `1001-1100`, `1-9x2`, `5`, `-3-4`, or several joined by commas.

        Raises `FrameRangeError` for anything else, a range that runs backwards, or a step of 0.
        """
        found: set[int] = set()
        for part in text.replace(" ", "").split(","):
            match = _RANGE_PART.fullmatch(part)
            if match is None:
                raise FrameRangeError(text, f"'{part}' is not a frame or a range")
            first = int(match[1])
            last = int(match[2]) if match[2] is not None else first
            step = int(match[3]) if match[3] is not None else 1
            if last < first:
                raise FrameRangeError(text, f"'{part}' runs backwards")
            if step == 0:
                raise FrameRangeError(text, f"'{part}' has a step of 0")
            if (last - first) // step + len(found) > MAX_FRAMES:
                raise FrameRangeError(text, f"'{part}' is more than {MAX_FRAMES} frames")
            found.update(range(first, last + 1, step))
        return cls(tuple(sorted(found)))

    @classmethod
    def of(cls, frames: Iterable[int]) -> FrameRange:
        """From frame numbers in any order."""
        return cls(tuple(sorted(set(frames))))

    def __str__(self) -> str:
        if len(self.frames) > 1 and self.frames[-1] - self.frames[0] + 1 == len(self.frames):
            # Most are whole, and plans print many.
            return f"{self.frames[0]}-{self.frames[-1]}"
        return str(FrameSet(self.frames)) if self.frames else ""

    def __iter__(self) -> Iterator[int]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def __contains__(self, frame: object) -> bool:
        return frame in self._members

    @cached_property
    def _members(self) -> frozenset[int]:
        return frozenset(self.frames)


@dataclass(frozen=True)
class FrameSequence:
    """A pattern on disk: `folder/` + `stem` + frame number padded to `padding` + `suffix`.

    `padding` 0 means a single file without a frame number in its name.
    """

    folder: Path
    stem: str
    padding: int
    suffix: str

    @classmethod
    def parse(cls, text: str, *, view: str | None = None) -> FrameSequence:
        """Read a pattern: `####`, `%04d`, `$F4` or `@@@@` stands for the frame, `%V`/`%v` for the view.

        A name without a pattern is a single file; a folder that is there may have any name. Raises
        `UsageError` for two patterns in one name, a pattern in the name of a folder that is not
        there, or `%V` without a view.
        """
        filled = fill_view(text, view)
        path = Path(filled).expanduser()
        if any(_PADDING.search(folder.name) and _is_absent(folder) for folder in path.parents):
            raise UsageError(
                f"{text}: the frame pattern belongs in the file's name, not in a folder's"
            )
        found = list(_PADDING.finditer(path.name))
        if len(found) > 1:
            raise UsageError(f"{text}: more than one frame pattern in the file's name")
        if not found:
            return cls(path.parent, path.stem, 0, path.suffix)
        start, end = found[0].span()
        return cls(path.parent, path.name[:start], _padding_of(found[0][0]), path.name[end:])

    @classmethod
    def find_in(cls, folder: Path) -> FrameSequence:
        """The one image sequence in `folder`.

        Raises `UsageError` when there are none or several; `OSError` for a folder that may not be listed.
        """
        found = cls.all_in(folder)
        if len(found) != 1:
            names = ", ".join(Path(s.pattern).name for s in found)
            what = f"several image sequences, name one: {names}" if found else "no image sequence"
            raise UsageError(f"{folder}: {what}")
        return found[0]

    @classmethod
    def all_in(cls, folder: Path) -> tuple[FrameSequence, ...]:
        """Every image sequence in `folder`, by name. Raises `OSError` for a folder that may not be listed."""
        # fileseq takes a folder that it may not list for an empty one.
        next(Path(folder).iterdir(), None)
        found = {
            cls(
                Path(folder),
                s.basename(),
                _padding_on_disk(s.zfill(), int(s.end()) if s.frameSet() else None),
                s.extension(),
            )
            for s in fileseq.findSequencesOnDisk(str(folder))
            if s.extension().lower() in IMAGE_SUFFIXES and not s.basename().startswith(".")
        }
        return tuple(sorted(found, key=lambda sequence: sequence.pattern))

    @property
    def pattern(self) -> str:
        """The pattern as people write it, with one `#` a digit."""
        return str(self.folder / f"{self.stem}{'#' * self.padding}{self.suffix}")

    @property
    def name(self) -> str:
        """The stem without the separator before the frame number: `shot_010` of `shot_010.####.exr`."""
        return self.stem.rstrip("._-") or "frames"

    @property
    def beside(self) -> Path:
        """The folder of what a render keeps beside these frames."""
        return self.folder / f"{self.name}.flashdepth"

    def path(self, frame: int) -> Path:
        """The file of one frame."""
        return self.folder / f"{self.stem}{self._number(frame)}{self.suffix}"

    def _number(self, frame: int) -> str:
        return "" if not self.padding else f"{frame:0{self.padding + (frame < 0)}d}"

    def frames_on_disk(self) -> tuple[int, ...]:
        """The frame numbers that have a file, ascending. Empty when the folder is not there."""
        if not self.padding:
            return (1,) if self.path(1).is_file() else ()
        number = re.compile(re.escape(self.stem) + r"(-?\d+)" + re.escape(self.suffix))
        try:
            # Names alone: a thousand shots are a million files.
            names = os.listdir(self.folder)  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return ()
        found = (match[1] for name in names if (match := number.fullmatch(name)))
        # The round trip leaves out other paddings: 01001 is not a frame of ####.
        return tuple(sorted(f for text in found if self._number(f := int(text)) == text))


def _is_absent(folder: Path) -> bool:
    try:
        return not folder.exists()
    except OSError:
        # What may not be looked at, or has too long a name, is said by whoever opens it.
        return False


def fill_view(text: str, view: str | None) -> str:
    """A path with `%V` as the view's name and `%v` as its first letter. Raises `UsageError` without a view."""
    if "%V" not in text and not re.search(r"%v", text):
        return text
    if view is None:
        raise UsageError(f"{text}: %V stands for a view, and none is named (--view)")
    return text.replace("%V", view).replace("%v", view[:1])


def _padding_on_disk(width: int, last_frame: int | None) -> int:
    if last_frame is None:
        return 0
    # fileseq counts the sign of frames before zero as a digit, and so parts them from the rest.
    return max(width - 1, 1) if last_frame < 0 else width


def _padding_of(pattern: str) -> int:
    if pattern[0] in "#@":
        return len(pattern)
    digits = pattern.strip("%$Fd")
    return max(int(digits), 1) if digits else 1
