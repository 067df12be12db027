"""Depth passes on disk, as a reviewer finds them: which files are frames of one, what they say, and what is amiss."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from flashdepth_vfx.depth import DISPARITY_PER_INVERSE_METRE, DepthCode
from flashdepth_vfx.depthfile import code_said_by
from flashdepth_vfx.errors import (
    CorruptPlateError,
    NoSuchChannelError,
    OutputError,
    PlateError,
    UsageError,
)
from flashdepth_vfx.frames import FrameRange, FrameSequence
from flashdepth_vfx.ignored import ignored_in
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.exr_channels import list_channels
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.io.exr_writer import ExrDepthWriter, is_ours
from flashdepth_vfx.io.sequence import os_errors_name
from flashdepth_vfx.manifest import FrameRecord, record_of
from flashdepth_vfx.pipeline import each_header, read_ahead
from flashdepth_vfx.plate import FloatArray, Window
from flashdepth_vfx.settings import SceneUnit, channel_of
from flashdepth_vfx.workers import usable_cores, worker_count

__all__ = ["DepthPass", "Seen", "find_passes"]

#: A bare depth channel, or the one that a render writes unless it is told otherwise.
_USUAL = ("depth.Z", "Z")
#: Layers of points and normals have a Z too.
_VECTORS = ("P.Z", "N.Z")


@dataclass(frozen=True)
class Seen:
    """A frame as it is judged: `values` `(H, W)` float32 in the pass's `unit`, NaN where its network saw nothing of
    the scene.
    """

    frame: int
    values: FloatArray
    data_window: Window


@dataclass(frozen=True)
class DepthPass:
    """The depth files of one sequence, in one of their views.

    `headers` are those of the frames that are whole, in order; `torn` maps the others to what is wrong with them.
    `view` is None for files of one view.
    """

    sequence: FrameSequence
    channel: str
    view: str | None
    headers: Mapping[int, Mapping[str, Any]]
    torn: Mapping[int, str]

    @property
    def name(self) -> str:
        """Of the sequence, and of the view where there are several."""
        return f"{self.sequence.name} {self.view}" if self.view else self.sequence.name

    @property
    def frames(self) -> tuple[int, ...]:
        """Those that are whole."""
        return tuple(self.headers)

    @property
    def holes(self) -> FrameRange:
        """The frames between the first and the last that have no file."""
        there = {*self.headers, *self.torn}
        return FrameRange.of(set(range(min(there), max(there) + 1)) - there)

    @cached_property
    def records(self) -> tuple[FrameRecord, ...]:
        """What each frame's header says of it."""
        return tuple(record_of(frame, told) for frame, told in self.headers.items())

    @cached_property
    def code(self) -> DepthCode | None:
        """How its pixels are turned into disparity; None where they are taken as they are, which a normalised pass
        and distances along the ray must be.
        """
        try:
            return code_said_by(self._first, self.sequence.path(self.frames[0]))
        except PlateError:
            return None

    @property
    def unit(self) -> str:
        """Of `Seen.values`, in words."""
        said = str(self._first.get("flashdepth/unit", "unknown"))
        if self.code is None or said.startswith("relative"):
            return said
        nominal = "" if self._first.get("flashdepth/calibrated") else ", nominal: uncalibrated"
        return f"1/Z in 1/{self.code.unit}{nominal}"

    @property
    def near_is_larger(self) -> bool:
        """Whether larger values are nearer."""
        return self.code is not None or self._first.get("flashdepth/convention") == (
            "normalised_near_white"
        )

    def told(self, name: str) -> str:
        """What the first frame's header says as `flashdepth/name`; "" where it says nothing."""
        return str(self._first.get(f"flashdepth/{name}", ""))

    def alike(self, name: str) -> Mapping[str, FrameRange]:
        """The frames by what their headers say as `flashdepth/name`."""
        by_value: dict[str, list[int]] = {}
        for frame, told in self.headers.items():
            by_value.setdefault(str(told.get(f"flashdepth/{name}", "")), []).append(frame)
        return {value: FrameRange.of(frames) for value, frames in by_value.items()}

    def look(self, frames: Iterable[int]) -> Generator[Seen | PlateError, None, None]:
        """These frames in order, read on threads ahead; in place of one that cannot be read, the error."""
        reader = open_plates(self.sequence.pattern, channels=(self.channel,), view=self.view)
        workers = worker_count(len(usable_cores()), network_on_cpu=False)

        def load(frame: int) -> Seen | PlateError:
            try:
                plate = reader.read(frame)
                unseen = ignored_in(self.headers[frame], plate.header)
            except PlateError as error:
                return error
            values = self._values(np.ascontiguousarray(plate.rgb[..., 0]))
            if unseen is not None:
                values = np.where(unseen, np.float32(np.nan), values)
            return Seen(frame, values, plate.header.data_window)

        try:
            for _, seen in read_ahead(frames, load, workers=workers, ahead=2 * workers):
                yield seen
        finally:
            reader.close()

    def _values(self, pixels: FloatArray) -> FloatArray:
        if self.code is None:
            return pixels
        unit = SceneUnit(self.code.unit).metres
        return self.code.decode(pixels) * np.float32(unit / DISPARITY_PER_INVERSE_METRE)

    @property
    def _first(self) -> Mapping[str, Any]:
        return next(iter(self.headers.values()))


