"""A session of the plugin in a strict fake of Houdini, with the real renderer behind it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from conftest import write_plate
from fake_houdini import FakeHoudini
from fake_houdini.pdg import files_above

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "houdini"
#: Where Houdini's Python looks, by the package's `hpath`.
LIBRARY = PLUGIN / "python3.11libs"


class HoudiniSession:
    """`houdini` is the fake; nodes are made in networks as a person makes them."""

    def __init__(self, houdini: FakeHoudini, folder: Path, weights: Path) -> None:
        self.houdini, self.folder, self.weights = houdini, folder, weights

    @property
    def graph(self) -> Any:
        return self.houdini.graph

    def module(self, name: str) -> Any:
        return importlib.import_module(f"flashdepth_houdini.{name}")

    def top(self, name: str = "shot", **parms: Any) -> Any:
        """A FlashDepth TOP with small weights."""
        net = self.houdini.root.node("tops") or self.houdini.root.createNode("topnet", "tops")
        node = net.createNode("flashdepth", name)
        small = {"weights": "file", "weights_file": str(self.weights), "device": "cpu"}
        node.setParms({**small, **parms})
        return node

    def above(self, node: Any, files: list[Path], tag: str = "file/image") -> Any:
        """A node above it with one item for each file."""
        made = node.parent().createNode("filepattern", f"files_of_{node.name()}")
        files_above(made, [(path.as_posix(), tag) for path in files], self.folder.as_posix())
        node.setInput(0, made)
        return made

    def cook(self, node: Any) -> dict[str, str]:
        """The state of each item, by its task."""
        node.cookWorkItems(block=True)
        return {item.name: item.state for item in self.graph.items}

    def item(self, part: str) -> Any:
        (found,) = [one for one in self.graph.items if part in one.name]
        return found

    def plates(self, name: str, frames: range, *, seed: int = 0) -> list[Path]:
        """Plates of a moving square, as `name.####.exr` in the folder of that name."""
        rows, columns = np.mgrid[0:48, 0:64].astype(np.float32)
        paths = []
        for index, frame in enumerate(frames):
            rgb = np.stack([rows / 48, columns / 64, (rows + columns + seed) % 16 / 16], axis=-1)
            rgb[10:30, 5 + index : 25 + index] = (0.9, 0.5, 0.1)
            paths.append(self.folder / name / f"{name}.{frame:04d}.exr")
            write_plate(paths[-1], rgb)
        return paths


def depth_of(path: Path, channel: str = "depth.Z") -> np.ndarray:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return np.array(file.channels()[channel].pixels, np.float32)


@pytest.fixture
def start_houdini(
    tmp_path: Path, nano_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., HoudiniSession]]:
    """Starts Houdini with the plugin of this checkout on its path."""
    monkeypatch.setenv("FLASHDEPTH_COMMAND", f"{sys.executable} -m flashdepth_batch")
    monkeypatch.setenv("FLASHDEPTH_ENV_PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "path", [str(LIBRARY), *sys.path])

    def start(*, ui: bool = True, plugin: Path = PLUGIN) -> HoudiniSession:
        _forget()
        variables = {"JOB": str(tmp_path), "FSTART": "1001", "FEND": "1003"}
        variables["FLASHDEPTH_HOUDINI"] = str(plugin)
        fake = FakeHoudini(plugin, ui=ui, variables=variables, folder=tmp_path / "pdg")
        sys.modules["hou"] = fake.module
        return HoudiniSession(fake, tmp_path, nano_weights)

    yield start
    _forget()


def _forget() -> None:
    ours = ("hou", "flashdepth_houdini", "flashdepth_host")
    for name in [one for one in sys.modules if one.split(".")[0] in ours]:
        del sys.modules[name]
