"""Plate -> network tensor, and disparity -> plate pixels: the canvas, its fill, and the two resizes.

The network sees one `Canvas` for the whole shot, whatever the data windows of its frames do. What a
plate leaves empty, and what of it is ignored, is filled smoothly for the network's sake, and kept out of
both resizes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flashdepth_vfx.errors import PlateSizeError
from flashdepth_vfx.plate import FloatArray, MaskArray, PlateHeader, Window
from flashdepth_vfx.settings import Resolution, Upsampling
from flashdepth_vfx.upsample import Guide, bilinear, guided

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Canvas",
    "CodeTable",
    "continued",
    "filled",
    "guide_of",
    "known_part",
    "known_pixels",
    "network_input",
    "plan_canvas",
    "shot_window",
    "to_network",
    "to_plate",
]

#: A shot with a shorter side holds no picture to estimate depth from.
SMALLEST_SIDE_PX = 16
#: Windows of a damaged header may lie anywhere: 32 K x 32 K is more than any camera's.
LARGEST_CANVAS_PX = 1 << 30
# ImageNet statistics, as every encoder here was trained with. FlashDepth, preprocessing step 6.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in [0, 1]: what encoders were first trained on, and networks take."""
_MEAN, _STD = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))


@dataclass(frozen=True)
class Canvas:
    """What the network sees of a shot: `window` in plate pixels, squeezed to `height` x `width`.

    `pixel_aspect` is the plate's; the network's own pixels are square.
    """

    window: Window
    pixel_aspect: float
    height: int
    width: int


def shot_window(headers: Iterable[PlateHeader]) -> Window:
    """The display window joined with all data windows of a shot.

    One frame's data window may be as small as it likes: an empty frame of a comp is one pixel. Raises
    `PlateSizeError` when the display window or the pixel aspect changes inside the shot, when data
    windows lie too far apart for any canvas, or when all together hold no picture.
    """
    first: PlateHeader | None = None
    joined: Window | None = None
    for header in headers:
        if first is None or joined is None:
            first, joined = header, header.display_window
        elif (header.display_window, header.pixel_aspect) != (
            first.display_window,
            first.pixel_aspect,
        ):
            raise PlateSizeError(
                header.path,
                f"is {header.display_window} with pixel aspect {header.pixel_aspect:g}, but the shot "
                f"began as {first.display_window} with {first.pixel_aspect:g} in {first.path.name}; "
                "move the two parts into folders of their own and render them as two shots",
            )
        joined = joined.union(header.data_window)
        if joined.width * joined.height > LARGEST_CANVAS_PX:
            raise PlateSizeError(
                header.path,
                f"its data window {header.data_window} makes the shot's canvas {joined}, which is more "
                f"than {LARGEST_CANVAS_PX} pixels; crop it",
            )
    if first is None or joined is None:
        raise ValueError("a shot has at least one frame")
    if min(joined.shape) < SMALLEST_SIDE_PX:
        raise PlateSizeError(
            first.path,
            f"is {joined.width}x{joined.height} pixels; the shorter side needs "
            f"{SMALLEST_SIDE_PX} or more",
        )
    return joined


def plan_canvas(
    window: Window, pixel_aspect: float, resolution: Resolution, *, multiple: int, minimum: int
) -> Canvas:
    """Choose the network's size for a shot: long side `resolution`, sides divisible by `multiple`.

    None and "native" keep the plate's own size. Each side is rounded to the nearest multiple, so
    the shape changes by half a multiple at most, and is at least `minimum`.
    """
    across, down = window.width * pixel_aspect, float(window.height)
    scale = resolution / max(across, down) if isinstance(resolution, int) else 1.0

    def side(length: float) -> int:
        return max(round(length * scale / multiple) * multiple, minimum)

    return Canvas(window, pixel_aspect, side(down), side(across))


def network_input(rgb: Tensor) -> Tensor:
    """`(..., 3, H, W)` in [0, 1] to what the encoder was first trained on: ImageNet's mean and deviation."""
    mean, deviation = rgb.new_tensor(IMAGENET_MEAN), rgb.new_tensor(IMAGENET_STD)
    return (rgb - mean[:, None, None]) / deviation[:, None, None]


def to_network(
    picture: FloatArray, data_window: Window, canvas: Canvas, ignored: MaskArray | None = None
) -> Tensor:
    """`(H, W, 3)` float32 in 0..1 over `data_window` -> `(1, 3, h, w)` float32, ImageNet-normalised.

    Where the plate does not reach, or is `ignored` `(H, W)`, the canvas continues it smoothly. Raises `ValueError`
    when the picture is not the data window's size, or the canvas does not hold the window.
    """
    if picture.shape[:2] != data_window.shape or not canvas.window.contains(data_window):
        raise ValueError(f"{picture.shape} over {data_window} does not fit canvas {canvas.window}")
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None]
    counted = None if ignored is None else torch.from_numpy(~ignored).float()[None, None]
    pixels = pixels if counted is None else pixels * counted
    if data_window == canvas.window:
        small = _resize(pixels, canvas)
        if counted is None:
            return small.clamp_(0.0, 1.0).sub_(_MEAN).div_(_STD)
        coverage = _resize(counted, canvas)
    else:
        rows, columns = data_window.slices_in(canvas.window)
        laid = torch.zeros(1, 4, *canvas.window.shape)
        laid[:, :3, rows, columns] = pixels
        laid[:, 3:, rows, columns] = 1.0 if counted is None else counted
        small = _resize(laid, canvas)
        small, coverage = small[:, :3], small[:, 3:]
    # Dividing by the coverage takes the emptiness outside the window out of the filter's average.
    known = (small / coverage.clamp_min(0.5)).clamp_(0.0, 1.0)
    return (_continue_smoothly(known, coverage >= 0.5) - _MEAN) / _STD


