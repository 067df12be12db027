"""DepthEngine: plates in temporal order -> depth, with the state in the open and no files.

`step` is the whole of it. The three calls that it is made of are public, because only the middle one
depends on order: a renderer prepares frames ahead and finishes them behind, on other threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from flashdepth_vfx.color import ColorTransform, Each
from flashdepth_vfx.depth import DepthCode
from flashdepth_vfx.device import Device, told_when_memory_is_short
from flashdepth_vfx.edges import PlateDepth, at_plate
from flashdepth_vfx.errors import FrameOrderError
from flashdepth_vfx.ignored import Ignored
from flashdepth_vfx.model import TemporalState
from flashdepth_vfx.plate import CodeArray, DepthFrame, FloatArray, Plate, PlateHeader
from flashdepth_vfx.preprocess import CodeTable, filled, guide_of, to_network
from flashdepth_vfx.settings import (
    BACKGROUND,
    COVERAGE,
    EDGE,
    FOREGROUND,
    Convention,
    Upsampling,
)
from flashdepth_vfx.stability import MEMORY, steadied
from flashdepth_vfx.state import ShotIdentity, ShotState, roll_digest
from flashdepth_vfx.transfer import Sent, Transfer
from flashdepth_vfx.upsample import Guide

__all__ = ["DepthEngine", "PreparedFrame", "as_seen"]


@dataclass(frozen=True)
class PreparedFrame:
    """A plate as the network takes it: `pixels` `(1, 3, h, w)` float32 in host memory, or `(h, w, 3)` uint8 where
    `sent` was made of them on the device.

    `stamp` tells the file's version apart; the counts are of values that are not numbers. `guide` is what
    `finish` needs of the picture, where upsampling is guided or edges are asked for. `ignored` is there where part of
    the plate is, `sent` once the pixels are on their way to the device.
    """

    header: PlateHeader
    pixels: Tensor
    stamp: str
    nan_count: int
    inf_count: int
    guide: Guide | None = None
    ignored: Ignored | None = None
    sent: Sent | None = None


class DepthEngine:
    """The network of one shot. It holds no state: what a frame leaves behind is returned."""

    def __init__(
        self,
        network: Callable[[Tensor, TemporalState | None], tuple[Tensor, TemporalState]],
        identity: ShotIdentity,
        color: ColorTransform,
        device: Device,
        *,
        code: DepthCode | None = None,
        upsampling: Upsampling = Upsampling.BILINEAR,
        edge_matte: bool = False,
        edge_layers: bool = False,
        stabilise: bool = False,
    ) -> None:
        self._network = network
        self._color = color
        self._device = device
        self._transfer = Transfer(device.torch_device)
        self._code = code or DepthCode(Convention.INVERSE_Z)
        self._upsampling = upsampling
        self._matte, self._layers = edge_matte, edge_layers
        self._stabilise = stabilise
        self._has_guide = upsampling is Upsampling.GUIDED or edge_matte or edge_layers
        self.identity = identity
        self._table = self._code_table()

    def step(self, plate: Plate, state: ShotState | None) -> tuple[DepthFrame, ShotState]:
        """One plate and the state before it (None for a shot's first) -> its depth, the state after.

        Raises `FrameOrderError` when `plate` is not the frame that `state` waits for.
        """
        prepared = self.prepare(plate)
        disparity, state = self.infer(prepared, state)
        depth = self.finish(prepared.header, disparity, prepared.guide, prepared.ignored)
        return depth, state

    def prepare(self, plate: Plate, stamp: str = "") -> PreparedFrame:
        """Colour and resize. Needs no order and no device; safe on any thread.

        Raises `ValueError` for a plate outside the canvas.
        """
        nan_count, inf_count = _not_numbers(plate.rgb)
        picture = as_seen(plate, self._color)
        window, canvas = plate.header.data_window, self.identity.canvas
        pixels = self._transfer.laid_out(to_network(picture, window, canvas, plate.ignored))
        if self._has_guide and plate.ignored is not None:
            # Nor should a rig's outline be an edge of the depth around it.
            picture = filled(picture, pixels, window, canvas, plate.ignored)
        guide = guide_of(picture, pixels) if self._has_guide else None
        ignored = None if plate.ignored is None else Ignored.of(plate.ignored, window, canvas)
        return PreparedFrame(plate.header, pixels, stamp, nan_count, inf_count, guide, ignored)

    def prepare_codes(
        self, header: PlateHeader, codes: CodeArray, each: Each = map
    ) -> PreparedFrame:
        """`prepare` and `send` of a picture in whole numbers, `(H, W, 3)` uint8 or uint16: the same bits, sooner.

        Bands of its rows are mapped over by `each`, which may be that of a pool. On a GPU an 8-bit picture of the
        canvas' size is sent as it is, and looked up there.
        """
        if self._table is not None and codes.dtype == np.uint8 and self._is_seen_whole(header):
            with told_when_memory_is_short(self._device, "for the frame after the one in hand"):
                laid = self._transfer.laid_out(torch.from_numpy(codes))
                sent = self._transfer.send(laid, self._table.pixels)
            return PreparedFrame(header, laid, "", 0, 0, sent=sent)
        picture = self._color.codes_to_network(codes, each)
        pixels = self._transfer.laid_out(
            to_network(picture, header.data_window, self.identity.canvas)
        )
        guide = guide_of(picture, pixels) if self._has_guide else None
        return self.send(PreparedFrame(header, pixels, "", 0, 0, guide))

    def send(self, prepared: PreparedFrame) -> PreparedFrame:
        """The same frame, on its way to the device. `infer` sends what is not."""
        with told_when_memory_is_short(self._device, "for the frame after the one in hand"):
            return replace(prepared, sent=self._transfer.send(prepared.pixels))

    def infer(
        self,
        prepared: PreparedFrame,
        state: ShotState | None,
        *,
        cut: bool = False,
        parted: bool = False,
    ) -> tuple[Tensor, ShotState]:
        """The one call that needs order: `(h, w)` disparity in 100/m on the device, and the new state.

        At a `cut` the network remembers nothing of `state`, which counts on through the shot. Where the cut was
        known beforehand the take is `parted` from what lies before: its past begins here too.
        Raises `FrameOrderError`, and `DeviceError` when the device's memory is used up.
        """
        frame = prepared.header.frame
        if state is not None and frame != state.next_frame:
            raise FrameOrderError(expected=state.next_frame, got=frame)
        before = None if state is None or cut else state.temporal
        digest = "" if state is None or parted else state.plates_digest
        size = f"at {self.identity.canvas.width}x{self.identity.canvas.height}"
        with told_when_memory_is_short(self._device, size), torch.inference_mode():
            before = None if before is None else before.to(self._device.torch_device)
            sent = prepared.sent or self._transfer.send(prepared.pixels)
            disparity, after = self._network(sent.there(), before)
            self._transfer.wait()
        new_state = ShotState(
            temporal=after,
            next_frame=frame + 1,
            identity=self.identity,
            plates_digest=roll_digest(digest, frame, prepared.stamp),
            frames_seen=1 if state is None else state.frames_seen + 1,
            last_plate=str(prepared.header.path),
            decisions={} if state is None else state.decisions,
        )
        if not self._stabilise:
            return disparity[0], new_state
        memory = "" if cut else new_state.decisions.get(MEMORY, "")
        steady, memory = steadied(disparity[0], prepared.pixels, memory)
        return steady, new_state.deciding(MEMORY, memory)

    def finish(
        self,
        header: PlateHeader,
        disparity: Tensor,
        guide: Guide | None = None,
        ignored: Ignored | None = None,
    ) -> DepthFrame:
        """Disparity back on the plate's pixels, in the convention. Safe on any thread.

        `guide` and `ignored` are those of the prepared frame. Depth that is ignored continues that around it.
        """
        window, canvas = header.data_window, self.identity.canvas
        doing = f"while depth was brought to {canvas.window}"
        with (
            told_when_memory_is_short(self._device, doing),
            torch.inference_mode(),
            self._transfer.aside(),
        ):
            guide = None if guide is None else guide.to(disparity.device)
            disparity = disparity if ignored is None else ignored.replaced(disparity)
            made = at_plate(
                disparity,
                window,
                canvas,
                self._upsampling,
                guide,
                matte=self._matte,
                layers=self._layers,
            )
            depth, beside = self._encoded(made)
        return DepthFrame(
            frame=header.frame,
            depth=depth,
            data_window=header.data_window,
            display_window=header.display_window,
            pixel_aspect=header.pixel_aspect,
            attributes={} if ignored is None else ignored.attributes(),
            beside=beside,
        )

    def _code_table(self) -> CodeTable | None:
        """Where looking codes up pays, and nothing else asks for their picture."""
        if self._device.torch_device.type != "cuda" or self._has_guide or self._stabilise:
            return None
        colours = self._color.code_table()
        return None if colours is None else CodeTable(colours, self._device.torch_device)

    def _is_seen_whole(self, header: PlateHeader) -> bool:
        """Whether the network sees its pixels as they are."""
        canvas = self.identity.canvas
        return header.data_window == canvas.window and canvas.window.shape == (
            canvas.height,
            canvas.width,
        )

    def _encoded(self, made: PlateDepth) -> tuple[FloatArray, dict[str, FloatArray]]:
        """Depth, and what lies beside it: shares as they are."""
        depths = {FOREGROUND: made.near, BACKGROUND: made.far}
        beside = {
            k: self._code.encode(self._transfer.fetch(v).numpy())
            for k, v in depths.items()
            if v is not None
        }
        shares = {EDGE: made.edge, COVERAGE: made.coverage}
        beside |= {k: self._transfer.fetch(v).numpy() for k, v in shares.items() if v is not None}
        return self._code.encode(self._transfer.fetch(made.disparity).numpy()), beside


def as_seen(plate: Plate, color: ColorTransform) -> FloatArray:
    """The picture as a person would see it, `(H, W, 3)`: colour is transformed without its alpha."""
    alpha = plate.alpha
    if alpha is None or not plate.premultiplied or bool((alpha == 1.0).all()):
        return color.to_network(plate.rgb)
    # Light without coverage (alpha 0) is kept as it is: there is nothing to divide by.
    cover = np.where(alpha > 0.0, alpha, np.float32(1.0))[..., None].astype(np.float32, copy=False)
    return color.to_network(plate.rgb / cover) * np.minimum(cover, np.float32(1.0))


def _not_numbers(rgb: FloatArray) -> tuple[int, int]:
    """How many NaN and how many infinite values; one pass over a healthy plate."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = rgb.sum(dtype=np.float64)
    if np.isfinite(total):
        return 0, 0
    return int(np.isnan(rgb).sum()), int(np.isinf(rgb).sum())
