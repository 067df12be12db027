"""Mattes that say what to ignore: a channel of the plates, a sequence of its own, or one still for all frames."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flashdepth_vfx.errors import (
    MissingFrameError,
    NoSuchChannelError,
    PlateError,
    PlateSizeError,
    SettingsError,
)
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.plate import MaskArray, PlateHeader

__all__ = ["Matte", "open_matte"]

_ALPHA = ("A", "a", "alpha", "Alpha")


@dataclass(frozen=True)
class Matte:
    """Where a plate is to be ignored: where `channel` of `reader` is above `threshold`, 1 minus it if `inverted`.

    `of_plates`: it lies in the plates' own files. A still holds for all frames.
    """

    reader: PlateReader
    channel: str
    inverted: bool
    threshold: float
    of_plates: bool

    def __str__(self) -> str:
        """Without its folder: farms map paths."""
        where = "" if self.of_plates else f" of {Path(self.reader.name).name}"
        inverted = ", inverted" if self.inverted else ""
        return f"{self.channel}{where}{inverted}, above {self.threshold:g}"

    def stamp(self, frame: int) -> str:
        """Of the matte's file, "" where it is the plate's. Raises `MissingFrameError`, `PlateError`."""
        if self.of_plates:
            return ""
        with _named(self.reader, frame):
            return f"+{self.reader.stamp(self._own(frame))}"

    def ignored(self, header: PlateHeader) -> MaskArray:
        """The pixels `(H, W)` of a plate to ignore. What the matte's data window leaves out is 0.

        Raises `MissingFrameError`, `PlateSizeError` for a matte of another format, and as a reader does.
        """
        with _named(self.reader, header.frame):
            matte = self.reader.read(self._own(header.frame))
        theirs, ours = matte.header, header
        if theirs.display_window != ours.display_window:
            raise PlateSizeError(
                theirs.path,
                f"the matte is {theirs.display_window}, the plate {ours.path.name} is {ours.display_window}; "
                "render the matte in the plate's format",
            )
        both = ours.data_window.union(theirs.data_window)
        values = np.zeros(both.shape, np.float32)
        values[theirs.data_window.slices_in(both)] = matte.rgb[..., 0]
        values = values[ours.data_window.slices_in(both)]
        # What is no number is no picture either.
        kept = (1.0 - values if self.inverted else values) <= np.float32(self.threshold)
        return np.asarray(~kept, bool)

    def _own(self, frame: int) -> int:
        return frame if self.of_plates or self.reader.sequence.padding else self.reader.frames[0]


def open_matte(
    pattern: str,
    channel: str | None,
    *,
    view: str | None,
    inverted: bool,
    threshold: float,
    of_plates: bool,
) -> Matte:
    """The matte that `channel`, a layer or a channel, means in the files of `pattern`.

    None is their alpha, or their only channel. Raises as `open_plates` does, `NoSuchChannelError`, and
    `SettingsError` for a movie, and where it cannot be told which channel is meant.
    """
    in_path = "%v" in pattern.lower()
    looking = open_plates(pattern, view=view if in_path else None)
    try:
        if looking.sequential:
            raise SettingsError(
                f"{pattern}: a movie holds no matte; give a sequence of images, --matte-input matte.####.exr"
            )
        held = _held(looking)
    finally:
        looking.close()
    inner = view if in_path or view in held.views else None
    name = next(held.meant_by(channel, inner), None)
    if name is not None:
        reader = open_plates(pattern, channels=(name,), view=inner)
        return Matte(reader, name, inverted, threshold, of_plates)
    if channel is not None:
        raise NoSuchChannelError(held.path, "matte", channel, held.channels)
    listed = ", ".join(held.channels)
    raise SettingsError(
        f"{held.path}: which channel is the matte? name one with --matte; it has: {listed}"
    )


@dataclass(frozen=True)
class _Held:
    """What a file of mattes has in it."""

    path: Path
    channels: tuple[str, ...]
    views: tuple[str, ...]

    def meant_by(self, wanted: str | None, view: str | None) -> Iterator[str]:
        """The channels, the likeliest first, that a layer or channel may mean; None is any that is alone."""
        names = set(self.channels)
        if view is not None:
            # `rig.left.A` and `left.A` are rig.A and A of the view left.
            plain = (c.removeprefix(f"{view}.").replace(f".{view}.", ".") for c in self.channels)
            names.update(plain)
        layer = "" if wanted is None else f"{wanted}."
        likely = [f"{layer}{alpha}" for alpha in _ALPHA]
        members = [c for c in self.channels if wanted is None or c.rpartition(".")[0] == wanted]
        alone = members if len(members) == 1 else []
        given = [] if wanted is None else [wanted]
        yield from (name for name in (*given, *likely, *alone) if name in names)


def _held(reader: PlateReader) -> _Held:
    """Of the first file that can be read, past those that are damaged or still on their way."""
    for frame in reader.frames[:-1]:
        with contextlib.suppress(PlateError):
            return _held_in(reader, frame)
    return _held_in(reader, reader.frames[-1])


def _held_in(reader: PlateReader, frame: int) -> _Held:
    try:
        header = reader.header(frame)
    except NoSuchChannelError as no_picture:
        # A file of mattes alone has no colours.
        return _Held(reader.path(frame), no_picture.available, ())
    return _Held(header.path, header.channels, header.views)


@contextlib.contextmanager
def _named(reader: PlateReader, frame: int) -> Iterator[None]:
    try:
        yield
    except MissingFrameError as missing:
        remedy = "every plate needs its matte: a black one ignores nothing; a still for all is named as a file"
        raise MissingFrameError(reader.name, frame, missing.path, remedy) from missing