class CodeTable:
    """What the network sees of each 8-bit code of each channel, for pictures of the network's own size.

    `colours` `(256, 3)` is what each code becomes, 0..1. On a device it does the work of colour and `to_network`, bit
    for bit, and a quarter of the bytes goes there.
    """

    def __init__(self, colours: FloatArray, device: torch.device) -> None:
        across = Window(0, 0, 256, 1)
        seen = to_network(colours[None], across, Canvas(across, 1.0, 1, 256))
        # one after the other: all codes of red, of green, of blue
        self._pixels = seen.reshape(-1).to(device)
        self._first = torch.tensor((0, 256, 512), dtype=torch.int32, device=device)

    def pixels(self, codes: Tensor) -> Tensor:
        """`(H, W, 3)` uint8 on the table's device -> `(1, 3, H, W)` float32, as `to_network` lays it out."""
        place = codes.int() + self._first
        return self._pixels[place].permute(2, 0, 1)[None]


def known_pixels(data_window: Window, canvas: Canvas, ignored: MaskArray) -> Tensor:
    """`(h, w)` bool: the network's pixels that show more of the plate than of what is `ignored` `(H, W)` in it."""
    rows, columns = data_window.slices_in(canvas.window)
    counted = torch.zeros(1, 1, *canvas.window.shape)
    counted[:, :, rows, columns] = torch.from_numpy(~ignored).float()
    return _resize(counted, canvas)[0, 0] >= 0.5


def continued(disparity: Tensor, known: Tensor) -> Tensor:
    """`(h, w)` disparity, of which that is kept which is `known` `(h, w)`; the rest continues it smoothly.

    What continues lies between the values around it. Where nothing is known all is 0, the sky.
    """
    if not bool(known.any()):
        return torch.zeros_like(disparity)
    return _continue_smoothly(disparity.float()[None, None], known[None, None])[0, 0]


def filled(
    picture: FloatArray, pixels: Tensor, data_window: Window, canvas: Canvas, ignored: MaskArray
) -> FloatArray:
    """`picture` with what is `ignored` as the network sees it: `pixels` are what `to_network` made of them."""
    rows, columns = data_window.slices_in(canvas.window)
    seen = (pixels * _STD + _MEAN)[0]
    large = torch.stack([bilinear(plane, canvas.window.shape)[rows, columns] for plane in seen])
    return np.where(ignored[..., None], large.permute(1, 2, 0).numpy(), picture)


def guide_of(picture: FloatArray, pixels: Tensor) -> Guide:
    """What `to_plate` is guided by: `picture` `(H, W, 3)` in 0..1, and the `pixels` that `to_network` made of it."""
    plate = torch.from_numpy(picture).permute(2, 0, 1)
    return Guide(_in_255ths(plate), _in_255ths((pixels * _STD + _MEAN)[0]))


def to_plate(
    disparity: Tensor,
    data_window: Window,
    canvas: Canvas,
    upsampling: Upsampling,
    guide: Guide | None = None,
) -> Tensor:
    """`(h, w)` disparity over the canvas -> `(H, W)` float32 over `data_window`, which is that of `guide`.

    Disparity that the network gave for the filled part of the canvas has no part in the result. Raises `ValueError`
    when guided upsampling has no guide.
    """
    small = known_part(disparity, data_window, canvas)
    size = canvas.window.shape
    rows, columns = data_window.slices_in(canvas.window)
    if upsampling is Upsampling.GUIDED:
        if guide is None:
            raise ValueError("guided upsampling without a guide")
        return guided(small, guide, size, (rows.start, columns.start))
    if upsampling is Upsampling.NEAREST:
        full = F.interpolate(small[None, None], size=size, mode="nearest-exact")[0, 0]
    else:
        full = bilinear(small, size)
    return full[rows, columns].contiguous()


def known_part(disparity: Tensor, data_window: Window, canvas: Canvas) -> Tensor:
    """`(h, w)` disparity over the canvas -> the same, float32; what is outside `data_window` is continued from it."""
    small = disparity.float()
    if data_window == canvas.window:
        return small
    inside = torch.zeros(1, 1, *canvas.window.shape, device=small.device)
    rows, columns = data_window.slices_in(canvas.window)
    inside[:, :, rows, columns] = 1.0
    return _continue_smoothly(small[None, None], _resize(inside, canvas) >= 0.5)[0, 0]


def _in_255ths(picture: Tensor) -> Tensor:
    """A quarter of the memory, and finer than any grain."""
    return (picture * 255).round_().clamp_(0, 255).to(torch.uint8).contiguous()


def _resize(pixels: Tensor, canvas: Canvas) -> Tensor:
    """Bicubic with antialiasing, as the encoders were trained on, and no ringing from far detail."""
    size = (canvas.height, canvas.width)
    if pixels.shape[-2:] == size:
        return pixels.clone()
    return F.interpolate(pixels, size=size, mode="bicubic", antialias=True)


def _continue_smoothly(values: Tensor, known: Tensor) -> Tensor:
    """Fill `values` `(B, C, h, w)` where not `known` `(B, 1, h, w)`, from the nearest known around.

    Pull-push: average the known pixels down a pyramid, then take each hole from the level below.
    """
    if bool(known.all()):
        return values
    weight = known.to(values.dtype)
    if not bool(known.any()):
        return values
    height, width = values.shape[-2:]
    total = F.avg_pool2d(values * weight, 2, ceil_mode=True)
    share = F.avg_pool2d(weight, 2, ceil_mode=True)
    coarse = _continue_smoothly(total / share.clamp_min(1e-6), share > 0)
    filled = F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    return torch.where(known, values, filled)
