"""DepthStream: pictures pushed one after another, depth back for each, with the state kept between them.

picture ─▶ prepare ─▶ infer ─▶ finish ─▶ depth          all three are `push`; a loop may have them overlap
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from flashdepth_vfx.assembly import canvas_for, engine_for
from flashdepth_vfx.color import plan_color
from flashdepth_vfx.engine import DepthEngine, PreparedFrame
from flashdepth_vfx.errors import PlateSizeError, SettingsError
from flashdepth_vfx.manifest import FrameRecord, frame_block, own_block
from flashdepth_vfx.model.attention import record_of
from flashdepth_vfx.networks import Network, Networks
from flashdepth_vfx.plate import DepthFrame, Plate, PlateHeader, Window
from flashdepth_vfx.preprocess import shot_window
from flashdepth_vfx.settings import NORMALISED, RenderSettings
from flashdepth_vfx.stability import STABILISER
from flashdepth_vfx.state import ShotIdentity, ShotState
from flashdepth_vfx.workers import usable_cores

__all__ = ["DepthStream", "Prepared", "Seen", "Take"]

#: Of colour: more of them wait for memory.
_MOST_THREADS = 8


@dataclass(frozen=True)
class Take:
    """What is the same for all pictures of one size and kind: the engine, and what files say of it."""

    engine: DepthEngine
    block: dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A picture as the network takes it."""

    take: Take
    frame: PreparedFrame


@dataclass(frozen=True)
class Seen:
    """A picture that the network has seen: `disparity` `(h, w)` on the device."""

    prepared: Prepared
    disparity: Tensor
    record: FrameRecord


