"""Depth as OpenEXR files: one layer in the plate's windows, each file whole or not there."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import OpenEXR

from flashdepth_vfx.errors import (
    CorruptPlateError,
    NoSuchChannelError,
    OutputError,
    SettingsError,
)
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.io.exr_channels import ChannelRequest, choose_channels, list_channels
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.io.exr_layout import check_whole, read_layout
from flashdepth_vfx.io.exr_values import writable
from flashdepth_vfx.plate import Attributes, DepthFrame, FloatArray
from flashdepth_vfx.settings import COVERAGE, EDGE, channel_beside

__all__ = ["COMPRESSIONS", "Compression", "ExrDepthWriter", "Standing", "is_ours"]


@dataclass(frozen=True)
class Compression:
    """A compression by OpenEXR's code for it; `lossless` when it keeps every bit of any float32 channel."""

    code: Any
    lossless: bool


#: By the name that `--compression` takes. htj2k needs a reader of OpenEXR 3.4, zstd one of 3.5.
COMPRESSIONS = MappingProxyType(
    {
        "none": Compression(OpenEXR.NO_COMPRESSION, lossless=True),
        "rle": Compression(OpenEXR.RLE_COMPRESSION, lossless=True),
        "zips": Compression(OpenEXR.ZIPS_COMPRESSION, lossless=True),
        "zip": Compression(OpenEXR.ZIP_COMPRESSION, lossless=True),
        "piz": Compression(OpenEXR.PIZ_COMPRESSION, lossless=True),
        "htj2k256": Compression(OpenEXR.HTJ2K256_COMPRESSION, lossless=True),
        "htj2k32": Compression(OpenEXR.HTJ2K32_COMPRESSION, lossless=True),
        "zstd": Compression(OpenEXR.ZSTD_COMPRESSION, lossless=True),
        "pxr24": Compression(OpenEXR.PXR24_COMPRESSION, lossless=False),
        "b44": Compression(OpenEXR.B44_COMPRESSION, lossless=False),
        "b44a": Compression(OpenEXR.B44A_COMPRESSION, lossless=False),
        "dwaa": Compression(OpenEXR.DWAA_COMPRESSION, lossless=False),
        "dwab": Compression(OpenEXR.DWAB_COMPRESSION, lossless=False),
    }
)
#: Of a file in a frame's place: there is none; a depth file of ours; one of ours that was cut off, or
#: that is empty as after a crash; anything else.
Standing: TypeAlias = Literal["absent", "whole", "torn", "foreign"]
#: The first bytes of every EXR.
_MAGIC = b"\x76\x2f\x31\x01"
#: What every depth file of ours has in its header.
_MARK = "flashdepth/version"
#: The part of a depth channel without a layer, where there are several parts.
_BARE = "depth"


