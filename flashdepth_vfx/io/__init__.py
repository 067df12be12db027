"""Plates in, depth out: one `PlateReader` for every kind of file, one `DepthWriter`. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flashdepth_vfx.errors import NoSuchChannelError, PlateError
from flashdepth_vfx.frames import IMAGE_SUFFIXES, FrameSequence
from flashdepth_vfx.io.contract import DepthWriter, PlateReader
from flashdepth_vfx.io.sequence import os_errors_name

if TYPE_CHECKING:
    from flashdepth_vfx.io.exr import ExrReader
    from flashdepth_vfx.io.image import ImageReader

__all__ = ["MOVIE_SUFFIXES", "DepthWriter", "PlateReader", "open_plates"]

MOVIE_SUFFIXES = frozenset(
    (
        ".mov",
        ".mp4",
        ".m4v",
        ".mkv",
        ".mxf",
        ".avi",
        ".webm",
        ".mpg",
        ".mpeg",
        ".ts",
        ".mts",
        ".m2ts",
    )
)
_EXR_SUFFIXES = frozenset((".exr", ".sxr", ".mxr"))


def open_plates(
    source: str,
    *,
    layer: str | None = None,
    channels: Sequence[str] | None = None,
    view: str | None = None,
    start_frame: int = 1,
) -> PlateReader:
    """Open the plates of one shot: a pattern, a folder with one sequence, one image, or a movie.

    `layer`, `channels` (1 or 3 names) and `view` choose what is read from EXR files; None is the
    default picture. `%V` and `%v` in `source` stand for `view`. `start_frame` is the number of a
    movie's first frame, and of a single image's whose name does not end in one. Raises `PlateError`
    when nothing is there or it cannot be read, `NoSuchChannelError` for a layer or view of a file
    that can have none, `UsageError` for a pattern that cannot be read, and for a folder with no
    sequence or several.
    """
    if not _is_unicode(source):
        raise PlateError(ascii(source), "its path is not UTF-8, which no codec opens; rename it")
    wanted = None if channels is None else tuple(channels)
    with os_errors_name(source):
        return _open(source, layer, wanted, view, start_frame)


def _open(
    source: str,
    layer: str | None,
    wanted: tuple[str, ...] | None,
    view: str | None,
    start_frame: int,
) -> PlateReader:
    in_path = "%V" in source or "%v" in source
    sequence = _sequence(source, view)
    suffix = sequence.suffix.lower()
    # A view that chose the file is not looked for inside it.
    inner_view = None if in_path else view
    if suffix in MOVIE_SUFFIXES:
        return _open_movie(sequence, layer, wanted, inner_view, start_frame)
    _require_images(source, sequence)
    reader: ExrReader | ImageReader
    if suffix in _EXR_SUFFIXES:
        from flashdepth_vfx.io.exr import ExrReader
        from flashdepth_vfx.io.exr_channels import ChannelRequest

        request = ChannelRequest(layer, wanted, inner_view)
        reader = ExrReader(sequence, request, start_frame=start_frame)
    else:
        from flashdepth_vfx.io.image import ImageReader

        _refuse_layers(source, layer, inner_view)
        reader = ImageReader(sequence, wanted, start_frame=start_frame)
    # The reader lists the folder, once: a thousand shots are a million names.
    if not reader.frames:
        raise PlateError(source, _nothing_there(sequence))
    return reader


def _is_unicode(path: str) -> bool:
    """Whether no byte of the path stands for itself, as those do that are not UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in path)


def _sequence(source: str, view: str | None) -> FrameSequence:
    path = Path(source).expanduser()
    if path.is_dir():
        return FrameSequence.find_in(path)
    if path.is_file():
        # A name that exists is that file, whatever signs are in it.
        return FrameSequence(path.parent, path.stem, 0, path.suffix)
    return FrameSequence.parse(source, view=view)


def _open_movie(
    sequence: FrameSequence,
    layer: str | None,
    channels: tuple[str, ...] | None,
    view: str | None,
    start_frame: int,
) -> PlateReader:
    path = sequence.path(1)
    _refuse_layers(path, layer, view)
    if channels is not None:
        raise NoSuchChannelError(path, "channel", ",".join(channels), ("R", "G", "B"))
    if sequence.padding or not path.is_file():
        raise PlateError(sequence.pattern, "no such movie; check the path")
    from flashdepth_vfx.io.movie import MovieReader

    return MovieReader(path, start_frame=start_frame)


def _require_images(source: str, sequence: FrameSequence) -> None:
    if sequence.suffix.lower() not in IMAGE_SUFFIXES:
        known = " ".join(sorted(IMAGE_SUFFIXES | MOVIE_SUFFIXES))
        raise PlateError(source, f"'{sequence.suffix}' is no plate's suffix; these are: {known}")


def _refuse_layers(source: str | Path, layer: str | None, view: str | None) -> None:
    """Layers and views are of EXR files alone."""
    if layer is not None:
        raise NoSuchChannelError(source, "layer", layer, ())
    if view is not None:
        raise NoSuchChannelError(source, "view", view, ())


def _nothing_there(sequence: FrameSequence) -> str:
    if not sequence.folder.is_dir():
        return f"there is no folder {sequence.folder}; check the path"
    if not sequence.padding:
        return "no such file; check the path"
    return (
        f"no file matches {sequence.path(1001).name} or another number in its place; "
        "check the name and the count of digits"
    )
