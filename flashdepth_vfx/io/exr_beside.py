"""Depth as a part beside others: the plate's, in a copy whose compressed bytes are the plate's, or another view's."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

from flashdepth_vfx.errors import OutputError, SettingsError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.atomic import atomic_write
from flashdepth_vfx.io.exr_channels import list_channels
from flashdepth_vfx.io.exr_container import (
    Attribute,
    Source,
    open_source,
    text_attribute,
    write_joined,
)
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.io.exr_layout import check_whole, read_layout
from flashdepth_vfx.io.exr_writer import ExrDepthWriter, is_ours
from flashdepth_vfx.io.sequence import os_errors_name
from flashdepth_vfx.plate import DepthFrame

__all__ = ["Base", "Expected", "ExrBesideWriter"]

#: OpenEXR refuses a file whose parts differ in these.
_SHARED = (b"displayWindow", b"pixelAspectRatio", b"timeCode")
#: By its standard an ACES container has one part: a copy with two is none.
_OF_ONE_PART = (b"acesImageContainerFlag",)
#: More than any header of ours takes.
_HEADER_BYTES = 65_536
#: Of one row, in the worst case its own chunk: place in the table, part number, row, size.
_ROW_BYTES = 20


class Base(Enum):
    """What the depth is put beside."""

    #: The parts of the plate, in a copy of it.
    PLATE = "plate"
    #: What the output holds already: the depth of the views before this one.
    OUTPUT = "output"
    #: Nothing: it is the first view of a file that has one part a view.
    NOTHING = "nothing"


@dataclass(frozen=True)
class Expected:
    """What a frame will be: `size_bytes` at most, and a sentence on what its reader should know, or ""."""

    size_bytes: int
    notice: str


@dataclass(frozen=True)
class _Place:
    """How the depth of a view is called, by the rules that the plate's own views follow."""

    name: str
    channel: str
    view: str | None
    extra: tuple[Attribute, ...] = ()


class ExrBesideWriter(ExrDepthWriter):
    """Writes each frame as one more part beside those of its `base`, chunk by chunk as they are.

    The part is called `layer` and its channel `layer.Z`, as in a file of its own. Where the plate,
    `plate_of(frame)`, has views, the part is `layer.view`: with the attribute `view` where the plate has a
    part for each view, or with the channel `layer.view.Z` where it is an old one of all views in one
    part. `view` None is the plate's default view.
    """

    def __init__(
        self,
        sequence: FrameSequence,
        plate_of: Callable[[int], Path],
        *,
        layer: str,
        base: Base = Base.PLATE,
        view: str | None = None,
        compression: str = "zips",
    ) -> None:
        super().__init__(sequence, channel=f"{layer}.Z", compression=compression, view=view)
        self.layer = layer
        self.base = base
        self._plate_of = plate_of

    def expect(self, frame: int, *, later: Sequence[str] = ()) -> Expected:
        """Look at a frame before anything is written. The depth of views that come `later` goes there too.

        Raises `SettingsError` for a plate that has a part or layer of that name already, `PlateError`
        as a reader does.
        """
        plate = self._plate_of(frame)
        with os_errors_name(plate):
            layout, headers = read_layout(plate), read_headers(plate)
        places = [_place_in(headers, self.layer, view) for view in (self.view, *later)]
        size, notice = self._check_base(frame, *places)
        pixels = max(part.data_window.width * part.data_window.height for part in layout)
        rows = max(part.data_window.height for part in layout)
        depth = 4 * pixels + _ROW_BYTES * rows + _HEADER_BYTES
        # A plate of one part gets the number of it before each of its chunks.
        return Expected(
            size + sum(4 * part.chunks for part in layout) + len(places) * depth, notice
        )

    def write(self, depth: DepthFrame) -> int:
        """Write one frame and return its bytes, as `ExrDepthWriter.write` does.

        Raises also as `expect` does, and `CorruptPlateError` for a base that lacks some of its pixels.
        """
        plate = self._plate_of(depth.frame)
        with os_errors_name(plate):
            place = _place_in(read_headers(plate), self.layer, self.view)
        self._check_base(depth.frame, place)
        encoded = io.BytesIO(self.encoded(depth, place.channel))
        ours = open_source(self.path(depth.frame), encoded)
        base = self._base_of(depth.frame)

        def fill(out: BinaryIO) -> None:
            if base is None:
                write_joined(out, (_beside(ours, None, place),))
                return
            with os_errors_name(base):
                check_whole(base, read_layout(base))
                # Closed before the new file takes its place, which may be this one's.
                file = base.open("rb")
            with file:
                there = _as_copied(open_source(base, file), place)
                write_joined(out, (there, _beside(ours, there, place)))

        return atomic_write(self.path(depth.frame), fill)

    def attributes(self, frame: int) -> dict[str, object] | None:
        """As `ExrDepthWriter.attributes`; None also where the file waits for this view."""
        found = super().attributes(frame)
        if found is None or self.base is not Base.OUTPUT or not is_ours(found):
            return found
        names = {str(found.get("name")).rpartition(".")[2], str(found.get("view"))}
        return found if self.view in names else None

    def _base_of(self, frame: int) -> Path | None:
        if self.base is Base.NOTHING:
            return None
        return self._plate_of(frame) if self.base is Base.PLATE else self.path(frame)

    def _check_base(self, frame: int, *places: _Place) -> tuple[int, str]:
        """The bytes of what is there, and what its reader should know of it."""
        path = self._base_of(frame)
        if path is None:
            return 0, ""
        if self.base is Base.OUTPUT:
            try:
                return path.stat().st_size, ""
            except OSError as error:
                raise OutputError(
                    path, f"the depth of the views before is gone ({error.strerror})"
                ) from error
        with os_errors_name(path):
            headers, size = read_headers(path), path.stat().st_size
        for place in places:
            _refuse_taken(path, headers, self.layer, place)
        bare = any(channel.name == "Z" for header in headers for channel in header["channels"])
        notice = f"{path}: has a bare channel Z, which Nuke reads as depth.Z as well; "
        notice += "--depth-layer NAME keeps the two apart there"
        return size, notice if bare and self.channel == "depth.Z" else ""


