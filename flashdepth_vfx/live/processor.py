"""FlashDepthProcessor: the published stream processor's class, for scripts that use it. Its state is kept.

from flashdepth_vfx import FlashDepthProcessor        # in place of: from inference import ...
"""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.live.job import LiveJob
from flashdepth_vfx.live.loop import LiveFrame, LiveOutput, LiveStatus, stream
from flashdepth_vfx.live.outputs import Shade, colour_bytes, npy_bytes
from flashdepth_vfx.live.published import NumberedFiles, PublishedConfig
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.settings import Convention, RenderSettings

__all__ = ["FlashDepthProcessor"]

_USED = frozenset(("stream_url", "url", "save_depth_npy", "save_depth_png"))
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
        self._config = config = PublishedConfig.read(config_path)
        self.cfg = config.values
        self._png = save_depth_png or bool(config.of_eval("save_depth_png", False))
        self._npy = bool(config.of_eval("save_depth_npy", True))
        source = url or config.of_eval("stream_url") or config.of_eval("url")
        if not source:
            raise SettingsError(f"{config.file}: names no stream: set eval.stream_url or eval.url")
        self._settings = settings or RenderSettings(
            weights=config.weights(), convention=Convention.DISPARITY
        )
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
                "not used of the configuration: %s",
                ", ".join(self._config.unused(_USED)) or "nothing",
            )
            done = stream(
                self._job,
                self._outputs(folder),
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

    def _outputs(self, folder: Path) -> list[LiveOutput]:
        made: list[LiveOutput] = [_Latest(self)]
        if self._npy:
            made.append(NumberedFiles(folder, "{}_depth.npy", npy_bytes))
        if self._png:
            encode = colour_bytes(Shade(self._settings))
            made.append(NumberedFiles(folder / "depth_PNGs", "{}_depth.png", encode))
        return made

    def cleanup(self) -> None:
        """End a run that is under way in another thread; nothing else is left behind."""
        self._stop.set()


class _Latest:
    """Keeps the latest depth where scripts look for it."""

    def __init__(self, owner: FlashDepthProcessor) -> None:
        self._owner = owner

    def write(self, frame: LiveFrame) -> None:
        self._owner.pred = frame.depth.depth

    def close(self) -> None:
        """It stays."""


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
