"""What a look is: how B clips of T frames were lit, filmed, developed and delivered."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from flashdepth_vfx.training.scenes.parts import Arrays

__all__ = ["Look", "per_clip"]


@dataclass(frozen=True)
class Look:
    """How B clips of T frames were filmed, as tensors whose first axis is B, in the order that light meets them.

    Fields without a shape are `(B,)` float32. Only `light_stops`, `exposure_stops` and `white` change in a clip.
    """

    light_stops: Tensor
    """`(B, T)`: by how much the scene's own lights are brighter on a frame. Whoever renders the scene applies it."""
    shutter: Tensor
    """Share of a frame's time that the shutter is open, in [0, 1). Whoever renders the scene applies it."""
    aperture_mm: Tensor
    """Opening of a lens whose focal length is the picture's width; 0 keeps everything sharp."""
    focus_at: Tensor
    """`(B, 2)`: the point, in shares of height and width, that is in focus on the first frame."""
    blur_px: Tensor
    """Sigma of the lens's and the resampling's softness."""
    aberration: Tensor
    """`(B, 2)`: by what share red and blue are magnified more than green."""
    vignette: Tensor
    """Share of the light that is lost in the corners."""
    glow: Tensor
    """`(B, 3)`: share of each colour's light that is scattered about: bloom, and halation where red has more."""
    exposure_stops: Tensor
    """`(B, T)`: against an exposure that is right for the clip as a whole."""
    white: Tensor
    """`(B, T, 3)`: gain of each channel."""
    grain: Tensor
    """Spread of the grain in linear light where a channel is at 1."""
    grain_rgb: Tensor
    """`(B, 3)`: the channels' share of it."""
    grain_film: Tensor
    """0: a sensor's, which goes with the root of the light; 1: a film's, constant in stops."""
    grain_size: Tensor
    """int64, an index into `film.GRAIN_SIGMA_PX`."""
    grain_apart: Tensor
    """int64; 1: each channel has grain of its own, 0: the three share it."""
    salt: Tensor
    """int64: what tells the clip's grain from that of others."""
    contrast: Tensor
    """Power about middle grey, before the shoulder: above 1 it makes a toe."""
    shoulder: Tensor
    """How far highlights bend over; 0 clips them."""
    gamma: Tensor
    """Of the display: light to the power of 1/gamma."""
    log_slope: Tensor
    """Above 0, the clip is looked at in log, with this rise for each stop; 0 is a display's curve."""
    log_grey: Tensor
    """Where a log curve puts middle grey."""
    log_offset: Tensor
    """What a log curve adds to the light, so that black has a logarithm."""
    saturation: Tensor
    """0 is grey."""
    lift: Tensor
    """What black is raised to; below 0, blacks are crushed."""
    jpeg_quality: Tensor
    """1..100 as in JPEG; 0 is not compressed."""
    flip: Tensor
    """1 mirrors left and right."""

    @classmethod
    def from_arrays(cls, arrays: Arrays, device: torch.device) -> Look:
        """What `draw_looks` drew, on a device."""
        return cls(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})

    def part(self, start: int, stop: int) -> Look:
        """The frames `start` up to `stop`, by themselves; their grain is not that of the frames before."""
        frames = slice(start, stop)
        return dataclasses.replace(
            self,
            light_stops=self.light_stops[:, frames],
            exposure_stops=self.exposure_stops[:, frames],
            white=self.white[:, frames],
            salt=self.salt + start,
        )


def per_clip(value: Tensor) -> Tensor:
    """`(B,)` as `(B, 1, 1, 1, 1)`, to meet pictures `(B, T, 3, H, W)`."""
    return value.view(-1, 1, 1, 1, 1)
