"""The plates of a shot with what is to be ignored in each: all masks meet here, and a render sees one."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np

from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.job import Shot
from flashdepth_vfx.masks.borders import Borders, find_borders, lit
from flashdepth_vfx.masks.matte import Matte, open_matte
from flashdepth_vfx.plate import MaskArray, Plate, PlateHeader
from flashdepth_vfx.settings import Empty, RenderSettings

__all__ = ["MaskedPlates", "mask_plates"]


class MaskedPlates:
    """A `PlateReader` whose plates say what of them is `ignored`. It reads those of `plates`, and closes them.

    `borders` is None where what is empty is seen: then alpha does not count either. Raises as `plates` does, and as
    `Matte.ignored`.
    """

    def __init__(self, plates: PlateReader, matte: Matte | None, borders: Borders | None) -> None:
        self.name, self.sequence = plates.name, plates.sequence
        self.frames, self.sequential = plates.frames, plates.sequential
        self._plates, self._matte, self._borders = plates, matte, borders

    @property
    def matte(self) -> str:
        """What mattes ignore, as text; "" without any."""
        return "" if self._matte is None else str(self._matte)

    @property
    def empty(self) -> str:
        """What is ignored because it is empty, as text."""
        return Empty.SEEN.value if self._borders is None else str(self._borders)

    @property
    def mattes(self) -> PlateReader | None:
        """Those that have files of their own, which no output may replace."""
        return None if self._matte is None or self._matte.of_plates else self._matte.reader

    def path(self, frame: int) -> Path:
        """The plate's file."""
        return self._plates.path(frame)

    def header(self, frame: int) -> PlateHeader:
        """The plate's header."""
        return self._plates.header(frame)

    def stamp(self, frame: int) -> str:
        """Of the plate and its matte."""
        matte = "" if self._matte is None else self._matte.stamp(frame)
        return f"{self._plates.stamp(frame)}{matte}"

    def read(self, frame: int) -> Plate:
        """The frame's pixels, and what of them is ignored."""
        plate = self._plates.read(frame)
        masks = [] if self._matte is None else [self._matte.ignored(plate.header)]
        if self._borders is not None:
            masks += [
                m for m in (_uncovered(plate), self._borders.empty_of(plate)) if m is not None
            ]
        masks = [mask for mask in masks if bool(mask.any())]
        return replace(plate, ignored=reduce(np.logical_or, masks)) if masks else plate

    def close(self) -> None:
        """Close plates and mattes."""
        self._plates.close()
        if self._matte is not None:
            self._matte.reader.close()


def mask_plates(
    plates: PlateReader, shot: Shot, settings: RenderSettings, *, empty: str | None
) -> MaskedPlates:
    """The plates of a render. `empty` is that of a state that was handed on, which holds for all of the shot.

    Raises as `open_matte` does.
    """
    matte = None
    if settings.matte is not None or settings.matte_input is not None:
        matte = open_matte(
            settings.matte_input or shot.input,
            settings.matte,
            view=shot.view,
            inverted=settings.matte_invert,
            threshold=settings.matte_threshold,
            of_plates=settings.matte_input is None,
        )
    if settings.empty is Empty.SEEN:
        return MaskedPlates(plates, matte, None)
    decided = empty not in (None, Empty.SEEN.value)
    borders = Borders.parse(str(empty)) if decided else find_borders(plates)
    return MaskedPlates(plates, matte, borders)


def _uncovered(plate: Plate) -> MaskArray | None:
    """Where a plate's alpha says that nothing is there; None where it says nothing.

    Alpha that is 0 all over a picture was never filled in. Light without coverage, as a flame's, is a picture; in
    colour that is not multiplied by its alpha nothing says that it is light.
    """
    alpha = plate.alpha
    if alpha is None or bool((alpha > 0.0).all()):
        return None
    dark = ~lit(plate.rgb)
    if not bool((alpha > 0.0).any()) and not bool(dark.all()):
        return None
    clear = np.asarray(alpha <= 0.0, bool)
    return clear & dark if plate.premultiplied else clear
