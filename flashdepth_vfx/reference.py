"""Pixels of a depth pass beside those of a layer whose distances are known, from a whole shot."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from flashdepth_vfx.errors import NoSuchChannelError, SettingsError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.plate import FloatArray, Window

__all__ = ["open_reference", "sampled_pairs", "view_of_reference"]

#: Of a frame, rows and columns apart: enough to know a scale, few enough for a thousand frames.
_LATTICE = 48
#: Renderers put the sky at some such distance.
_SKY = 1e6

Sampled = tuple[FloatArray, FloatArray]


def open_reference(pattern: str, layer: str, view: str | None) -> PlateReader:
    """The reference's reader. `layer` is a channel, or a layer that has a channel Z.

    Raises as `open_plates` does, and `NoSuchChannelError`.
    """
    looking = open_plates(pattern, view=view)
    try:
        channels = looking.header(looking.frames[0]).channels
    finally:
        looking.close()
    for name in (layer, f"{layer}.Z"):
        if name in channels:
            return open_plates(pattern, channels=(name,), view=view)
    raise NoSuchChannelError(looking.name, "layer", layer, channels)


def view_of_reference(pattern: str, view: str | None) -> str | None:
    """The reference's view that goes with `view` of the depth; None where it has no views.

    Raises as `open_plates` does.
    """
    if view is None or "%V" in pattern or "%v" in pattern:
        return view
    reader = open_plates(pattern)
    try:
        return view if view in reader.header(reader.frames[0]).views else None
    finally:
        reader.close()


def sampled_pairs(
    frames: Iterable[int],
    disparity_of: Callable[[int], tuple[FloatArray, Window]],
    reference: PlateReader,
) -> Sampled:
    """Disparity and distance of the same pixels, `(N,)` each, over all frames that both have.

    A pixel counts where the depth pass is no sky and the reference has a distance that is no sky. Raises
    `SettingsError` when they share no frame.
    """
    shared = sorted(set(frames) & set(reference.frames))
    if not shared:
        raise SettingsError(f"{reference.name}: it has no frame of the depth pass")
    pairs = [_pairs(*disparity_of(frame), reference, frame) for frame in shared]
    return np.concatenate([d for d, _ in pairs]), np.concatenate([z for _, z in pairs])


def _pairs(disparity: FloatArray, data: Window, reference: PlateReader, frame: int) -> Sampled:
    plate = reference.read(frame)
    other = plate.header.data_window
    left, top = max(data.x, other.x), max(data.y, other.y)
    right = min(data.x + data.width, other.x + other.width)
    bottom = min(data.y + data.height, other.y + other.height)
    rows = np.unique(np.linspace(top, bottom - 1, _LATTICE).astype(int))
    columns = np.unique(np.linspace(left, right - 1, _LATTICE).astype(int))
    if right <= left or bottom <= top:
        rows = columns = np.empty(0, int)
    ours = disparity[np.ix_(rows - data.y, columns - data.x)].ravel()
    theirs = plate.rgb[..., 0][np.ix_(rows - other.y, columns - other.x)].ravel()
    known = (ours > 0) & np.isfinite(theirs) & (theirs > 0) & (theirs < _SKY)
    return ours[known], theirs[known]
