"""The game's archives (`.pk3`, which are zip files): its levels, and the pictures on their walls."""

from __future__ import annotations

import struct
import tempfile
import zipfile
import zlib
from pathlib import Path
from types import TracebackType

import numpy as np
import OpenImageIO
from numpy.typing import NDArray

from flashdepth_vfx.errors import CorruptPlateError, PlateError

__all__ = ["PICTURE_PX", "Archive"]

PICTURE_PX = 256
"""All pictures are brought to this side, since they lie in one array on the GPU."""

_SUFFIXES = (".jpg", ".tga", ".png")
# What zipfile raises for a file that is cut off, overwritten, locked, or packed by a newer method.
_UNREADABLE = (
    *(OSError, ValueError, EOFError, RuntimeError),
    *(struct.error, zipfile.BadZipFile, zlib.error),
)


class Archive:
    """All `.pk3` files of a folder, read as one; use it in a `with`. Raises `PlateError` where there are none."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.glob("*.pk3"))
        if not paths:
            raise PlateError(
                folder,
                "no game levels (*.pk3) there; `flashdepth evaluate --fetch FOLDER` brings them",
            )
        self._files: dict[str, tuple[Path, zipfile.ZipFile, zipfile.ZipInfo]] = {}
        self._open: list[zipfile.ZipFile] = []
        for path in paths:
            try:
                file = zipfile.ZipFile(path)
            except _UNREADABLE as error:
                self.close()
                raise CorruptPlateError(path, f"{error}; fetch it again") from error
            self._open.append(file)
            self._files |= {info.filename.lower(): (path, file, info) for info in file.infolist()}

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        for file in self._open:
            file.close()

    def levels(self) -> tuple[str, ...]:
        """Names of the levels, in order: `oa_dm1` of `maps/oa_dm1.bsp`."""
        inside = (Path(name) for name in self._files if name.endswith(".bsp"))
        return tuple(sorted(path.stem for path in inside if path.parent == Path("maps")))

    def level(self, name: str) -> tuple[str, bytes]:
        """What a level is called in messages, and its bytes. Raises `CorruptPlateError`."""
        return self._read(f"maps/{name}.bsp")

    def has_picture(self, name: str) -> bool:
        """Whether there is a picture by a shader's name."""
        return self._picture_file(name) is not None

    def picture(self, name: str) -> NDArray[np.uint8] | None:
        """`(256, 256, 4)`, alpha 255 where the file has none; None where nothing has this name, as some have not.

        Raises `CorruptPlateError`.
        """
        inside = self._picture_file(name)
        if inside is None:
            return None
        source, data = self._read(inside)
        # OpenImageIO reads from Python by path alone.
        with tempfile.TemporaryDirectory(prefix="flashdepth-") as scratch:
            path = Path(scratch) / f"picture{Path(inside).suffix}"
            path.write_bytes(data)
            return _decoded(source, path)

    def _picture_file(self, name: str) -> str | None:
        stem = name.lower().removesuffix(".tga").removesuffix(".jpg")
        return next((stem + s for s in _SUFFIXES if stem + s in self._files), None)

    def _read(self, inside: str) -> tuple[str, bytes]:
        path, file, info = self._files[inside]
        source = f"{path}:{info.filename}"
        try:
            return source, file.read(info)
        except _UNREADABLE as error:
            raise CorruptPlateError(source, f"{error}; fetch {path.name} again") from error


def _decoded(source: str, path: Path) -> NDArray[np.uint8]:
    hints = OpenImageIO.ImageSpec()
    # Alpha here is often a gloss, and no cover: the colour is wanted as it is stored.
    hints.attribute("oiio:UnassociatedAlpha", 1)
    image = OpenImageIO.ImageInput.open(str(path), hints)
    if image is None:
        raise CorruptPlateError(source, f"{OpenImageIO.geterror()}; fetch it again")
    pixels = image.read_image(0, 0, 0, image.spec().nchannels, OpenImageIO.FLOAT)
    reason = image.geterror()
    image.close()
    if pixels is None or reason:
        raise CorruptPlateError(source, f"{reason or 'it cannot be read'}; fetch it again")
    rgba = np.ones((*pixels.shape[:2], 4), np.float32)
    channels = pixels.shape[2]
    rgba[..., :3] = pixels[..., :3] if channels >= 3 else pixels[..., :1]
    if channels in (2, 4):
        rgba[..., 3] = pixels[..., -1]
    square = OpenImageIO.ROI(0, PICTURE_PX, 0, PICTURE_PX)
    # The filter that is used unless said takes most of the time that a level takes to load.
    small = OpenImageIO.ImageBufAlgo.resize(OpenImageIO.ImageBuf(rgba), "triangle", roi=square)
    values = np.asarray(small.get_pixels(OpenImageIO.FLOAT))
    levels: NDArray[np.uint8] = np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
    return levels
