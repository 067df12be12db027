"""Two data sets in miniature, as they lie on disk, whose brightness tells their depth; and trainings on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO
from dataset_files import exr, written
from golden import tiny
from numpy.typing import NDArray

from flashdepth_vfx.training.paper.config import read_config
from flashdepth_vfx.training.run import StageJob

#: Of the scenes of each set, in frames.
LENGTHS = {"mvs-synth": (9, 7), "tartanair": (11,)}


def scene(seed: int, frames: int, height: int, width: int) -> NDArray[np.float32]:
    """`(frames, height, width)` in 1/m: blocks of 0.05 to 0.45 that shift by a pixel a frame, and sky on top."""
    blocks = np.random.default_rng(seed).random((height // 8 + 1, width // 8 + 1 + frames))
    wide = np.kron(blocks, np.ones((8, 8))).astype(np.float32)
    inverse = np.stack([0.05 + 0.4 * wide[:height, t : t + width] for t in range(frames)])
    inverse[:, : height // 8] = 0.0
    return inverse


def write_sets(root: Path) -> Path:
    """MVS-Synth (two scenes of 72x96) and TartanAir (one of 64x80) below `root`."""
    for number, frames in enumerate(LENGTHS["mvs-synth"]):
        folder = root / "mvs" / "GTAV_1080" / f"{number:04d}"
        for frame, inverse in enumerate(scene(number, frames, 72, 96)):
            png(folder / "images" / f"{frame:04d}.png", inverse)
            with np.errstate(divide="ignore"):
                exr(folder / "depths" / f"{frame:04d}.exr", 10.0 / inverse)
    (frames,) = LENGTHS["tartanair"]
    folder = root / "tartan" / "office" / "Easy" / "P000"
    for frame, inverse in enumerate(scene(7, frames, 64, 80)):
        png(folder / "image_left" / f"{frame:06d}_left.png", inverse)
        depth = folder / "depth_left" / f"{frame:06d}_left_depth.npy"
        depth.parent.mkdir(exist_ok=True)
        np.save(depth, 1.0 / np.maximum(inverse, 1e-4))
    written(folder / "pose_left.txt", "0 0 0 0 0 0 1\n" * frames)
    return root


def png(path: Path, inverse: NDArray[np.float32]) -> None:
    """A grey picture that is as bright as things are near."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.rint(inverse * 500.0 + 20.0).clip(0, 255).astype(np.uint8)
    output = OpenImageIO.ImageOutput.create("png")
    spec = OpenImageIO.ImageSpec(grey.shape[1], grey.shape[0], 3, "uint8")
    assert output.open(str(path), spec)
    assert output.write_image(np.repeat(grey[..., None], 3, axis=2))
    output.close()


def changes(root: Path, checkpoint: Path, **more: object) -> list[str]:
    """What makes the paper's first stage a small one: clips of 70 px of the two sets, from nothing."""
    small: dict[str, object] = {
        "device": "cpu",
        "encoder": "random",
        "checkpoint": checkpoint,
        "data.root": root,
        "data.strides": "{mvs-synth = 1, tartanair = 2}",
        "data.clips": 1,
        "data.frames": 3,
        "data.height_px": 70,
        "data.width_px": 70,
        "data.workers": 0,
        "train.steps": 4,
        "train.warmup_steps": 2,
        "train.encoder_rate": 3e-4,
        "train.decoder_rate": 1e-3,
        "train.temporal_rate": 1e-3,
        "train.log_every": 1,
        "train.checkpoint_seconds": 0,
        "train.sample_every": 0,
    }
    return [f"{name}={value}" for name, value in (small | more).items()]


def job(kind: str, told: Sequence[str]) -> StageJob:
    """The job of a configuration with one of `golden.tiny`'s networks."""
    return replace(read_config("stage1-s", told), preset=tiny.config(kind))
