"""Contact sheets: rows of pictures under their labels, as one PNG; and the colours that depth is shown in."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import OpenImageIO
from numpy.typing import NDArray

from flashdepth_vfx.errors import OutputError, SettingsError

__all__ = [
    "GAP_PX",
    "Picture",
    "coloured",
    "draw_contact_sheet",
    "labelled",
    "resized",
    "scale_of",
]

Picture: TypeAlias = NDArray[np.float32]
"""`(H, W, 3)` as shown, or `(H, W)` grey, 0 to 1."""

GAP_PX = 8
"""Between two cells."""

_LINE_PX, _TEXT_PX = 26, 15
_PAPER, _INK = 0.1, 0.9
#: Far to near: ever lighter, so that it also reads in grey. The last is for what is no number.
_COLOURS = np.array(
    [
        (0.01, 0.01, 0.06),
        (0.14, 0.07, 0.37),
        (0.43, 0.10, 0.47),
        (0.72, 0.21, 0.36),
        (0.93, 0.44, 0.20),
        (0.98, 0.73, 0.25),
        (0.99, 0.99, 0.80),
    ],
    np.float32,
)
_NO_NUMBER = np.array((0.25, 0.32, 0.32), np.float32)
_SAMPLED = 1_000_000


def scale_of(values: NDArray[Any]) -> tuple[float, float]:
    """What is shown darkest and lightest: the 1st and 99th percentile of the numbers among `values`."""
    flat = values.reshape(-1)
    # Of a clip, some of the pixels say it as well as all.
    flat = flat[:: max(len(flat) // _SAMPLED, 1)]
    numbers = flat[np.isfinite(flat)]
    if not len(numbers):
        return 0.0, 1.0
    low, high = np.percentile(numbers, (1, 99))
    # Of a picture of one value, something above it: a scale has two ends, however large the numbers are.
    return float(low), float(max(high, low + 1e-6 * max(abs(low), 1.0)))


def coloured(values: NDArray[Any], low: float, high: float) -> Picture:
    """`(H, W)` to `(H, W, 3)`: `low` and below is darkest, `high` and above lightest, no number a dull green."""
    level = np.clip((values - low) / (high - low), 0.0, 1.0) * (len(_COLOURS) - 1)
    whole = np.isfinite(level)
    level = np.where(whole, level, 0.0)
    below = np.minimum(level.astype(np.int64), len(_COLOURS) - 2)
    share = (level - below)[..., None].astype(np.float32)
    mixed = _COLOURS[below] * (1 - share) + _COLOURS[below + 1] * share
    return np.where(whole[..., None], mixed, _NO_NUMBER).astype(np.float32)


def draw_contact_sheet(
    rows: Sequence[Sequence[tuple[str, Picture]]],
    path: Path,
    cell_width_px: int | Sequence[int] = 320,
) -> None:
    """Rows under each other, each cell a label and its picture; the folder is made.

    The first picture of a row is `cell_width_px` wide (one for all rows, or one for each); the others are as high,
    and as wide as they then must be. The file is whole or not there. Raises `OutputError`; `SettingsError` for a
    row without pictures, and for no rows.
    """
    widths = [cell_width_px] * len(rows) if isinstance(cell_width_px, int) else list(cell_width_px)
    empty = any(not row or not all(picture.size for _, picture in row) for row in rows)
    if not rows or empty or len(widths) != len(rows) or min(widths) < 1:
        raise SettingsError(
            f"{path}: a contact sheet of {len(rows)} rows, one of them empty or without a width"
        )
    sizes = [_sizes(row, cell) for row, cell in zip(rows, widths, strict=True)]
    width = GAP_PX + max(sum(w + GAP_PX for w, _ in row) for row in sizes)
    height = sum(row[0][1] + _LINE_PX + GAP_PX for row in sizes)
    algorithms = OpenImageIO.ImageBufAlgo
    sheet = OpenImageIO.ImageBuf(OpenImageIO.ImageSpec(width, height, 3, "float"))
    algorithms.fill(sheet, (_PAPER,) * 3)
    top = 0
    for row, row_sizes in zip(rows, sizes, strict=True):
        left = GAP_PX
        for (label, picture), (cell_width, cell_height) in zip(row, row_sizes, strict=True):
            algorithms.paste(sheet, left, top, 0, 0, _label(label, cell_width))
            cell = _resized(picture, cell_width, cell_height)
            algorithms.paste(sheet, left, top + _LINE_PX, 0, 0, cell)
            left += cell_width + GAP_PX
        top += row_sizes[0][1] + _LINE_PX + GAP_PX
    _write(sheet, path)


def _sizes(row: Sequence[tuple[str, Picture]], cell_width_px: int) -> list[tuple[int, int]]:
    """Width and height of each cell of a row, all of one height."""
    first = row[0][1]
    height = max(round(cell_width_px * first.shape[0] / first.shape[1]), 1)
    return [
        (max(round(height * picture.shape[1] / picture.shape[0]), 1), height) for _, picture in row
    ]


def _label(text: str, width_px: int) -> Any:
    """One line of text, cut off where its cell ends."""
    line = OpenImageIO.ImageBuf(OpenImageIO.ImageSpec(width_px, _LINE_PX, 3, "float"))
    OpenImageIO.ImageBufAlgo.fill(line, (_PAPER,) * 3)
    OpenImageIO.ImageBufAlgo.render_text(line, 0, _LINE_PX - 8, text, _TEXT_PX, "", (_INK,) * 3)
    return line


def resized(picture: Picture, width: int, height: int) -> Picture:
    """`picture` at another size, `(height, width, 3)`."""
    pixels: Picture = _resized(picture, width, height).get_pixels()
    return pixels


def labelled(picture: Picture, text: str) -> Picture:
    """`picture` with a line of text above it."""
    width = picture.shape[1]
    line: Picture = _label(text, width).get_pixels()
    return np.concatenate((line, picture))


def _resized(picture: Picture, width: int, height: int) -> Any:
    rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1)
    source = OpenImageIO.ImageBuf(np.ascontiguousarray(rgb, np.float32))
    return OpenImageIO.ImageBufAlgo.resize(source, roi=OpenImageIO.ROI(0, width, 0, height))


def _write(sheet: Any, path: Path) -> None:
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    sheet.set_write_format("uint8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not sheet.write(str(temporary)):
            # Both are taken: what is left pending is printed when Python ends.
            reasons = sheet.geterror(), OpenImageIO.geterror()
            raise OutputError(path, f"cannot be written ({reasons[0] or reasons[1]})")
        os.replace(temporary, path)  # noqa: PTH105 - one system call, named as the man page does
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
