"""A network as a predictor: frames go its way one at a time, as the renderer sends them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.measures.clip import Predictor
from flashdepth_vfx.model import FlashDepthNet, ModelConfig, TemporalState
from flashdepth_vfx.plate import FloatArray, Window
from flashdepth_vfx.preprocess import (
    Canvas,
    guide_of,
    network_input,
    plan_canvas,
    to_network,
    to_plate,
)
from flashdepth_vfx.settings import Upsampling

__all__ = [
    "Seen",
    "ToPlate",
    "Upsample",
    "canvas_of",
    "network_predictor",
    "predict_frame",
    "rendered_by",
]


@dataclass(frozen=True)
class Seen:
    """One frame as a network sees it: `picture` `(H, W, 3)` in [0, 1], and the `pixels` `(1, 3, h, w)` that
    `to_network` made of it over `canvas`, both on the CPU."""

    picture: FloatArray
    pixels: Tensor
    canvas: Canvas


ToPlate = Callable[[Tensor], Tensor]
"""Disparity `(h, w)` of a frame to `(H, W)` float32."""

Upsample = Callable[[Seen, torch.device], ToPlate]
"""What there is to know of a frame before its disparity, brought to the device that the network runs on."""


def rendered_by(upsampling: Upsampling) -> Upsample:
    """As the renderer does it."""

    def prepare(seen: Seen, device: torch.device) -> ToPlate:
        window, guide = seen.canvas.window, None
        if upsampling is Upsampling.GUIDED:
            guide = guide_of(seen.picture, seen.pixels).to(device)
        return lambda disparity: to_plate(disparity, window, seen.canvas, upsampling, guide)

    return prepare


def canvas_of(config: ModelConfig, height_px: int, width_px: int, long_side_px: int) -> Canvas:
    """What a network sees of such a picture at this working size."""
    window, multiple = Window(0, 0, width_px, height_px), config.multiple
    return plan_canvas(window, 1.0, long_side_px, multiple=multiple, minimum=config.min_side_px)


def network_predictor(
    net: FlashDepthNet,
    long_side_px: int,
    carry_state: bool = True,
    upsample: Upsample | None = None,
) -> Predictor:
    """`net`, put into evaluation mode, at the working size that the renderer chooses for `long_side_px`.

    The predictor takes one take's frames, `(T, 3, H, W)` in [0, 1] on any device, and gives disparity `(T, H, W)`
    in 100/m on the same device; the network runs where it is. Each call starts without a state; with `carry_state`
    off each frame does. `upsample` is bilinear where none is given. Besides the result, memory does not depend on T.
    Raises `SettingsError` for a size below 1, `ValueError` for what is no take.
    """
    if long_side_px < 1:
        raise SettingsError(f"a long side of {long_side_px} pixels: at least 1")
    # as it renders: convolutions take half the time
    net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def predict(rgb: Tensor) -> Tensor:
        how = upsample or rendered_by(Upsampling.BILINEAR)
        return _predicted(net, rgb, long_side_px, carry_state, how)

    return predict


def predict_frame(
    net: FlashDepthNet, rgb: Tensor, size: tuple[int, int], state: TemporalState | None
) -> tuple[Tensor, TemporalState]:
    """One frame as the published evaluation sees it: `(3, H, W)` in [0, 1] squeezed to `size` (rows, columns).

    Cubic and without a filter, each side by itself. Returns disparity at that size, where the network is, and the
    state after the frame. Raises `ValueError` for a size that the network does not take.
    """
    there = next(net.parameters()).device
    with torch.inference_mode():
        seen = F.interpolate(rgb[None].float().to(there), size, mode="bicubic").clamp(0.0, 1.0)
        disparity, after = net(network_input(seen), state)
    return disparity[0].float(), after


def _predicted(
    net: FlashDepthNet, rgb: Tensor, long_side_px: int, carry_state: bool, upsample: Upsample
) -> Tensor:
    if rgb.ndim != 4 or rgb.shape[1] != 3:
        raise ValueError(f"a take is (T, 3, H, W), not {tuple(rgb.shape)}")
    frames, _, height, width = rgb.shape
    canvas = canvas_of(net.config, height, width, long_side_px)
    there = next(net.parameters()).device
    disparity = rgb.new_empty((frames, height, width), dtype=torch.float32)
    state: TemporalState | None = None
    with torch.inference_mode():
        for index, frame in enumerate(rgb):
            picture = frame.float().permute(1, 2, 0).contiguous().cpu().numpy()
            seen = Seen(picture, to_network(picture, canvas.window, canvas), canvas)
            small, after = net(seen.pixels.to(there), state)
            disparity[index] = upsample(seen, there)(small[0])
            state = after if carry_state else None
    return disparity
