"""ExrReader: plates from OpenEXR files, of any layer, channel or view."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO

from flashdepth_vfx.errors import CorruptPlateError, PlateError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.chroma import full_size, rgb_from_luminance_chroma
from flashdepth_vfx.io.exr_channels import (
    ChannelChoice,
    ChannelRequest,
    choose_channels,
    list_channels,
)
from flashdepth_vfx.io.exr_header import color_hint, frames_per_second, pixel_aspect, read_headers
from flashdepth_vfx.io.exr_layout import ExrPart, check_whole, read_layout
from flashdepth_vfx.io.metadata import passes_through
from flashdepth_vfx.io.sequence import SequenceFiles, os_errors_name
from flashdepth_vfx.plate import FloatArray, Plate, PlateHeader

__all__ = ["ExrReader"]


@dataclass(frozen=True)
class _Opened:
    """A file whose headers were read: its parts, and the channels that were chosen from them."""

    path: Path
    parts: tuple[ExrPart, ...]
    headers: list[dict[str, Any]]
    choice: ChannelChoice
    plate_header: PlateHeader

    @property
    def part(self) -> ExrPart:
        return self.parts[self.choice.part]


class ExrReader(SequenceFiles):
    """Reads scanline, tiled (full size level), multipart and multi-view EXR files.

    Several threads may read at once. NaN and infinity stay as they are. `uint` channels keep their
    numbers. Memory is that of the channels that are read, unless channels are subsampled.
    """

    def __init__(
        self, sequence: FrameSequence, request: ChannelRequest, *, start_frame: int = 1
    ) -> None:
        super().__init__(sequence, start_frame=start_frame)
        self.request = request

    def header(self, frame: int) -> PlateHeader:
        """The frame's header. Raises `MissingFrameError`, `CorruptPlateError`, `NoSuchChannelError`."""
        return self._open(frame).plate_header

    def read(self, frame: int) -> Plate:
        """The frame's pixels over the data window of the part that holds the channels.

        Raises `MissingFrameError`; `CorruptPlateError` for a file that is torn, damaged or unsafe;
        `NoSuchChannelError`; `PlateError` for a deep image.
        """
        opened = self._open(frame)
        with os_errors_name(opened.path):
            check_whole(opened.path, opened.parts)
        if opened.part.deep:
            raise PlateError(opened.path, "a deep image is no plate; flatten it first")
        choice = opened.choice
        names = [*choice.color, *([choice.alpha] if choice.alpha else [])]
        # OpenImageIO opens no file that has a subsampled channel, even one that is not asked for.
        read = _read_subsampled if _is_subsampled(opened.headers) else _read_channels
        planes = read(opened, names)
        return Plate(
            header=opened.plate_header,
            rgb=_picture(opened, planes[: len(choice.color)]),
            alpha=np.ascontiguousarray(planes[-1]) if choice.alpha else None,
            premultiplied=choice.alpha is not None,
        )

    def _open(self, frame: int) -> _Opened:
        path = self.existing(frame)
        with os_errors_name(path):
            parts, headers = read_layout(path), read_headers(path)
        if len(headers) != len(parts):
            raise CorruptPlateError(
                path, f"{len(parts)} parts are stated, {len(headers)} are readable"
            )
        views, channels = list_channels(headers)
        choice = choose_channels(path, views, channels, self.request)
        header, part = headers[choice.part], parts[choice.part]
        plate_header = PlateHeader(
            path=path,
            frame=frame,
            kind="exr",
            data_window=part.data_window,
            display_window=part.display_window,
            pixel_aspect=pixel_aspect(header),
            channels=tuple(c.shown for c in channels),
            views=views,
            color_hint=color_hint(header),
            frames_per_second=frames_per_second(header),
            attributes=passes_through(header, single_view=True),
        )
        return _Opened(path, parts, headers, choice, plate_header)


def _picture(opened: _Opened, planes: Sequence[FloatArray]) -> FloatArray:
    """`(H, W, 3)` from the planes of colour."""
    if opened.choice.luminance_chroma:
        chromaticities = opened.headers[opened.choice.part].get("chromaticities")
        return rgb_from_luminance_chroma(planes[0], planes[1], planes[2], chromaticities)
    three = planes if len(planes) == 3 else [planes[0]] * 3
    return np.stack(three, axis=-1)


def _read_channels(opened: _Opened, names: Sequence[str]) -> list[FloatArray]:
    """The named channels as float32 planes, decoding no other channel's run of the file."""
    reader = OpenImageIO.ImageInput.open(os.fspath(opened.path))
    if reader is None:
        raise CorruptPlateError(
            opened.path, f"cannot be read ({_one_line(OpenImageIO.geterror())})"
        )
    try:
        part = opened.choice.part
        if not reader.seek_subimage(part, 0):
            raise CorruptPlateError(opened.path, f"its part {part} cannot be read")
        spec = reader.spec()
        stored = {name: index for index, name in enumerate(spec.channelnames)}
        indices = [stored[name] for name in names]
        planes: dict[int, FloatArray] = {}
        for first, end in _runs(indices):
            # As uint32, since OpenImageIO scales integers to 0..1 on the way to float.
            whole = any(spec.channelformat(i) == OpenImageIO.UINT32 for i in range(first, end))
            kind = OpenImageIO.UINT32 if whole else OpenImageIO.FLOAT
            pixels = reader.read_image(part, 0, first, end, kind)
            if pixels is None or pixels.shape[:2] != opened.part.data_window.shape:
                reason = _one_line(reader.geterror()) or "its pixels do not fill its data window"
                raise CorruptPlateError(opened.path, f"cannot be read ({reason})")
            pixels = pixels.reshape(*pixels.shape[:2], end - first)
            planes.update((i, pixels[..., i - first].astype(np.float32)) for i in range(first, end))
        return [planes[index] for index in indices]
    finally:
        reader.close()


def _runs(indices: Sequence[int]) -> list[tuple[int, int]]:
    """Half-open runs of neighbours that cover `indices`: each costs one pass over the file."""
    runs: list[tuple[int, int]] = []
    for index in sorted(set(indices)):
        if runs and index == runs[-1][1]:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs


def _is_subsampled(headers: Sequence[dict[str, Any]]) -> bool:
    return any(c.xSampling != 1 or c.ySampling != 1 for h in headers for c in h["channels"])


def _read_subsampled(opened: _Opened, names: Sequence[str]) -> list[FloatArray]:
    """The named channels as full-size float32 planes, through OpenEXR, which decodes every channel."""
    # With damaged pixels OpenEXR raises nothing and drops the part.
    parts = OpenEXR.File(os.fspath(opened.path), separate_channels=True).parts
    if len(parts) != len(opened.parts):
        raise CorruptPlateError(opened.path, "its pixels are damaged; copy it again")
    channels = parts[opened.choice.part].channels
    shape = opened.part.data_window.shape
    return [
        full_size(
            np.asarray(channels[n].pixels, np.float32),
            shape,
            channels[n].xSampling,
            channels[n].ySampling,
        )
        for n in names
    ]


def _one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