class DepthStream:
    """The depth of pictures that come one after another, as a camera gives them.

    Pixels are those of a render of the same pictures with `--cuts none --empty seen`. A picture of another size
    begins anew, as `reset` does; `resets` counts both. Nothing is kept but the state, however long it goes on. Raises
    `SettingsError` for a convention that needs a whole shot, and what `Networks.open` raises.
    """

    def __init__(
        self,
        settings: RenderSettings | None = None,
        *,
        networks: Networks | None = None,
        name: str = "live",
        first_frame: int = 1,
    ) -> None:
        self.settings = settings or RenderSettings()
        if self.settings.convention in NORMALISED:
            raise SettingsError(
                f"{self.settings.convention} needs the range of a whole shot, which a stream has not: take "
                "inverse_z, or convert what was written"
            )
        if self.settings.exposure_stops == "auto":
            raise SettingsError("--exposure auto measures a whole shot: give a stream its stops")
        self.resets = 0
        self.state: ShotState | None = None
        self._network: Network = (networks or Networks()).open(self.settings)
        self._path = Path(name)
        self._frame = first_frame
        self._pool = ThreadPoolExecutor(
            min(len(usable_cores()), _MOST_THREADS), thread_name_prefix="color"
        )
        self._take: Take | None = None
        self._last: Take | None = None
        self._facts: tuple[Any, ...] = ()

    @property
    def next_frame(self) -> int:
        """The number of the picture that comes next."""
        return self._frame

    @property
    def device(self) -> str:
        """What the network runs on."""
        return self._network.device.name

    def push(
        self,
        picture: NDArray[Any],
        *,
        pixel_aspect: float = 1.0,
        color_hint: str | None = None,
    ) -> DepthFrame:
        """The depth of one picture, `(H, W, 3)` RGB: uint8, uint16, or float as it is encoded (1.0 is white).

        `color_hint` is the space that its source names. Raises `PlateSizeError` for an array that is no picture, or
        too small for one, and `DeviceError`. It is `prepare`, `infer` and `finish`, one after the other.
        """
        prepared = self.prepare(picture, pixel_aspect=pixel_aspect, color_hint=color_hint)
        return self.finish(self.infer(prepared))

    def prepare(
        self,
        picture: NDArray[Any],
        *,
        pixel_aspect: float = 1.0,
        color_hint: str | None = None,
    ) -> Prepared:
        """A picture as the network takes it, with the next number. Of one thread, beside those of the other two."""
        self._require_picture(picture)
        window = Window(0, 0, picture.shape[1], picture.shape[0])
        header = PlateHeader(
            path=self._path,
            frame=self._frame,
            kind="movie",
            data_window=window,
            display_window=window,
            pixel_aspect=pixel_aspect,
            channels=("R", "G", "B"),
            views=(),
            color_hint=color_hint,
            frames_per_second=None,
            attributes={},
        )
        facts = (window, pixel_aspect, color_hint)
        if self._take is None or facts != self._facts:
            self._take, self._facts = self._take_of(header), facts
        engine = self._take.engine
        if picture.dtype.kind == "f":
            rgb = picture.astype(np.float32, copy=False)
            frame = engine.send(engine.prepare(Plate(header=header, rgb=rgb)))
        else:
            # A view that is turned round, as cameras' BGR is, or one that may not be written to, is copied.
            codes = np.require(picture, requirements=("C", "W"))
            frame = engine.prepare_codes(header, codes, self._pool.map)
        self._frame += 1
        return Prepared(self._take, frame)

    def infer(self, prepared: Prepared) -> Seen:
        """Its disparity, and the state after it; pictures in the order in which they were prepared."""
        if self._last is not None and self._last is not prepared.take:
            self.reset()
        self._last = prepared.take
        frame = prepared.frame.header.frame
        before = None if self.state is None else self.state.skip_to(frame)
        widened = self._network.runner.widened
        disparity, self.state = prepared.take.engine.infer(prepared.frame, before)
        record = FrameRecord(
            frame=frame,
            reset=before is None,
            nan_count=prepared.frame.nan_count,
            inf_count=prepared.frame.inf_count,
            widened=self._network.runner.widened > widened,
        )
        return Seen(prepared, disparity, record)

    def finish(self, seen: Seen) -> DepthFrame:
        """Its depth at the picture's size. Safe on any thread."""
        take, frame = seen.prepared.take, seen.prepared.frame
        depth = take.engine.finish(frame.header, seen.disparity, frame.guide)
        return replace(depth, attributes=take.block | own_block(seen.record))

    def reset(self) -> None:
        """Forget the past: the next picture is the first of a take."""
        self.state = None
        self.resets += 1

    def _take_of(self, header: PlateHeader) -> Take:
        settings, network = self.settings, self._network
        color = plan_color(
            header,
            colorspace=settings.colorspace,
            ocio=settings.ocio,
            display_view=settings.display_view,
            exposure=float(settings.exposure_stops),
        )
        canvas = canvas_for(
            network, shot_window([header]), header.pixel_aspect, settings.resolution
        )
        identity = ShotIdentity(
            shot=header.path.name,
            picture="",
            architecture=network.config.name,
            weights_sha256=network.record.sha256,
            canvas=canvas,
            color=color.fingerprint(),
            exposure_stops=color.exposure_stops,
            sparse=False,
            device=network.device.name,
            kernels=network.device.kernels + record_of(network.attention(canvas, {})),
            stabilised=STABILISER if settings.stabilise else "",
        )
        engine = engine_for(settings, network, identity, color)
        said = color.sentence()
        return Take(engine, frame_block(identity, settings, network.record, said, FrameRecord(0)))

    def _require_picture(self, picture: NDArray[Any]) -> None:
        if picture.ndim != 3 or picture.shape[2] != 3:
            raise PlateSizeError(
                self._path, f"is an array of {picture.shape}; a picture is (H, W, 3), red first"
            )
        if picture.dtype.kind != "f" and picture.dtype not in (np.uint8, np.uint16):
            raise PlateSizeError(
                self._path, f"is an array of {picture.dtype}; give uint8, uint16 or float"
            )
