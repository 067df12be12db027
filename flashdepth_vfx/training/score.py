"""How good a disparity is, after the one scale and shift of a sequence that no single camera can know."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from flashdepth_vfx.model import FlashDepthNet
from flashdepth_vfx.training.data import DataSettings, held_out
from flashdepth_vfx.training.train import predict

__all__ = ["Score", "aligned", "held_out_scores", "score", "vertical_ramp"]

_FARTHEST_M = 70.0
_NEAREST_M = 1e-3


@dataclass(frozen=True)
class Score:
    """`delta1`: share of pixels whose depth is within 25 %; `abs_rel`: mean relative error of depth."""

    delta1: float
    abs_rel: float


def score(disparity: Tensor, truth_100_per_m: Tensor) -> Score:
    """One sequence, `(T, H, W)` each: aligned once, then judged in depth up to 70 m.

    Truth below zero is unknown. Pixels beyond 70 m take no part in the alignment but count as 70 m. FlashDepth's
    evaluation.
    """
    truth = truth_100_per_m.double()
    given = aligned(disparity.double(), truth)
    known = truth >= 0
    depth = _depth_m(given)[known]
    wanted = _depth_m(truth)[known]
    ratio = torch.maximum(depth / wanted, wanted / depth)
    error = (depth - wanted).abs() / wanted
    return Score(float((ratio < 1.25).double().mean()), float(error.mean()))


@torch.no_grad()
def held_out_scores(
    net: FlashDepthNet, data: DataSettings, device: torch.device
) -> dict[str, Score]:
    """Mean scores over held-out clips: of the network, of a flat picture, of a vertical ramp."""
    net.eval().to(device)
    batch = held_out(data, device)
    truth = batch.disparity_100_per_m
    # one clip at a time: a long list of clips need not fit beside the network
    network = torch.cat([predict(net, clip[None]) for clip in batch.rgb])
    guesses = {
        "network": network,
        "flat": torch.zeros_like(truth),
        "ramp": vertical_ramp(tuple(truth.shape), device),
    }
    return {name: _mean_score(guess, truth) for name, guess in guesses.items()}


def _mean_score(guess: Tensor, truth: Tensor) -> Score:
    each = [score(one, wanted) for one, wanted in zip(guess, truth, strict=True)]
    count = len(each)
    return Score(sum(s.delta1 for s in each) / count, sum(s.abs_rel for s in each) / count)


def aligned(disparity: Tensor, truth_100_per_m: Tensor) -> Tensor:
    """Scaled and shifted by least squares in disparity, over the pixels nearer than 70 m. Same shape."""
    near = truth_100_per_m >= 100.0 / _FARTHEST_M
    if not bool(near.any()):
        return torch.zeros_like(disparity)
    given, wanted = disparity[near], truth_100_per_m[near]
    centred = given - given.mean()
    power = (centred * centred).mean()
    # a flat prediction has a shift only
    usable = power > 1e-12
    scale = (centred * (wanted - wanted.mean())).mean() / power if usable else power * 0.0
    return (disparity - given.mean()) * scale + wanted.mean()


def vertical_ramp(shape: tuple[int, ...], device: torch.device | None = None) -> Tensor:
    """`(..., H, W)`: lower in the frame is nearer. What a network learns that learns nothing else."""
    height = shape[-2]
    rise = torch.linspace(0.0, 1.0, height, device=device)
    return rise[:, None].expand(shape).clone()


def _depth_m(disparity_100_per_m: Tensor) -> Tensor:
    return (100.0 / disparity_100_per_m.clamp_min(1e-3)).clamp(_NEAREST_M, _FARTHEST_M)
