"""An engine put together: the canvas for a picture, and the network, colour and depth that settings ask for.

Shots on disk and live pictures are rendered by engines that are made here, and so give the same pixels.
"""

from __future__ import annotations

from functools import partial

from flashdepth_vfx.color import ColorPlan, ColorTransform
from flashdepth_vfx.engine import DepthEngine
from flashdepth_vfx.manifest import code_of
from flashdepth_vfx.model.attention import choice_in
from flashdepth_vfx.networks import Network
from flashdepth_vfx.plate import Window
from flashdepth_vfx.preprocess import Canvas, plan_canvas
from flashdepth_vfx.settings import RenderSettings, Resolution
from flashdepth_vfx.state import ShotIdentity

__all__ = ["canvas_for", "engine_for"]


def canvas_for(
    network: Network, window: Window, pixel_aspect: float, resolution: Resolution
) -> Canvas:
    """What the network sees of pictures in `window`: as asked for, else the weights' own size, never enlarged."""
    if resolution is None and network.default_long_side_px is not None:
        native = max(window.width * pixel_aspect, window.height)
        resolution = min(network.default_long_side_px, round(native))
    config = network.config
    return plan_canvas(
        window, pixel_aspect, resolution, multiple=config.multiple, minimum=config.min_side_px
    )


def engine_for(
    settings: RenderSettings, network: Network, identity: ShotIdentity, color: ColorPlan
) -> DepthEngine:
    """The engine of one shot."""
    attention = choice_in(identity.kernels)
    return DepthEngine(
        partial(network.runner, attention=attention) if attention else network.runner,
        identity,
        ColorTransform(color),
        network.device,
        code=code_of(settings),
        upsampling=settings.upsampling,
        edge_matte=settings.edge_matte,
        edge_layers=settings.edge_layers,
        stabilise=settings.stabilise,
    )
