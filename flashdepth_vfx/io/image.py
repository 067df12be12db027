"""ImageReader: plates from DPX, Cineon, TIFF, PNG and JPEG files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO

from flashdepth_vfx.errors import CorruptPlateError, NoSuchChannelError, PlateError, UsageError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.exr_layout import check_window
from flashdepth_vfx.io.image_guard import check_image_whole, mend_dpx_rows
from flashdepth_vfx.io.image_header import (
    color_hint,
    exr_attributes,
    pixel_aspect,
    png_color_hint,
)
from flashdepth_vfx.io.metadata import passes_through
from flashdepth_vfx.io.sequence import SequenceFiles, os_errors_name
from flashdepth_vfx.io.upright import swaps_sides, upright
from flashdepth_vfx.plate import FileKind, FloatArray, Plate, PlateHeader, Window

__all__ = ["ImageReader"]

_KINDS: dict[str, FileKind] = {
    ".dpx": "dpx",
    ".cin": "cineon",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
}
_BITS = {"uint8": 8, "uint16": 16}
_FORMATS: dict[FileKind, str] = {
    "cineon": "cineon",
    "dpx": "dpx",
    "tiff": "tiff",
    "png": "png",
    "jpeg": "jpeg",
}


@dataclass(frozen=True)
class _Described:
    """An open file's specification, and what it says."""

    spec: Any
    orientation: int
    header: PlateHeader


class ImageReader(SequenceFiles):
    """Reads one image a frame; several threads may read at once.

    Integers become 0..1 of their full range by their own bit depth: code 1023 of 10 bits is 1. Floats
    stay as they are. Pixels are turned upright where the file states an orientation. `channels` are 1
    or 3 of the file's names; None is R, G, B, or the first channel where there are fewer than three.
    """

    def __init__(
        self,
        sequence: FrameSequence,
        channels: tuple[str, ...] | None = None,
        *,
        start_frame: int = 1,
    ) -> None:
        super().__init__(sequence, start_frame=start_frame)
        if channels is not None and len(channels) not in (1, 3):
            raise UsageError(f"{len(channels)} channels named ({','.join(channels)}): name 1 or 3")
        self.channels = channels
        self.kind = _KINDS[sequence.suffix.lower()]

    def header(self, frame: int) -> PlateHeader:
        """The frame's header. Raises `MissingFrameError`, `CorruptPlateError`."""
        path = self.existing(frame)
        image = _open(path, self.kind)
        try:
            return self._describe(path, frame, image).header
        finally:
            image.close()

    def read(self, frame: int) -> Plate:
        """The frame's pixels. Raises `MissingFrameError`, `CorruptPlateError`, `NoSuchChannelError`."""
        path = self.existing(frame)
        with os_errors_name(path):
            check_image_whole(path, self.kind)
        image = _open(path, self.kind)
        try:
            described = self._describe(path, frame, image)
            pixels = _read(path, image, described.spec)
        finally:
            image.close()
        spec = described.spec
        color = pixels[..., self._indices(path, spec)]
        if color.shape[-1] == 1:
            color = np.repeat(color, 3, axis=-1)
        alpha = None
        if spec.alpha_channel >= 0 and self.channels is None:
            alpha = upright(pixels[..., spec.alpha_channel], described.orientation)
        associated = not spec.get_int_attribute("oiio:UnassociatedAlpha", 0)
        return Plate(
            header=described.header,
            rgb=upright(color, described.orientation),
            alpha=alpha,
            premultiplied=alpha is not None and associated,
        )

    def _describe(self, path: Path, frame: int, image: Any) -> _Described:
        spec = image.spec()
        found = {attribute.name: attribute.value for attribute in spec.extra_attribs}
        orientation = int(found.get("Orientation", 1))
        data = Window(spec.x, spec.y, spec.width, spec.height)
        display = Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height)
        aspect = pixel_aspect(found)
        if self.kind in ("dpx", "cineon") and swaps_sides(orientation):
            # Whether the stated width is that of the stored rows is read both ways.
            raise PlateError(path, "it is stored on its side, which is ambiguous; save it upright")
        if orientation != 1:
            # How a crop lies in a turned frame is not stated anywhere: the crop is the frame then.
            sides = data.shape if swaps_sides(orientation) else data.shape[::-1]
            data = display = Window(0, 0, *sides)
            aspect = 1 / aspect if swaps_sides(orientation) else aspect
        for window in (data, display):
            check_window(path, window)
        attributes = passes_through(exr_attributes(found), single_view=True)
        rate = attributes.get("framesPerSecond")
        header = PlateHeader(
            path=path,
            frame=frame,
            kind=self.kind,
            data_window=data,
            display_window=display,
            pixel_aspect=aspect,
            channels=tuple(spec.channelnames),
            views=(),
            color_hint=png_color_hint(path) if self.kind == "png" else color_hint(found),
            frames_per_second=None if rate is None else float(rate),
            attributes=attributes,
        )
        return _Described(spec, orientation, header)

    def _indices(self, path: Path, spec: Any) -> list[int]:
        """The places of the colour channels among all."""
        names = list(spec.channelnames)
        if self.channels is None:
            return [names.index(n) for n in "RGB"] if {"R", "G", "B"} <= set(names) else [0]
        for name in self.channels:
            if name not in names:
                raise NoSuchChannelError(path, "channel", name, names)
        return [names.index(name) for name in self.channels]


def _open(path: Path, kind: FileKind) -> Any:
    hints = OpenImageIO.ImageSpec()
    # Without this OpenImageIO multiplies the colour by the alpha while it reads.
    hints.attribute("oiio:UnassociatedAlpha", 1)
    image = OpenImageIO.ImageInput.open(os.fspath(path), hints)
    if image is None:
        reason = " ".join(OpenImageIO.geterror().split()) or "of an unknown kind"
        raise CorruptPlateError(path, f"cannot be read as {kind} ({reason})")
    if image.format_name() != _FORMATS[kind]:
        found = image.format_name()
        image.close()
        raise CorruptPlateError(path, f"its name says {kind}, its bytes say {found}; rename it")
    return image


def _read(path: Path, image: Any, spec: Any) -> FloatArray:
    """All channels as `(H, W, C)` float32."""
    whole = _BITS.get(str(spec.format))
    # OpenImageIO's own way to 0..1 is one bit off for some codes: take the codes, and divide.
    kind = OpenImageIO.FLOAT if whole is None else spec.format
    pixels = image.read_image(0, 0, 0, spec.nchannels, kind)
    if pixels is None or pixels.shape[:2] != (spec.height, spec.width):
        reason = " ".join(image.geterror().split()) or "its pixels are cut off"
        raise CorruptPlateError(path, f"cannot be read ({reason}); copy it again")
    pixels = pixels.reshape(spec.height, spec.width, spec.nchannels)
    if whole is None:
        return np.asarray(pixels, np.float32)
    bits: int = spec.get_int_attribute("oiio:BitsPerSample", 0)
    if whole > bits > 8:
        # 10 and 12 bits come widened to 16 by repeating the high bits.
        pixels, whole = pixels >> (whole - bits), bits
    scaled: FloatArray = pixels.astype(np.float32) / np.float32((1 << whole) - 1)
    mend_dpx_rows(path, scaled)
    return scaled
