"""FlashDepthProcessor: the published stream processor's class, for scripts that use it. Its state is kept.

from flashdepth_vfx import FlashDepthProcessor        # in place of: from inference import ...
"""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.io.atomic import atomic_write, atomic_write_bytes
from flashdepth_vfx.live.job import LiveJob
from flashdepth_vfx.live.loop import LiveFrame, LiveStatus, stream
from flashdepth_vfx.live.outputs import Shade
from flashdepth_vfx.live.published_module import require_published_module
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.settings import Convention, RenderSettings
from flashdepth_vfx.sheet import coloured
from flashdepth_vfx.stills import png

__all__ = ["FlashDepthProcessor"]

#: Published folders of a configuration, and the weights that each was for.
_WEIGHTS = {"flashdepth": "full", "flashdepth-l": "l", "flashdepth-s": "s"}
_RESULTS = Path("result")
_LOG = logging.getLogger("flashdepth_vfx.processor")


class FlashDepthProcessor:
    """Depth of the stream that a published configuration names, into `result/stream_N/`.

    `config_path` is a folder with `config.yaml`, or the file. Of it `eval.stream_url` or `eval.url`, `load`
    (weights), `eval.save_depth_npy` and `eval.save_depth_png` are used; `run.log` says what is not. `settings` go
    before it. Files: `N_depth.npy`, disparity as the network gives it (100/m) at the picture's size, float32, and
    `depth_PNGs/N_depth.png` in colours, with one scale for good; N counts from 0. `pred` is the latest depth,
    `stopped` whether it has ended.

    Other than the published one it keeps the state from frame to frame, does not swallow errors, and drops frames of
    a live stream that the network cannot keep up with; a movie's are all taken. Raises `SettingsError` for a
    configuration that cannot be read, names no stream, or asks for a temporal module of which no weights were
    published.
    """

    def __init__(
        self,
        config_path: str | Path = "configs/flashdepth",
        stream_mode: bool = False,
        save_depth_png: bool = False,
        max_frames: int | None = None,
        *,
        url: str | None = None,
        settings: RenderSettings | None = None,
        networks: Networks | None = None,
    ) -> None:
        self.pred: FloatArray | None = None
        self.stopped = False
        self.run_dir: Path | None = None
        # Every stream goes frame by frame here: it is taken, since scripts give it.
        self.stream_mode = stream_mode
        file = Path(config_path)
        self.cfg = _read(file / "config.yaml" if file.is_dir() else file)
        require_published_module(self.cfg, file)
        said = self.cfg.get("eval") or {}
        self._png = save_depth_png or bool(said.get("save_depth_png"))
        self._npy = bool(said.get("save_depth_npy", True))
        source = url or said.get("stream_url") or said.get("url")
        if not source:
            raise SettingsError(f"{file}: names no stream: set eval.stream_url or eval.url")
        self._settings = settings or _settings(self.cfg, file)
        self._stop = threading.Event()
        self._networks = networks
        self._job = LiveJob(
            source=str(source),
            settings=self._settings,
            every_frame=Path(str(source)).is_file(),
            max_frames=max_frames if max_frames and max_frames > 0 else None,
        )

    def run_inference(self) -> LiveStatus:
        """Until the stream, or `max_frames`, is over. Raises as `live.stream` does."""
        self.run_dir = folder = _new_folder()
        log = logging.FileHandler(folder / "run.log", encoding="utf-8")
        log.setFormatter(logging.Formatter("%(asctime)s - %(levelname)s - %(message)s"))
        _LOG.addHandler(log)
        _LOG.setLevel(logging.INFO)
        try:
            _LOG.info("source: %s", self._job.source)
            _LOG.info("weights: %s", self._settings.weights)
            _LOG.info(
                "not used of the configuration: %s", ", ".join(_unused(self.cfg)) or "nothing"
            )
            files = _Files(folder, self, npy=self._npy, colours=self._png)
            done = stream(
                self._job,
                [files],
                networks=self._networks,
                stop=self._stop,
                tell=lambda text: _LOG.warning("%s", text),
            )
            _LOG.info("done: %s", done.to_plain())
            return done
        except BaseException as error:
            _LOG.error("%s: %s", type(error).__name__, error)
            raise
        finally:
            self.stopped = True
            _LOG.removeHandler(log)
            log.close()

    def cleanup(self) -> None:
        """End a run that is under way in another thread; nothing else is left behind."""
        self._stop.set()


class _Files:
    """The published files of each frame."""

    def __init__(
        self, folder: Path, owner: FlashDepthProcessor, *, npy: bool, colours: bool
    ) -> None:
        self._folder, self._owner = folder, owner
        self._npy, self._colours = npy, colours
        self._shade = Shade(owner._settings)

    def write(self, frame: LiveFrame) -> None:
        """Raises `OutputError`."""
        depth, number = frame.depth.depth, frame.number - 1
        self._owner.pred = depth
        if self._npy:
            path = self._folder / f"{number}_depth.npy"
            atomic_write(path, lambda file: np.save(file, depth))
        if self._colours:
            picture = png(coloured(self._shade.of(depth), 0.0, 1.0))
            atomic_write_bytes(self._folder / "depth_PNGs" / f"{number}_depth.png", picture)

    def close(self) -> None:
        """Every file is whole already."""


def _read(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror or error})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is no YAML ({error})") from error
    if not isinstance(found, dict) or not isinstance(found.get("eval") or {}, dict):
        raise SettingsError(f"{file}: is no configuration: it has no 'eval' with keys in it")
    return found


def _settings(cfg: dict[str, Any], file: Path) -> RenderSettings:
    folder = (file if file.is_dir() else file.parent).resolve().name
    named = cfg.get("load")
    weights = str(named) if named else _WEIGHTS.get(folder)
    if weights is None:
        raise SettingsError(
            f"{file}: names no weights: set load, or call its folder {', '.join(_WEIGHTS)}; or give settings"
        )
    return RenderSettings(weights=weights, convention=Convention.DISPARITY)


def _unused(cfg: dict[str, Any]) -> list[str]:
    """The keys that say nothing here."""
    used = {"stream_url", "url", "save_depth_npy", "save_depth_png"}
    of_eval = [f"eval.{key}" for key in cfg.get("eval") or {} if key not in used]
    return [*(str(key) for key in cfg if key not in ("eval", "load")), *of_eval]


def _new_folder() -> Path:
    """`result/stream_N` with the lowest N that comes after all that are there."""
    there = [re.fullmatch(r"stream_(\d+)", p.name) for p in _RESULTS.glob("stream_*")]
    number = max((int(match[1]) for match in there if match), default=0)
    while True:
        number += 1
        folder = _RESULTS / f"stream_{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            # Of another one that started just now.
            continue
        return folder
