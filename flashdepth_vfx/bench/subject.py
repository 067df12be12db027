"""What is measured: a network by name, on plates that the measurement makes, planned as a render plans it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import OpenEXR
import torch
from safetensors.torch import save_file

from flashdepth_vfx.bench.job import RANDOM, Size
from flashdepth_vfx.engine import PreparedFrame
from flashdepth_vfx.job import RenderJob, Shot
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.settings import RenderSettings
from flashdepth_vfx.shotplan import ShotPlan, plan_shot
from flashdepth_vfx.state import ShotState
from flashdepth_vfx.weights import ENTRIES, load

__all__ = [
    "FIRST_FRAME",
    "Subject",
    "bench_folder",
    "bench_job",
    "numbered",
    "open_subject",
    "random_network",
    "random_weights",
    "require_weights",
    "write_plates",
]

FIRST_FRAME = 1001
_SEED = 0
#: Plates that differ; more frames show them again.
_PLATES = 4
#: Of light: without grain, compression has less to do than with a camera's plates.
_GRAIN = 0.01
#: 100/m. Drawn weights give next to nothing, and a flat depth is written faster than a true one.
_TYPICAL_100_PER_M = 20.0


@dataclass(frozen=True)
class Subject:
    """A network that is ready to render its plates. `name` is what was asked for, `is_random` whether drawn."""

    name: str
    size: Size
    plan: ShotPlan

    @property
    def is_random(self) -> bool:
        """Whether its weights were drawn."""
        return self.name.startswith(RANDOM)

    @property
    def net(self) -> FlashDepthNet:
        """The network itself."""
        return self.plan.network.net

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.plan.network.device.torch_device

    @property
    def network_size(self) -> Size:
        """What the network sees of a plate."""
        canvas = self.plan.identity.canvas
        return Size(canvas.width, canvas.height)

    def plate_frame(self, index: int) -> int:
        """The frame on disk for step `index`: a few plates, in turn."""
        frames = self.plan.reader.frames
        return frames[index % len(frames)]

    def prepared(self, index: int) -> PreparedFrame:
        """The plate of step `index`, read and prepared, as the frame that comes after step `index - 1`."""
        plate = self.plan.reader.read(self.plate_frame(index))
        return numbered(self.plan.engine.prepare(plate), index)

    def whole_frame(self, index: int, state: ShotState | None) -> ShotState:
        """A plate from its file to its depth's file, one thing after the other."""
        prepared = self.prepared(index)
        disparity, state = self.plan.engine.infer(prepared, state)
        depth = self.plan.engine.finish(prepared.header, disparity, prepared.guide)
        self.plan.writer.write(replace(depth, frame=self.plate_frame(index)))
        return state


def numbered(prepared: PreparedFrame, index: int) -> PreparedFrame:
    """The same frame as step `index` of a shot: the engine refuses frames out of order."""
    return replace(prepared, header=replace(prepared.header, frame=FIRST_FRAME + index))


@contextlib.contextmanager
def bench_folder() -> Iterator[Path]:
    """A folder for plates, depth and drawn weights, which is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="flashdepth-bench-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def open_subject(
    name: str, job: RenderJob, size: Size, networks: Networks | None = None
) -> Iterator[Subject]:
    """Plan `job` as a render does. Raises whatever `FlashDepthError` it deserves."""
    plan = plan_shot(job, networks or Networks())
    try:
        yield Subject(name, size, plan)
    finally:
        plan.reader.close()


def bench_job(
    name: str, size: Size, settings: RenderSettings, folder: Path, frames: int = _PLATES
) -> RenderJob:
    """Write plates, and weights where they are drawn, below `folder`: a job that renders them.

    Raises `SettingsError` for an unknown preset, `OutputError`.
    """
    weights = name
    if name.startswith(RANDOM):
        weights = str(random_weights(name.removeprefix(RANDOM), folder))
    return RenderJob(
        shot=Shot(input=write_plates(folder / f"plates_{size}", size, frames)),
        output=str(folder / f"depth_{size}" / "depth.####.exr"),
        settings=replace(settings, weights=weights),
        overwrite=True,
    )


def require_weights(name: str, settings: RenderSettings) -> None:
    """Raise what measuring `name` would: `WeightsError`, `LicenseError`; `SettingsError` for an unknown preset."""
    if name.startswith(RANDOM):
        ModelConfig.preset(name.removeprefix(RANDOM))
    else:
        load(name, accept=settings.accept_license)


def random_network(preset: str) -> FlashDepthNet:
    """A preset's architecture with drawn weights, the same in every run. Raises `SettingsError`."""
    config = ModelConfig.preset(preset)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(_SEED)
        net = FlashDepthNet(config, scan="torch")
        last = net.get_submodule("depth_head.scratch.output_conv2.2")
        with torch.no_grad():
            last.get_parameter("bias").fill_(_TYPICAL_100_PER_M)
    return net.eval().requires_grad_(False)


def random_weights(preset: str, folder: Path) -> Path:
    """`random_network` as a file of weights in `folder`; one that is there stays. Raises `SettingsError`."""
    path = folder / f"random_{preset}.safetensors"
    if path.is_file():
        return path
    net = random_network(preset)
    metadata = {
        "config": json.dumps(net.config.to_dict()),
        "license": "drawn from a seed: no licence",
        "commercial_use": "yes",
    }
    side = ENTRIES[preset].default_long_side_px if preset in ENTRIES else None
    if side is not None:
        metadata["default_long_side_px"] = str(side)
    save_file({name: t.contiguous() for name, t in net.state_dict().items()}, path, metadata)
    return path


def write_plates(folder: Path, size: Size, count: int = _PLATES) -> str:
    """Half-float ZIP plates of moving waves under grain; gives their pattern. Those that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(_SEED)
    rows, columns = np.mgrid[0 : size.height_px, 0 : size.width_px].astype(np.float32)
    for index in range(count):
        path = folder / f"plate.{FIRST_FRAME + index}.exr"
        original = folder / f"plate.{FIRST_FRAME + index % _PLATES}.exr"
        if path.exists():
            continue
        if original != path:
            os.link(original, path)
            continue
        waves = (
            np.sin((columns + 7 * index) / 23),
            np.cos(rows / 17),
            np.sin((rows + columns) / 31),
        )
        light = 0.4 + 0.3 * np.stack(waves, axis=-1)
        light += _GRAIN * noise.standard_normal(light.shape, dtype=np.float32)
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, {"RGB": light.astype(np.float16)}).write(str(path))
    return str(folder / "plate.####.exr")
