"""Made scenes: a seed gives a scene, and any device its pictures, exact depth, cameras and masks."""

from __future__ import annotations

from flashdepth_vfx.training.scenes.clip import Clip, spliced
from flashdepth_vfx.training.scenes.draw_scene import draw_scenes
from flashdepth_vfx.training.scenes.raytrace import render
from flashdepth_vfx.training.scenes.scene import Scene

__all__ = ["Clip", "Scene", "draw_scenes", "render", "spliced"]
