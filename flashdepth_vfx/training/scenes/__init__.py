"""Made scenes: a seed gives a scene, and any device its pictures, exact depth, cameras and masks."""

from __future__ import annotations

from flashdepth_vfx.training.scenes.raytrace import Clip, render
from flashdepth_vfx.training.scenes.scene import Scene, draw_scenes

__all__ = ["Clip", "Scene", "draw_scenes", "render"]