def _place_in(headers: Sequence[Mapping[str, Any]], layer: str, view: str | None) -> _Place:
    """How the depth of a view is called beside a plate with these headers."""
    views, _ = list_channels(headers)
    own = view if view is not None else (views[0] if views else None)
    if own is None or not views:
        return _Place(layer, f"{layer}.Z", None)
    name = f"{layer}.{own}"
    if any(header.get("view") for header in headers):
        return _Place(name, f"{layer}.Z", own, (text_attribute("view", own),))
    texts = (view.encode() for view in views)
    value = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return _Place(name, f"{name}.Z", own, (Attribute(b"multiView", b"stringvector", value),))


def _refuse_taken(
    path: Path, headers: Sequence[Mapping[str, Any]], layer: str, place: _Place
) -> None:
    """Raise `SettingsError` where a plate has a part or layer of the depth's name."""
    wanted = layer.casefold()
    # Without a name, the one part of a plate becomes "rgba".
    taken = place.name.casefold() in {str(h.get("name") or "rgba").casefold() for h in headers}
    for channel in list_channels(headers)[1]:
        used = (channel.layer.casefold(), channel.part_name.casefold())
        named = wanted in used or used[0].startswith(f"{wanted}.")
        taken |= named and (place.view is None or channel.view in (None, place.view))
    if taken:
        raise SettingsError(
            f"{path}: has a part or layer '{layer}' already; --depth-layer NAME calls ours otherwise"
        )


def _as_copied(base: Source, place: _Place) -> Source:
    """What stays of a base: all but what an earlier render of this view left in it."""
    ours = text_attribute("name", place.name)
    kept = (p for p in base.parts if not (p.layout.made_here and p.get(b"name") == ours))
    return replace(base, parts=tuple(part.without(_OF_ONE_PART) for part in kept))


def _beside(ours: Source, base: Source | None, place: _Place) -> Source:
    """Our one part, as it stands beside those of the base."""
    (part,) = ours.parts
    if base is not None and base.parts:
        shared = [a for a in map(base.parts[0].get, _SHARED) if a is not None]
        part = part.without(_SHARED).with_(*shared)
    part = part.with_(text_attribute("name", place.name), *place.extra)
    return replace(ours, parts=(part,))
