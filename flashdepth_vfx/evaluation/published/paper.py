"""What the paper says: the sizes that its models see, and its figures. Importing this imports no torch.

The figures are those that a public summary of "FlashDepth: Real-time Streaming Video Depth Estimation at 2K
Resolution" (ICCV 2025) quotes from its tables. They were not compared with the paper itself, and the summary does not
number the tables. What it does not quote is not stated here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from flashdepth_vfx.model import ModelConfig

__all__ = ["SOURCE", "PaperRow", "Scale", "input_size", "paper_row"]

Scale: TypeAlias = Literal["base", "2k"]
"""The paper's low-resolution and high-resolution tests."""

SOURCE = "as a public summary of the paper quotes its tables; not compared with the paper itself"

#: Width and height, plain resize. FlashDepth's data loaders.
_SIZES: Mapping[Scale, Mapping[str, tuple[int, int]]] = {
    "base": {
        "eth3d": (784, 518),
        "waymo": (784, 518),
        "sintel": (1022, 434),
        "urbansyn": (1036, 518),
        "unreal4k": (924, 518),
    },
    "2k": {
        "eth3d": (1918, 1274),
        "waymo": (1918, 1274),
        "sintel": (1022, 434),
        "urbansyn": (2044, 1022),
        "unreal4k": (2044, 1148),
    },
}


@dataclass(frozen=True)
class PaperRow:
    """One model of the paper on one set; None is not stated."""

    model: str
    delta1: float | None = None
    abs_rel: float | None = None
    boundary_f1: float | None = None
    tae: float | None = None


def _accuracy(model: str, **delta1: float) -> dict[str, PaperRow]:
    return {name: PaperRow(model, delta1=value) for name, value in delta1.items()}


#: By registered weights and by how large a picture they see.
_ROWS: Mapping[tuple[str, Scale], Mapping[str, PaperRow]] = {
    ("full", "2k"): {
        **_accuracy("FlashDepth (Full)", eth3d=0.848, sintel=0.642, waymo=0.916),
        "unreal4k": PaperRow("FlashDepth (Full)", delta1=0.545, boundary_f1=0.109),
        "urbansyn": PaperRow("FlashDepth (Full)", delta1=0.862, boundary_f1=0.185),
    },
    ("l", "base"): {
        **_accuracy("FlashDepth-L", eth3d=0.875, sintel=0.642, waymo=0.924),
        "unreal4k": PaperRow("FlashDepth-L", delta1=0.566, boundary_f1=0.048),
        "urbansyn": PaperRow("FlashDepth-L", delta1=0.882, boundary_f1=0.136),
    },
    ("l", "2k"): {
        "unreal4k": PaperRow("FlashDepth-L (high)", boundary_f1=0.143),
        "urbansyn": PaperRow("FlashDepth-L (high)", boundary_f1=0.271),
    },
    ("s", "base"): _accuracy("FlashDepth-S", eth3d=0.786, waymo=0.898, urbansyn=0.784),
}


def paper_row(weights: str, scale: Scale, set_: str) -> PaperRow | None:
    """What the paper has of these registered weights; None where it has nothing."""
    return _ROWS.get((weights, scale), {}).get(set_)


def input_size(
    set_: str, scale: Scale, picture: tuple[int, int], config: ModelConfig, long_side_px: int | None
) -> tuple[int, int]:
    """Rows and columns that the network sees of a picture of so many.

    The paper's size of the set, rounded up to what the network takes; with `long_side_px` that, or for a set that the
    paper is not tested on the picture's own, in its own shape.
    """
    published = _SIZES[scale].get(set_)
    if published is not None and long_side_px is None:
        width, height = published
    else:
        height, width = picture
        factor = (long_side_px or max(picture)) / max(picture)
        height, width = round(height * factor), round(width * factor)
    return _taken(height, config), _taken(width, config)


def _taken(side: int, config: ModelConfig) -> int:
    return math.ceil(max(side, config.min_side_px) / config.multiple) * config.multiple
