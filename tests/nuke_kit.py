"""A session of the plugin in a strict fake of Nuke, with the real worker behind it."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import make_plates
from fake_nuke import FakeNuke

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "nuke"


class NukeSession:
    """`nuke` is the fake, `plugin` the package that its buttons call."""

    def __init__(self, nuke: FakeNuke, folder: Path, weights: Path) -> None:
        self.nuke, self.folder, self.weights = nuke, folder, weights
        self.plugin: Any = __import__("flashdepth_nuke")
        self.rendering: Any = sys.modules["flashdepth_nuke.rendering"]

    def read(self, count: int = 4, **knobs: Any) -> Any:
        """A Read of plates that are made."""
        pattern = make_plates(self.folder, count)
        given = {"file": pattern, "first": 1001, "last": 1000 + count, **knobs}
        return self.nuke.create("Read", "Read1", **given)

    def node(self, *above: Any, name: str = "FlashDepth1", **knobs: Any) -> Any:
        """A FlashDepth with small weights."""
        small = {"weights": "file", "weights_file": str(self.weights), "device": "cpu"}
        return self.nuke.create("FlashDepth", name, *above, **{**small, **knobs})

    def render(self, node: Any, button: str = "render") -> None:
        """Press the button, and wait as a person does."""
        self.nuke.press(node, button)
        self.nuke.pump(lambda: not self.rendering._under_way and self.nuke._calls.empty())

    def depth_files(self, folder: str = "plates/depth") -> list[str]:
        return sorted(path.name for path in (self.folder / folder).glob("*.exr"))


@pytest.fixture
def start_nuke(
    tmp_path: Path, nano_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., NukeSession]]:
    """Starts Nuke with the plugin of this checkout, as its start-up files do it."""
    begun: list[NukeSession] = []
    monkeypatch.setenv("FLASHDEPTH_COMMAND", f"{sys.executable} -m flashdepth_batch")
    monkeypatch.setenv("FLASHDEPTH_ENV_PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "path", [*sys.path])

    def start(*, gui: bool = True, plugin: Path = PLUGIN) -> NukeSession:
        _forget()
        fake = FakeNuke(plugin, gui=gui)
        sys.modules["nuke"] = fake.module
        runpy.run_path(str(plugin / "init.py"))
        if gui:
            runpy.run_path(str(plugin / "menu.py"))
        begun.append(NukeSession(fake, tmp_path, nano_weights))
        return begun[-1]

    yield start
    for one in begun:
        one.rendering.SESSION.close()
    _forget()


def _forget() -> None:
    for name in [
        n for n in sys.modules if n.split(".")[0] in ("nuke", "flashdepth_nuke", "flashdepth_host")
    ]:
        del sys.modules[name]
