"""Plates of every kind that an EXR can be, and how two files are compared to the last byte."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO
from plates import RawChannel, exr_attribute, picture, write_exr, write_exr_parts, write_raw_exr

from flashdepth_vfx.io.exr_container import open_source, text_attribute, write_joined
from flashdepth_vfx.io.exr_layout import ExrPart, read_layout
from flashdepth_vfx.plate import Window

__all__ = ["KINDS", "chunks_of", "pixels_by_openexr", "pixels_by_openimageio", "windows_apart"]

HEIGHT, WIDTH = 40, 50
_RGB = picture(HEIGHT, WIDTH).astype(np.float16)
_BOX = Window(0, 0, WIDTH, HEIGHT)
_NOISE = np.random.default_rng(3).normal(size=(HEIGHT, WIDTH)).astype(np.float32)


def _scanline(compression: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        code = getattr(OpenEXR, f"{compression}_COMPRESSION")
        channels = {"RGB": _RGB, "id": np.arange(_NOISE.size, dtype="u4").reshape(_NOISE.shape)}
        return write_exr(path, channels | {"aov.x": _NOISE}, compression=code)

    return make


def _decreasing(path: Path) -> Path:
    return write_exr(path, {"RGB": _RGB}, lineOrder=OpenEXR.DECREASING_Y)


def windows_apart(path: Path) -> Path:
    """A data window that leaves the display window on two sides, and what a camera says."""
    return write_exr(
        path,
        {"RGB": _RGB},
        data=Window(-7, -3, WIDTH, HEIGHT),
        display=Window(0, 0, 60, 30),
        pixelAspectRatio=2.0,
        timeCode=OpenEXR.TimeCode(1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        chromaticities=(0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767),
        acesImageContainerFlag=1,
        owner="the show",
    )


def _long_names(path: Path) -> Path:
    name = "a_layer_whose_name_is_longer_than_thirty_one_bytes.R"
    return write_exr(path, {"RGB": _RGB, name: _NOISE})


def _odd_attributes(path: Path) -> Path:
    """Latin-1 text, a type that nobody knows, a stale count, a rate over 0: as files in the wild have."""
    extra = (
        exr_attribute("note", "string", b"caf\xe9")
        + exr_attribute("vendor", "vendorType", b"\x00\x01\x02")
        + exr_attribute("framesPerSecond", "rational", struct.pack("<iI", 24, 0))
        + exr_attribute("chunkCount", "int", struct.pack("<i", 3))
    )
    planes = [RawChannel(name, _RGB[..., i].astype("f4")) for i, name in enumerate("RGB")]
    return write_raw_exr(path, planes, _BOX, extra=extra)


def _subsampled(path: Path) -> Path:
    half = RawChannel("BY", _NOISE[::2, ::2], 2), RawChannel("RY", _NOISE[::2, ::2], 2)
    return write_raw_exr(path, [RawChannel("Y", np.abs(_NOISE)), *half], _BOX)


def _tiled(path: Path) -> Path:
    return _by_oiio(path, tile=16)


def _mip_mapped(path: Path) -> Path:
    return _by_oiio(path, tile=16, levels=True)


def _by_oiio(path: Path, tile: int, *, levels: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = OpenImageIO.ImageBuf(_RGB.astype(np.float32))
    if levels:
        config = OpenImageIO.ImageSpec()
        config.tile_width = config.tile_height = tile
        kind = OpenImageIO.MakeTxTexture
        assert OpenImageIO.ImageBufAlgo.make_texture(kind, pixels, str(path), config)
        return path
    pixels.set_write_tiles(tile, tile)
    assert pixels.write(str(path))
    return path


def _parts(path: Path) -> Path:
    return write_exr_parts(
        path,
        [
            ({"name": "beauty"}, {"RGB": _RGB}),
            ({"name": "aov", "compression": OpenEXR.PIZ_COMPRESSION}, {"aov.x": _NOISE}),
        ],
    )


def _deep(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = OpenImageIO.ImageSpec(WIDTH, HEIGHT, 2, "float")
    spec.channelnames, spec.deep = ("fog.A", "fog.Z"), True
    out = OpenImageIO.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert out.write_deep_image(_samples(spec)), out.geterror()
    assert out.close()
    return path


def _parts_of_all_kinds(path: Path) -> Path:
    """Rows, a deep part and tiles in one file, which neither library writes."""
    makers = {"beauty": _scanline("PIZ"), "fog": _deep, "tiled": _tiled}
    with contextlib.ExitStack() as stack:
        sources = []
        for name, make in makers.items():
            made = make(path.with_name(f"{name}.exr"))
            source = open_source(made, stack.enter_context(made.open("rb")))
            named = tuple(part.with_(text_attribute("name", name)) for part in source.parts)
            sources.append(replace(source, parts=named))
        with path.open("wb") as file:
            write_joined(file, sources)
    return path


def _samples(spec: OpenImageIO.ImageSpec) -> OpenImageIO.DeepData:
    samples = OpenImageIO.DeepData()
    samples.init(spec.width * spec.height, 2, (OpenImageIO.FLOAT,) * 2, spec.channelnames)
    for pixel in range(0, spec.width * spec.height, 3):
        samples.set_samples(pixel, pixel % 4)
        for index in range(pixel % 4):
            samples.set_deep_value(pixel, 1, index, float(pixel + index))
    return samples


def _views_in_parts(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_exr_parts(
        path,
        [
            ({"name": "rgba.left", "view": "left"}, {"RGB": _RGB}),
            ({"name": "rgba.right", "view": "right"}, {"RGB": _RGB[:, ::-1]}),
        ],
    )


def _views_in_one_part(path: Path) -> Path:
    channels = {"RGB": _RGB} | {f"left.{c}": _RGB[..., i] for i, c in enumerate("RGB")}
    return write_exr(path, channels, multiView=["right", "left"])


_COMPRESSIONS = [
    "NO",
    "RLE",
    "ZIPS",
    "ZIP",
    "PIZ",
    "PXR24",
    "B44",
    "B44A",
    "DWAA",
    "DWAB",
    "HTJ2K256",
    "ZSTD",
]
#: What a plate can be, by name.
KINDS: Mapping[str, Callable[[Path], Path]] = {
    **{f"rows {name}": _scanline(name) for name in _COMPRESSIONS},
    "rows upwards": _decreasing,
    "windows apart": windows_apart,
    "long names": _long_names,
    "odd attributes": _odd_attributes,
    "subsampled": _subsampled,
    "tiles": _tiled,
    "tiles of all sizes": _mip_mapped,
    "parts": _parts,
    "parts of all kinds": _parts_of_all_kinds,
    "views in parts": _views_in_parts,
    "views in one part": _views_in_one_part,
}


def chunks_of(path: Path) -> list[list[bytes]]:
    """Of each part, the bytes of each chunk in the order of its table, without the part's number."""
    data, parts = path.read_bytes(), read_layout(path)
    several = struct.unpack_from("<I", data, 4)[0] >> 12 & 1
    return [list(_chunks(data, part, 4 * several)) for part in parts]


