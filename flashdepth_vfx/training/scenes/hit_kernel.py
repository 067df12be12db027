"""`solids.first_hit` as one Triton kernel: a program holds a run of rays of one view and walks that view's solids.

The plain version holds every ray against every solid in memory, which is most of a picture's time on a GPU. Constants
and patterns are those of `solids` and `textures`; a test holds the two against each other.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

__all__ = ["kernel_first_hit", "kernel_is_there"]

_RAYS = 256


@cache
def kernel_is_there() -> bool:
    """Whether Triton can be imported: it comes with PyTorch's CUDA builds and with no other."""
    try:
        import triton  # noqa: F401
    except ImportError:
        return False
    return True


def kernel_first_hit(
    to_unit: Tensor,
    centre_m: Tensor,
    mask: Tensor,
    used: Tensor,
    starts: tuple[int, int, int, int],
    rays: tuple[Tensor, Tensor],
    start: float,
) -> tuple[Tensor, Tensor]:
    """As `solids.first_hit`: `starts` are the first slots of the four kinds, `rays` origin and direction."""
    origin, direction = rays
    views, pixels = direction.shape[:2]
    depth = torch.empty(views, pixels, device=direction.device)
    slot = torch.empty(views, pixels, device=direction.device, dtype=torch.int32)
    shared = origin.shape[1] == 1
    grid = (-(-pixels // _RAYS), views)
    _kernel()[grid](
        origin.contiguous(),
        direction.contiguous(),
        to_unit.contiguous(),
        centre_m.contiguous(),
        mask.to(torch.int32).contiguous(),
        used.to(torch.int32).contiguous(),
        depth,
        slot,
        pixels,
        start,
        SOLIDS=to_unit.shape[1],
        CUTOUTS=mask.shape[1],
        BOXES=starts[1],
        CYLINDERS=starts[2],
        FLATS=starts[3],
        SHARED=shared,
        RAYS=_RAYS,
    )
    return depth, slot.long()


@cache
def _kernel() -> Any:
    from flashdepth_vfx.training.scenes.hit_program import first_hit_program

    return first_hit_program
