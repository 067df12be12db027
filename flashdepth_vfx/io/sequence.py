"""What all readers of one-file-a-frame plates share: which file holds a frame, and is it there?"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG

from flashdepth_vfx.errors import CorruptPlateError, MissingFrameError, PlateError
from flashdepth_vfx.frames import FrameSequence

__all__ = ["SequenceFiles", "file_stamp", "os_errors_name"]

#: The frame number at the end of a still's stem; `v002` there is a version. Ten digits are a date.
_NUMBER = re.compile(r"(?:(?<=[._])|^)-\d{1,9}$|(?<![\dvV])\d{1,9}$")


class SequenceFiles:
    """The files of a `FrameSequence`.

    A single file is the frame that its name ends in (`plate.0003.exr`), else frame `start_frame`.

    The folder is listed once, here: a reader's `frames` do not change under it.
    """

    sequential = False

    def __init__(self, sequence: FrameSequence, *, start_frame: int = 1) -> None:
        self.sequence = sequence
        self.name = sequence.pattern
        self.frames = sequence.frames_on_disk()
        if not sequence.padding:
            number = _NUMBER.search(sequence.stem)
            self.frames = (int(number[0]) if number else start_frame,) * len(self.frames)

    def path(self, frame: int) -> Path:
        """The file that holds `frame`, or would hold it."""
        return self.sequence.path(frame)

    def stamp(self, frame: int) -> str:
        """Size and modification time of the frame's file. Raises `MissingFrameError`."""
        return file_stamp(self.existing(frame))

    def existing(self, frame: int) -> Path:
        """The file of `frame`. Raises `MissingFrameError`; `CorruptPlateError` for an empty file;
        `PlateError` for one that may not be read.
        """
        path = self.path(frame)
        if not self.sequence.padding and (frame,) != self.frames:
            raise MissingFrameError(self.name, frame, path)
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise MissingFrameError(self.name, frame, path) from None
        except OSError as error:
            raise PlateError(path, f"cannot be read ({error.strerror})") from error
        if not S_ISREG(status.st_mode):
            raise MissingFrameError(self.name, frame, path)
        if not status.st_size:
            raise CorruptPlateError(path, "it is empty (0 bytes); copy it again")
        # The codecs say of a file that they may not read that it is broken.
        if not os.access(path, os.R_OK):
            raise PlateError(path, "may not be read (permission denied); grant read access")
        return path

    def close(self) -> None:
        """Nothing is kept open between frames."""


@contextlib.contextmanager
def os_errors_name(path: str | Path) -> Iterator[None]:
    """Turn an `OSError` in the block into a `PlateError` of `path`.

    A folder that may not be listed, a name longer than the file system takes, a file that goes away.
    """
    try:
        yield
    except OSError as error:
        raise PlateError(path, f"cannot be read ({error.strerror or error})") from error


def file_stamp(path: Path) -> str:
    """Size and modification time of a file, as text. Raises `PlateError`."""
    with os_errors_name(path):
        status = path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"