class ExrDepthWriter:
    """Writes `DepthFrame`s to the files of `sequence`. May be called from several threads at once.

    `channel` is the full name of the depth, float32; what precedes its last dot is the part's name, since Nuke makes
    layers of both. Channels beside it are in the same layer, shares of a pixel among them in half precision.
    `compression` is a key of `COMPRESSIONS`: `zips` has one row a chunk, which Nuke reads fastest. `view` is the one
    that is looked for where a file has several. Raises
    `SettingsError` for an unknown compression or an empty channel name.
    """

    def __init__(
        self,
        sequence: FrameSequence,
        *,
        channel: str = "depth.Z",
        compression: str = "zips",
        view: str | None = None,
    ) -> None:
        if compression not in COMPRESSIONS:
            known = ", ".join(COMPRESSIONS)
            raise SettingsError(f"compression '{compression}' is unknown; it is one of: {known}")
        if not channel or channel.startswith(".") or channel.endswith(".") or "\0" in channel:
            raise SettingsError(
                f"channel '{channel}' is not a channel name; write it as depth.Z or Z"
            )
        self.sequence = sequence
        self.channel = channel
        self.view = view
        self.compression = COMPRESSIONS[compression]

    def path(self, frame: int) -> Path:
        """The file that holds `frame`, or would hold it."""
        return self.sequence.path(frame)

    def write(self, depth: DepthFrame) -> int:
        """Write one frame and return its bytes.

        A file of that frame is replaced in one step. Attributes that EXR cannot hold are left out:
        `writable` names them. Raises `DiskFullError`; `OutputError` for a folder that cannot be
        written, a channel that is not `(H, W)` of the data window, or a `flashdepth/*` attribute that EXR
        cannot hold.
        """
        return atomic_write_bytes(self.path(depth.frame), self.encoded(depth, self.channel))

    def encoded(self, depth: DepthFrame, channel: str) -> memoryview:
        """One frame as the bytes of a file. Raises `OutputError` as `write` does."""
        path, shape = self.path(depth.frame), depth.data_window.shape
        layers = {"depth": depth.depth, **depth.beside}
        for name, pixels in layers.items():
            if pixels.shape != shape or not pixels.size:
                what = f"{name} of {pixels.shape}"
                raise OutputError(path, f"{what} does not fill the window {depth.data_window}")
        if any(layer.shape != (*shape, 3) for layer in depth.vectors.values()):
            raise OutputError(path, f"vectors do not fill the window {depth.data_window}")
        encoded = io.BytesIO()
        # No codec threads: the caller writes several frames at once, one thread each.
        file = OpenEXR.File(self._parts(depth, channel), num_threads=0)
        file.write(encoded)
        return encoded.getbuffer()

    def _parts(self, depth: DepthFrame, channel: str) -> list[OpenEXR.Part]:
        """The depth and what lies beside it, and a part for each layer of vectors: Nuke makes layers of parts."""
        header = self._header(depth)
        if depth.vectors:
            # parts of one file need names, each its own
            header.setdefault("name", _BARE)
        channels = {channel: _unstrided(depth.depth)}
        for name, pixels in depth.beside.items():
            # A share of a pixel has 256 steps in most pictures; half precision has 2048 at the least.
            kind = np.float16 if name in (EDGE, COVERAGE) else np.float32
            channels[channel_beside(channel, name)] = _unstrided(pixels, kind)
        parts = [OpenEXR.Part(dict(header), channels)]
        for layer, vectors in depth.vectors.items():
            channels = {
                f"{layer}.{axis}": _unstrided(vectors[..., i]) for i, axis in enumerate("XYZ")
            }
            parts.append(OpenEXR.Part({**header, "name": layer}, channels))
        return parts

    def attributes(self, frame: int) -> dict[str, object] | None:
        """The header attributes of a frame that is whole on disk; None when it is absent or torn.

        In a file of several parts they are those of the part that has the channel, of `view`; where no
        part has it, of another part of ours. Raises `OutputError` for a file that cannot be read.
        """
        path = self.path(frame)
        try:
            check_whole(path, read_layout(path))
            headers = read_headers(path)
            wanted = ChannelRequest(channels=(self.channel,), view=self.view)
            try:
                part = choose_channels(path, *list_channels(headers), wanted).part
            except NoSuchChannelError:
                part = next((i for i, header in enumerate(headers) if is_ours(header)), 0)
            return dict(headers[part])
        except (FileNotFoundError, NotADirectoryError, CorruptPlateError):
            return None
        except OSError as error:
            raise OutputError(path, f"cannot be read ({error.strerror})") from error

    def standing(self, frame: int) -> Standing:
        """What lies in a frame's place. A file of ours is told by `flashdepth/version` in its header.

        Raises `OutputError` for what cannot be read, a folder among others.
        """
        found = self.attributes(frame)
        if found is not None:
            return "whole" if is_ours(found) else "foreign"
        path = self.path(frame)
        try:
            if not path.stat().st_size:
                return "torn"
            return "torn" if any(part.made_here for part in read_layout(path)) else "foreign"
        except (FileNotFoundError, NotADirectoryError):
            return "absent"
        except CorruptPlateError:
            # Cut off inside its header, an EXR is of use to nobody, and nobody can tell whose it was.
            return "torn" if _begins_as_exr(path) else "foreign"
        except OSError as error:
            raise OutputError(path, f"cannot be read ({error.strerror})") from error

    def _header(self, depth: DepthFrame) -> dict[str, Any]:
        header, dropped = writable(depth.attributes)
        for name in dropped:
            # A plate's oddities must not stop a render; what we say of our own frames is never lost.
            if name.startswith("flashdepth/"):
                raise OutputError(
                    self.path(depth.frame),
                    f"attribute '{name}' holds what EXR cannot: {depth.attributes[name]!r}",
                )
        layer = self.channel.rpartition(".")[0]
        if layer:
            header["name"] = layer
        header.update(
            compression=self.compression.code,
            type=OpenEXR.scanlineimage,
            lineOrder=OpenEXR.INCREASING_Y,
            dataWindow=_box(depth.data_window.to_exr()),
            displayWindow=_box(depth.display_window.to_exr()),
            pixelAspectRatio=float(depth.pixel_aspect),
        )
        return header


def _unstrided(pixels: FloatArray, kind: Any = np.float32) -> Any:
    """A copy: OpenEXR reads a buffer as if it had no strides, and changes what it is given."""
    return np.array(pixels, dtype=kind, order="C", copy=True)


def is_ours(attributes: Attributes) -> bool:
    """Whether a header is that of a depth file of ours."""
    return _MARK in attributes


def _box(box: tuple[tuple[int, int], tuple[int, int]]) -> tuple[Any, Any]:
    return np.array(box[0], np.int32), np.array(box[1], np.int32)


def _begins_as_exr(path: Path) -> bool:
    with path.open("rb") as file:
        return _MAGIC.startswith(file.read(len(_MAGIC)))