def _chunks(data: bytes, part: ExrPart, number_bytes: int) -> Iterator[bytes]:
    for offset in struct.unpack_from(f"<{part.chunks}Q", data, part.table):
        start = offset + number_bytes
        place = start + (16 if part.tiled else 4)
        if part.deep:
            end = place + 24 + sum(struct.unpack_from("<2Q", data, place))
        else:
            end = place + 4 + struct.unpack_from("<I", data, place)[0]
        yield data[start:end]


def pixels_by_openexr(path: Path) -> list[dict[str, Any]]:
    """Of each part, the bits of each channel, as OpenEXR decodes them."""
    parts = OpenEXR.File(str(path), separate_channels=True).parts
    return [{name: _bits(c.pixels) for name, c in part.channels.items()} for part in parts]


def _bits(pixels: np.ndarray) -> Any:
    """Those of a deep channel pixel by pixel: None without samples."""
    if pixels.dtype != object:
        return pixels.tobytes()
    return [None if one is None else one.tobytes() for one in pixels.flat]


def pixels_by_openimageio(path: Path) -> list[list[Any]]:
    """Of each part, the bits of each level, as OpenImageIO decodes them."""
    reader = OpenImageIO.ImageInput.open(str(path))
    assert reader is not None, OpenImageIO.geterror()
    found: list[list[Any]] = []
    while reader.seek_subimage(len(found), 0):
        levels: list[Any] = []
        while reader.seek_subimage(len(found), len(levels)):
            levels.append(_level(reader, len(found), len(levels)))
        found.append(levels)
    reader.close()
    return found


def _level(reader: OpenImageIO.ImageInput, part: int, level: int) -> Any:
    spec = reader.spec()
    if not spec.deep:
        pixels = reader.read_image(part, level, 0, spec.nchannels, OpenImageIO.UNKNOWN)
        assert pixels is not None, reader.geterror()
        return pixels.tobytes()
    samples = reader.read_native_deep_image(part, level)
    assert samples is not None, reader.geterror()
    return [
        [samples.deep_value(p, c, s) for c in range(samples.channels) for s in range(n)]
        for p in range(samples.pixels)
        if (n := samples.samples(p))
    ]
