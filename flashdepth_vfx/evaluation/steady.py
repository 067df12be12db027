"""Steadiness where nothing is measured: over a thousand frames that do not change, and on films."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.evaluation.job import SETTLED_FRAME
from flashdepth_vfx.model import FlashDepthNet
from flashdepth_vfx.plate import Window
from flashdepth_vfx.preprocess import network_input, plan_canvas

__all__ = ["Drift", "drift", "unrest"]

_KEPT = (SETTLED_FRAME, 50, 100, 200, 500)
#: Grain alone moves the median of one frame, by a fifth where weights are bad, which is no drift. So many grains
#: come in turn, and the mean of as many frames has had them all.
_GRAINS = 10
#: That of a clean camera: a frame with no grain at all would be the same frame again.
_GRAIN = 0.01
#: In 100/m: farther than a kilometre.
_SKY = 0.1
#: Display levels within which a pixel of a film has not changed.
_SAME = 0.02


@dataclass(frozen=True)
class Drift:
    """`medians`: frame, counted from 1, to the median disparity, as the mean of the ten frames up to it.

    `percent`: how far any of them is from that of frame 20; infinite where one is no number.
    """

    percent: float
    medians: Mapping[int, float]


@torch.inference_mode()
def drift(net: FlashDepthNet, rgb: Tensor, long_side_px: int, frames: int = 1000) -> Drift:
    """Give the network one picture `frames` times, its state carried through all of them, ten grains on it in turn.

    `rgb` `(3, H, W)` in [0, 1]; `long_side_px` is the working size. A few numbers are kept, however many frames.
    Raises `SettingsError` when they are too few to tell, or when the network sees nothing but sky.
    """
    if frames <= SETTLED_FRAME:
        raise SettingsError(f"drift over {frames} frames: more than {SETTLED_FRAME} are needed")
    device = next(net.parameters()).device
    picture = _at_working_size(net, rgb, long_side_px)
    generator = torch.Generator().manual_seed(0)
    grains = torch.randn(_GRAINS, *picture.shape, generator=generator) * _GRAIN
    kept = {frame for frame in _KEPT if frame < frames} | {frames}
    medians: dict[int, float] = {}
    latest: deque[float] = deque(maxlen=_GRAINS)
    state = None
    for frame in range(1, frames + 1):
        seen = network_input((picture + grains[frame % _GRAINS]).clamp(0.0, 1.0))
        disparity, state = net(seen[None].to(device), state)
        latest.append(float(disparity.median()))
        if frame in kept:
            medians[frame] = sum(latest) / len(latest)
    settled = medians[SETTLED_FRAME]
    if settled < _SKY:
        raise SettingsError(
            f"the median disparity of the still scene is below {_SKY}: the weights see sky in most of it, which "
            "cannot drift"
        )
    # of numbers and NaN, max gives whatever comes first
    if not all(map(math.isfinite, medians.values())):
        return Drift(math.inf, medians)
    away = max(abs(median - settled) for median in medians.values())
    return Drift(100.0 * away / settled, medians)


def unrest(rgb: Tensor, disparity: Tensor) -> float:
    """How much depth changes where the picture does not, in percent of the depth's own range over the film.

    `rgb` `(T, 3, H, W)` in [0, 1], `disparity` `(T, H, W)`. The mean, over pairs of frames, of the mean change of
    disparity over the pixels whose colour changes by less than 0.02; the range is from the 5th to the 95th
    percentile. Nobody measured these scenes: a thing may move and look the same. Without range, 0. Raises
    `SettingsError` for a single frame, and where no pixel keeps its colour.
    """
    if len(rgb) < 2:
        raise SettingsError("a film of one frame has no unrest")
    changes = []
    for t in range(len(rgb) - 1):
        same = (rgb[t + 1] - rgb[t]).abs().amax(0) < _SAME
        if bool(same.any()):
            changes.append(float((disparity[t + 1] - disparity[t])[same].abs().mean()))
    if not changes:
        raise SettingsError("no pixel of the film keeps its colour from one frame to the next")
    # quantile takes 2^24 numbers at most
    some = disparity[:, ::4, ::4].flatten().float()
    some = some[:: max(len(some) >> 20, 1)]
    low, high = torch.quantile(some, torch.tensor([0.05, 0.95])).tolist()
    if high - low < 1e-6:
        return 0.0
    return 100.0 * sum(changes) / len(changes) / float(high - low)


def _at_working_size(net: FlashDepthNet, rgb: Tensor, long_side_px: int) -> Tensor:
    """The picture as the network sees it, `(3, h, w)`."""
    height, width = rgb.shape[-2:]
    config = net.config
    canvas = plan_canvas(
        Window(0, 0, width, height),
        1.0,
        long_side_px,
        multiple=config.multiple,
        minimum=config.min_side_px,
    )
    size = (canvas.height, canvas.width)
    resized = torch.nn.functional.interpolate(rgb[None], size, mode="bicubic", antialias=True)
    return resized[0].clamp(0.0, 1.0)