def find_passes(
    source: str, *, layer: str | None = None, view: str | None = None
) -> tuple[DepthPass, ...]:
    """The passes of `source`, a frame pattern or a folder, which may have them in folders of its own.

    `layer` is that of the depth channel, where it has no usual name; `view` is the one of several that is meant, and
    fills `%V`. Raises `PlateError` where there is no depth of ours, or no whole frame of it.
    """
    folder = Path(source).expanduser()
    with os_errors_name(source):
        if folder.is_dir():
            sequences = _ours_in(folder) or tuple(
                sequence
                for inner in sorted(folder.iterdir())
                if inner.is_dir() and not inner.name.endswith(".flashdepth")
                for sequence in _ours_in(inner)
            )
        else:
            sequences = (FrameSequence.parse(source, view=view),)
            view = None if "%V" in source or "%v" in source else view
        found = tuple(one for sequence in sequences for one in _views_of(sequence, layer, view))
    if not found:
        raise PlateError(source, "holds no depth of ours; name the folder that a render wrote to")
    return found


def _ours_in(folder: Path) -> tuple[FrameSequence, ...]:
    return tuple(
        sequence
        for sequence in FrameSequence.all_in(folder)
        if sequence.suffix.lower() == ".exr" and _has_depth(sequence)
    )


def _has_depth(sequence: FrameSequence) -> bool:
    for frame in sequence.frames_on_disk():
        try:
            return any(map(is_ours, read_headers(sequence.path(frame))))
        except CorruptPlateError:
            # The next one tells whose they are.
            continue
    return False


def _views_of(
    sequence: FrameSequence, layer: str | None, view: str | None
) -> tuple[DepthPass, ...]:
    if not sequence.frames_on_disk():
        raise PlateError(sequence.pattern, "no such file; check the path")
    path, headers = _first_whole(sequence)
    ours = [c for c in list_channels(headers)[1] if is_ours(headers[c.part])]
    channel = _depth_channel(path, {c.plain for c in ours}, layer)
    views = tuple(dict.fromkeys(c.view for c in ours if c.plain == channel))
    if view is not None and view not in views:
        there = ", ".join(filter(None, views)) or "one without a name"
        raise UsageError(f"{sequence.pattern}: no view '{view}' has {channel}; there is: {there}")
    wanted = views if view is None else (view,)
    return tuple(_pass(sequence, channel, one) for one in wanted)


def _first_whole(sequence: FrameSequence) -> tuple[Path, list[dict[str, Any]]]:
    """The first frame that can be read, and its headers. Raises `PlateError`."""
    for frame in sequence.frames_on_disk():
        path = sequence.path(frame)
        with contextlib.suppress(CorruptPlateError):
            headers = read_headers(path)
            if not any(map(is_ours, headers)):
                raise PlateError(path, "is not depth of ours; render it first")
            return path, headers
    raise PlateError(sequence.pattern, "none of its frames is whole; render it again")


def _depth_channel(path: Path, names: Collection[str], layer: str | None) -> str:
    if layer is not None:
        if channel_of(layer) in names:
            return channel_of(layer)
        raise NoSuchChannelError(path, "layer", layer, sorted(names))
    usual = [name for name in _USUAL if name in names]
    others = sorted(n for n in names if n.endswith(".Z") and n not in _VECTORS)
    if not (usual or others):
        raise PlateError(path, "has no depth channel; name its layer with --depth-layer")
    return (usual or others)[0]


def _pass(sequence: FrameSequence, channel: str, view: str | None) -> DepthPass:
    files = ExrDepthWriter(sequence, channel=channel, view=view)
    reader = open_plates(sequence.pattern, channels=(channel,), view=view)
    headers: dict[int, Mapping[str, Any]] = {}
    torn: dict[int, str] = {}

    def told(frame: int) -> Mapping[str, Any] | str:
        try:
            found = files.attributes(frame)
        except OutputError as error:
            return str(error)
        if found is None:
            return f"{files.path(frame)}: is torn; render it again"
        return found if is_ours(found) else f"{files.path(frame)}: is not depth of ours"

    for frame, found in each_header(reader.frames, told):
        if isinstance(found, str):
            torn[frame] = found
        else:
            headers[frame] = found
    reader.close()
    if not headers:
        raise PlateError(sequence.pattern, "none of its frames is whole; render it again")
    return DepthPass(sequence, channel, view, headers, torn)
