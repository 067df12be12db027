"""What many tests need: small plates on disk, weights that need no training, and the command itself."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from golden import recipe
from hypothesis import settings
from render_kit import RenderKit
from safetensors.torch import save_file

from flashdepth_vfx.model import FlashDepthNet, ModelConfig

torch.set_num_threads(1)
# A busy machine is no failure of a law.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def nano_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of `nano` weights: random, the same in every run, with depth that differs by pixel."""
    config = ModelConfig.preset("nano")
    net = FlashDepthNet(config, scan="torch").eval()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(torch.from_numpy(recipe.weight(name, tuple(parameter.shape))))
    path = tmp_path_factory.mktemp("weights") / "random_nano.safetensors"
    metadata = {"config": json.dumps(config.to_dict()), "default_long_side_px": "128"}
    save_file({n: t.contiguous() for n, t in net.state_dict().items()}, path, metadata)
    return path


@pytest.fixture
def kit(nano_weights: Path, tmp_path: Path) -> RenderKit:
    """Plates and renders of one test, in its own folder."""
    return RenderKit(nano_weights, tmp_path)


def write_plate(path: Path, rgb: np.ndarray, **header: object) -> None:
    """A scanline EXR of `rgb` `(H, W, 3)`, half float."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIPS_COMPRESSION, **header}
    OpenEXR.File(whole, {"RGB": rgb.astype(np.float16)}).write(str(path))


def make_plates(folder: Path, count: int, *, height: int = 96, width: int = 128) -> str:
    """Writes `count` plates of a moving square, from frame 1001; returns their pattern."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    for index in range(count):
        rgb = np.stack([rows / height, columns / width, (rows + columns) % 16 / 16], axis=-1)
        rgb[20:60, 10 + index : 50 + index] = (0.9, 0.5, 0.1)
        write_plate(folder / "plates" / f"plate.{1001 + index}.exr", rgb)
    return str(folder / "plates" / "plate.####.exr")


@pytest.fixture
def plates(tmp_path: Path) -> Callable[..., str]:
    """`make_plates` in this test's own folder."""
    return functools.partial(make_plates, tmp_path)


def command_line(arguments: Sequence[str]) -> list[str]:
    """The command as a process of its own."""
    return [sys.executable, "-m", "flashdepth_batch", *arguments]


def environment(**more: str) -> dict[str, str]:
    """This process's, with one thread for the network: tests share their cores."""
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


def run_command(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """The command as a process, to its end, in `folder`."""
    return run_process(command_line(arguments), folder)


def run_process(line: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A process, to its end, in `folder`."""
    return subprocess.run(
        line,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def flashdepth(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_command` in this test's own folder."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_command(arguments, tmp_path)

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, in memory; `resize` makes it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = shutil.which("mount")
    made = command and subprocess.run(
        [command, "-t", "tmpfs", "-o", "size=300k", "small", str(folder)],
        capture_output=True,
        check=False,
    )
    if not made or made.returncode:
        pytest.skip("a full disk cannot be made here: mounting a small tmpfs is not allowed")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
