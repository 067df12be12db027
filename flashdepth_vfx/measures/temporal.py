"""How steady a depth is: what it says of one surface in one frame and in the next.

Both measures follow points by the true cameras: `follow` finds where they fall, once for all predictions of a clip. A
frame's disparity between its pixels is read bilinearly, which is exact on planes, where disparity is affine in the
picture; by whole pixels the truth itself would not be steady.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.measures.clip import Cameras, TruthClip
from flashdepth_vfx.measures.metrics import HORIZON_M, near_depth_m, require_same_shape

__all__ = ["Followed", "alignment_errors", "flicker", "follow", "temporal_alignment_error"]

#: How far the depth of a point may be from what is seen where it falls in the other frame, to be what is seen there.
_SAME_SURFACE = 0.02
_ROUNDING = 1e-6


@dataclass(frozen=True)
class _Pair:
    """What the truth says of two neighbouring frames.

    `pixel` `(H, W, 2)`, where the pixels of the first fall in the second, x and y with centres at halves; `seen` and
    `seen_back` `(H, W)` bool, the pixels of the first and of the second whose still surface the other shows too;
    `true_change` `(H, W)`, the logarithm of the second's depth there over the first's here.
    """

    pixel: Tensor
    seen: Tensor
    seen_back: Tensor
    true_change: Tensor


@dataclass(frozen=True)
class Followed:
    """A clip and where its points fall in the frames beside theirs, which no prediction changes. `follow` makes it.

    It takes 26 bytes a pixel of the clip. `cameras` are the clip's in float64.
    """

    clip: TruthClip
    cameras: Cameras
    pairs: tuple[_Pair, ...]

    @property
    def has_still_points(self) -> bool:
        """Whether steadiness can be measured, whatever the prediction: some point that counts is seen twice in a row.

        A crowd in front of the sky has none.
        """
        return any(bool(pair.seen.any()) for pair in self.pairs)


def follow(clip: TruthClip) -> Followed:
    """The points of every frame followed into the next one, and back.

    Raises `SettingsError` for a clip of one frame or without cameras.
    """
    cameras = _cameras(clip)
    frames = range(len(clip.truth_100_per_m) - 1)
    return Followed(clip, cameras, tuple(_pair(clip, cameras, one) for one in frames))


def temporal_alignment_error(predicted_aligned: Tensor, followed: Followed) -> float:
    """TAE in percent of one aligned sequence, `(T, H, W)` in 100/m: 0 is one rigid world in all frames.

    After Chen et al., "Video Depth Anything" (2025), section 4.1. Each pixel of a frame is put into space by its
    predicted depth, moved into the next frame by the true poses, and there its depth z' is compared with the
    depth z predicted at the place where it falls: |z' - z| / z. And so back from the next frame to this one. The
    result is the mean over pixels, then over all pairs of neighbouring frames in both directions.

    The source's code rounds the place to a whole pixel, lets the last of several points that fall on it win, takes
    every pixel with known depth, hidden or moving ones too, and counts a pair without points as 0. Here the place is
    read bilinearly, or the truth itself would have an error, and a pixel counts when the truth says that the other
    frame shows the same still surface: nearer than 70 m and not moving by itself at both ends, and its true depth,
    moved, within 2 % of the true depth where it falls. A pair in which no pixel counts is left out. The source also
    leaves out what the prediction moves out of the frame. Here that is compared with the nearest pixel of the frame,
    so that all predictions are judged on the same pixels and none gains by losing its worst. Predicted depth ends
    at 70 m.

    Raises `SettingsError` for a clip in which no pixel counts (ask `followed.has_still_points`), `ValueError` where
    the shapes differ.
    """
    errors = alignment_errors(predicted_aligned, followed)
    if not errors:
        raise _nothing_seen(followed.clip)
    return 100.0 * math.fsum(errors) / len(errors)


def alignment_errors(predicted_aligned: Tensor, followed: Followed) -> list[float]:
    """What `temporal_alignment_error` is the mean of, as shares: of each pair, there and back, where points count.

    For a sequence that is followed two frames at a time. Raises `ValueError` where the shapes differ.
    """
    require_same_shape(predicted_aligned, followed.clip.truth_100_per_m)
    errors = []
    for first, pair in enumerate(followed.pairs):
        there_and_back = ((first, first + 1, pair.seen), (first + 1, first, pair.seen_back))
        for one, two, seen in there_and_back:
            if bool(seen.any()):
                depth = near_depth_m(predicted_aligned[one])
                pixel, moved_depth = _moved(depth, followed.cameras, one, two)
                there = near_depth_m(_read(predicted_aligned[two][None], pixel)[0])
                errors.append(float(((moved_depth - there).abs() / there)[seen].mean()))
    return errors


def flicker(predicted_aligned: Tensor, followed: Followed) -> float:
    """Percent by which the depth of still points changes from frame to frame when it should not.

    Of one aligned sequence, `(T, H, W)` in 100/m. Every point of a frame that the next one shows too, as in
    `temporal_alignment_error`, is followed there by its true depth and the true poses; of all of them, the mean of
    |log(z'/z) - log(w'/w)|, where z and z' are predicted before and after and w and w' are true. Predicted depth ends
    at 70 m. Raises as `temporal_alignment_error` does.
    """
    require_same_shape(predicted_aligned, followed.clip.truth_100_per_m)
    total, points = 0.0, 0
    for one, pair in enumerate(followed.pairs):
        after = near_depth_m(_read(predicted_aligned[one + 1][None], pair.pixel)[0])
        change = (after / near_depth_m(predicted_aligned[one])).log()
        total += float((change - pair.true_change).abs()[pair.seen].sum())
        points += int(pair.seen.sum())
    if not points:
        raise _nothing_seen(followed.clip)
    return 100.0 * total / points


def _pair(clip: TruthClip, cameras: Cameras, one: int) -> _Pair:
    pixel, seen, there = _fallen(clip, cameras, one, one + 1)
    _, seen_back, _ = _fallen(clip, cameras, one + 1, one)
    true_change = (there / near_depth_m(clip.truth_100_per_m[one])).log()
    return _Pair(pixel, seen, seen_back, true_change)


def _fallen(clip: TruthClip, cameras: Cameras, one: int, two: int) -> tuple[Tensor, Tensor, Tensor]:
    """Where the pixels of frame `one` fall in frame `two`, `(H, W, 2)`, and what the truth has there.

    That is: whether the same still surface is seen, `(H, W)` bool, and the depth, `(H, W)` in metres.
    """
    truth = clip.truth_100_per_m
    usable = _usable(clip, one)
    pixel, depth = _moved(near_depth_m(truth[one]), cameras, one, two)
    # of the four pixels around a place, all must be usable
    unusable = (~_usable(clip, two)).double()
    disparity, outside = _read(torch.stack([truth[two].double(), unusable]), pixel)
    there = near_depth_m(disparity)
    same = (depth - there).abs() <= _SAME_SURFACE * there
    seen = usable & (depth > 0) & _inside(pixel) & (outside < _ROUNDING) & same
    return pixel, seen, there


def _usable(clip: TruthClip, frame: int) -> Tensor:
    """`(H, W)` bool: known, nearer than 70 m, not moving. Where nobody knows what moves, depth alone decides."""
    near = clip.truth_100_per_m[frame] > 100.0 / HORIZON_M
    return near if clip.still is None else near & clip.still[frame]


def _moved(depth: Tensor, cameras: Cameras, one: int, two: int) -> tuple[Tensor, Tensor]:
    """Depth `(H, W)` of frame `one` to where each pixel falls in frame `two`, `(H, W, 2)`, and its depth there.

    Where that depth is not above 0, the place is far outside.
    """
    height, width = depth.shape
    focal = cameras.focal_px
    x = torch.arange(width, dtype=depth.dtype, device=depth.device) + 0.5 - width / 2
    y = height / 2 - 0.5 - torch.arange(height, dtype=depth.dtype, device=depth.device)
    up, right = torch.meshgrid(y / focal, x / focal, indexing="ij")
    ray = torch.stack([right, up, torch.ones_like(up)], -1)
    to_two = cameras.eye_turn[two].mT
    shift = to_two @ (cameras.eye_m[one] - cameras.eye_m[two])
    point = depth[..., None] * (ray @ (to_two @ cameras.eye_turn[one]).mT) + shift
    ahead = point[..., 2].clamp_min(_ROUNDING)
    column = width / 2 + focal * point[..., 0] / ahead
    row = height / 2 - focal * point[..., 1] / ahead
    return torch.stack([column, row], -1), point[..., 2]


def _inside(pixel: Tensor) -> Tensor:
    """`(H, W, 2)` to `(H, W)` bool: between the centres of the outermost pixels."""
    height, width, _ = pixel.shape
    last = pixel.new_tensor([width, height]) - 0.5
    return ((pixel >= 0.5 - _ROUNDING) & (pixel <= last + _ROUNDING)).all(-1)


def _read(values: Tensor, pixel: Tensor) -> Tensor:
    """`(C, H, W)` at places `(H, W, 2)`, bilinearly: `(C, H, W)` float64."""
    height, width = values.shape[-2:]
    # grid_sample has the edges of the frame at -1 and 1, and so the centres of pixels at halves
    grid = 2.0 * pixel / pixel.new_tensor([width, height]) - 1.0
    found = F.grid_sample(
        values.double()[None], grid[None], padding_mode="border", align_corners=False
    )
    return found[0]


def _cameras(clip: TruthClip) -> Cameras:
    """The clip's, in float64: metres of a long walk and thousandths of a pixel go together."""
    if len(clip.truth_100_per_m) < 2:
        raise SettingsError(f"{clip.name}: one frame has no steadiness; give two or more")
    if clip.cameras is None:
        raise SettingsError(
            f"{clip.name}: no cameras, so nothing can be followed from frame to frame; "
            "measure its accuracy alone"
        )
    cameras = clip.cameras
    return Cameras(cameras.eye_m.double(), cameras.eye_turn.double(), cameras.focal_px.double())


def _nothing_seen(clip: TruthClip) -> SettingsError:
    return SettingsError(
        f"{clip.name}: no still surface nearer than {HORIZON_M:g} m is seen in two frames in a row; "
        "leave the clip out, or film it with a smaller stride"
    )
