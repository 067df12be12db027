"""The order of things: from the scene's light through the lens onto film, and out as a plate.

What is drawn for a clip comes from numpy on the CPU and the grain from integer hashes, so that a seed gives the same
picture on every device: 99 of 100 pixels within 0.02. The rest are where rounding in the compression tips over, or
where a ray that grazes an edge falls on either side of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from flashdepth_vfx.training.looks.compress import compressed
from flashdepth_vfx.training.looks.defocus import defocused
from flashdepth_vfx.training.looks.film import graded, grained, toned
from flashdepth_vfx.training.looks.lens import aberrated, glowing, softened, vignetted
from flashdepth_vfx.training.looks.look import Look, per_clip

__all__ = ["develop", "mirror"]

#: the usual 0.18 of a grey card, and a third of a stop for what is brighter than cards
_MEAN_LEVEL = 0.23
_BRIGHTEST = 16.0
_METER_STEP = 4


@torch.no_grad()
def develop(rgb_linear: Tensor, disparity_100_per_m: Tensor, look: Look) -> Tensor:
    """Scene light `(B, T, 3, H, W)` to display-referred RGB in [0, 1], same shape.

    `disparity_100_per_m` is `(B, T, H, W)`; height and width are at least 8. Mirroring is `mirror`'s; lights and
    shutter are the renderer's.
    """
    # a lens is linear in light, so exposing first changes nothing, and says what is too bright for any film
    x = _exposed(rgb_linear, look)
    x = defocused(x, disparity_100_per_m, look)
    x = softened(x, look.blur_px)
    x = aberrated(x, look.aberration)
    x = vignetted(x, look.vignette)
    x = glowing(x, look.glow)
    x = grained(x, look)
    x = toned(x, look)
    x = graded(x, look)
    return compressed(x, look.jpeg_quality).clamp_(0.0, 1.0)


def mirror(x: Tensor, look: Look) -> Tensor:
    """`(B, T, ..., W)` with the clips that the look mirrors turned left to right."""
    where = look.flip.view(-1, *(1,) * (x.ndim - 1)) > 0
    return torch.where(where, x.flip(-1), x)


def _exposed(rgb_linear: Tensor, look: Look) -> Tensor:
    """The light that falls on the film."""
    # exposed for the clip, never for the frame: a frame of its own exposure would be one more flicker
    metered = rgb_linear[..., ::_METER_STEP, ::_METER_STEP].clamp(0.0, 4.0)
    mean = metered.mean((1, 2, 3, 4)).clamp_min(1e-3)
    gain = torch.exp2(look.exposure_stops)[..., None] * look.white
    gain = gain[..., None, None] * per_clip(_MEAN_LEVEL / mean)
    return (rgb_linear * gain).clamp_(0.0, _BRIGHTEST)
