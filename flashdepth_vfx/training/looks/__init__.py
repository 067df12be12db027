"""From the scene's light to a plate: lens, exposure, grain, tone and compression, steady or changing in the clip."""

from __future__ import annotations

from flashdepth_vfx.training.looks.develop import develop, mirror
from flashdepth_vfx.training.looks.draw import draw_looks
from flashdepth_vfx.training.looks.look import Look

__all__ = ["Look", "develop", "draw_looks", "mirror"]
