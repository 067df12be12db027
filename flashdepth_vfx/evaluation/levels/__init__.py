"""The second generator: clips from real game levels, with exact depth. GPL-2 data, to evaluate, never to train."""

from flashdepth_vfx.evaluation.levels.clips import level_clips

__all__ = ["level_clips"]
