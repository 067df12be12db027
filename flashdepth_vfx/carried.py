"""The channels that go beside depth through a conversion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.settings import EDGE, LAYERS, channel_beside

__all__ = ["CarriedChannels"]

_BESIDE = "flashdepth/beside"


class CarriedChannels:
    """Reads what lies beside the depth `channel` of the files of `pattern`. Several threads may read at once.

    `told` are the header attributes of every frame. Raises `PlateError` when not all frames have the same channels
    beside their depth, or have some that this version does not know.
    """

    def __init__(
        self,
        pattern: str,
        channel: str,
        told: Mapping[int, Mapping[str, Any]],
        view: str | None = None,
    ) -> None:
        said = {frame: str(each.get(_BESIDE, "none")) for frame, each in told.items()}
        first = min(said)
        other = next((frame for frame in said if said[frame] != said[first]), None)
        names = () if said[first] == "none" else tuple(said[first].split(","))
        sets = [part for part in ((EDGE,), LAYERS) if set(part) <= set(names)]
        if other is not None:
            reason = f"frame {other} has {said[other]} beside its depth, and frame {first} has {said[first]}"
            raise PlateError(Path(pattern), f"{reason}: render them alike")
        if set(names) != {name for part in sets for name in part}:
            raise PlateError(Path(pattern), f"has {said[first]} beside its depth, not known here")
        # Those that belong together are three, and read in one pass, as a picture is.
        self._readers = {
            part: open_plates(
                pattern, channels=tuple(channel_beside(channel, n) for n in part), view=view
            )
            for part in sets
        }

    def read(self, frame: int) -> dict[str, FloatArray]:
        """`(H, W)` of each, by name. Raises as `PlateReader.read` does."""
        found: dict[str, FloatArray] = {}
        for part, reader in self._readers.items():
            pixels = reader.read(frame).rgb
            found |= {n: np.ascontiguousarray(pixels[..., i]) for i, n in enumerate(part)}
        return found

    def close(self) -> None:
        """Let go of the files."""
        for reader in self._readers.values():
            reader.close()
