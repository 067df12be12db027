"""Whether a scene's first picture shows more than one wall or one field: from a handful of rays, not from pixels."""

from __future__ import annotations

from collections import Counter

import torch

from flashdepth_vfx.training.scenes.parts import Arrays
from flashdepth_vfx.training.scenes.scene import FLOOR, Scene
from flashdepth_vfx.training.scenes.shell import rays, shell_hit
from flashdepth_vfx.training.scenes.solids import MISS, Solids, first_hit
from flashdepth_vfx.training.scenes.views import views_at

__all__ = ["shows_something"]

_ROWS, _COLUMNS = 6, 10
_LEAST_SPREAD = 0.22
_LEAST_THINGS = 3
#: of the rays, how many may end on one and the same thing
_MOST_OF_ONE = 0.5
_FARTHEST_M = 70.0


@torch.no_grad()
def shows_something(arrays: Arrays) -> bool:
    """`arrays` of one scene. True if its distances differ by a fifth or so, three things or more are seen, and
    none of them, shell and sky aside, fills half of the picture.
    """
    cpu = torch.device("cpu")
    scene = Scene.from_arrays({name: array[None] for name, array in arrays.items()}, cpu)
    first = torch.zeros(1)
    view = views_at(scene, first.long(), first, first)
    direction = rays(view["eye_turn"], view["focal_ratio"] * _COLUMNS, _ROWS, _COLUMNS)
    solids = Solids(view["to_unit"], view["centre_m"], view["mask"], view["used"])
    eye = view["eye_m"][:, None]
    solid, slot = first_hit(solids, eye, direction, 1e-3)
    behind, face, _ = shell_hit(view, eye, direction)
    slot = torch.where(behind < solid, FLOOR + face, slot)
    depth = torch.minimum(solid, behind)
    slot = torch.where(depth >= MISS / 2, -1, slot)
    spread = float(depth.clamp(0.05, _FARTHEST_M).log().std())
    seen = Counter(slot.flatten().tolist())
    of_one = max((count for one, count in seen.items() if 0 <= one < FLOOR), default=0)
    things = len(seen) >= _LEAST_THINGS and of_one <= _MOST_OF_ONE * _ROWS * _COLUMNS
    return things and spread >= _LEAST_SPREAD
