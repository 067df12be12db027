"""Live pictures: a camera, a stream or a movie in, depth out, frame by frame with the state kept.

source ─ grab thread ─▶ inbox (the newest, or every one) ─▶ DepthStream ─▶ outputs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashdepth_vfx.lazy import public_names

if TYPE_CHECKING:
    from flashdepth_vfx.live.job import LiveJob as LiveJob
    from flashdepth_vfx.live.legacy import LegacyResult as LegacyResult
    from flashdepth_vfx.live.legacy import legacy_job as legacy_job
    from flashdepth_vfx.live.loop import LiveFrame as LiveFrame
    from flashdepth_vfx.live.loop import LiveOutput as LiveOutput
    from flashdepth_vfx.live.loop import LiveStatus as LiveStatus
    from flashdepth_vfx.live.loop import live_frames as live_frames
    from flashdepth_vfx.live.loop import stream as stream
    from flashdepth_vfx.live.outputs import Shade as Shade
    from flashdepth_vfx.live.outputs import exr_output as exr_output
    from flashdepth_vfx.live.outputs import log_output as log_output
    from flashdepth_vfx.live.outputs import movie_output as movie_output
    from flashdepth_vfx.live.outputs import npy_output as npy_output
    from flashdepth_vfx.live.outputs import png_output as png_output
    from flashdepth_vfx.live.page import LivePage as LivePage
    from flashdepth_vfx.live.processor import FlashDepthProcessor as FlashDepthProcessor
    from flashdepth_vfx.live.published import PublishedConfig as PublishedConfig
    from flashdepth_vfx.live.pushing import DepthStream as DepthStream

_HOME = {
    "DepthStream": "pushing",
    "FlashDepthProcessor": "processor",
    "LegacyResult": "legacy",
    "LiveFrame": "loop",
    "LiveJob": "job",
    "LiveOutput": "loop",
    "LivePage": "page",
    "LiveStatus": "loop",
    "PublishedConfig": "published",
    "Shade": "outputs",
    "exr_output": "outputs",
    "legacy_job": "legacy",
    "live_frames": "loop",
    "log_output": "outputs",
    "movie_output": "outputs",
    "npy_output": "outputs",
    "png_output": "outputs",
    "stream": "loop",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = public_names(__name__, _HOME)
