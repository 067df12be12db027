"""Whole renders of small plates with a real network: what the tests of the renderer share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import torch
from plates import box, write_exr
from torch import Tensor, nn

from flashdepth_vfx import RenderJob, RenderResult, RenderSettings, Shot, render
from flashdepth_vfx.events import RenderEvent
from flashdepth_vfx.model import TemporalState
from flashdepth_vfx.networks import Network, Networks
from flashdepth_vfx.plate import FloatArray, Window
from flashdepth_vfx.runner import FrameRunner

#: The smallest picture that the nano network takes without growing it.
WINDOW = Window(0, 0, 160, 96)
#: Plates in this space reach the network as they are stored.
AS_STORED = "sRGB Encoded Rec.709 (sRGB)"
_REPOSITORY = Path(__file__).resolve().parents[1]
_NETWORKS = Networks()
_OF_JOBS = {field.name for field in fields(RenderJob)}
# Other tests and processes share the cores; and the number of threads is part of what makes pixels.
torch.set_num_threads(1)


@dataclass(frozen=True)
class RenderKit:
    """Plates and renders of one test, below `folder`."""

    weights: Path
    folder: Path

    def shot(
        self,
        frames: Iterable[int],
        name: str = "plates/shot.####.exr",
        *,
        data: Window = WINDOW,
        display: Window | None = None,
        **attributes: Any,
    ) -> str:
        """Plates of a picture that differs in every frame; gives their pattern."""
        pattern = str(self.folder / name)
        for frame in frames:
            write_plate(at(pattern, frame), frame, data=data, display=display, **attributes)
        return pattern

    def job(
        self,
        plates: str,
        out: str = "depth/shot.####.exr",
        *,
        frames: str | None = None,
        view: str | None = None,
        state_in: str | None = None,
        state_out: str | None = None,
        **more: Any,
    ) -> RenderJob:
        """A job on the CPU with the weights of the test; `out` and states are below `folder`.

        `more` are fields of the job, or of its settings.
        """
        of_job = {name: more.pop(name) for name in _OF_JOBS & more.keys()}
        given = {
            "weights": str(self.weights),
            "device": "cpu",
            "colorspace": AS_STORED,
            "resolution": "native",
        }
        return RenderJob(
            shot=Shot(input=plates, view=view),
            output=str(self.folder / out),
            frames=frames,
            settings=RenderSettings(**(given | more)),
            state_in=state_in and str(self.folder / state_in),
            state_out=state_out and str(self.folder / state_out),
            **of_job,
        )

    def path(self, frame: int, out: str = "depth/shot.####.exr") -> Path:
        """Where a frame's depth is."""
        return at(str(self.folder / out), frame)

    def depths(self, out: str = "depth/shot.####.exr") -> dict[int, FloatArray]:
        """All depth on disk, by frame."""
        return depths(str(self.folder / out))


@dataclass
class Watcher:
    """An observer that remembers, and sets `stop` once `stop_after` frames are written."""

    stop_after: int | None = None

    def __post_init__(self) -> None:
        self.events: list[RenderEvent] = []
        self.stop = threading.Event()

    def __call__(self, event: RenderEvent) -> None:
        self.events.append(event)
        if self.stop_after is not None and len(self.written) >= self.stop_after:
            self.stop.set()

    @property
    def written(self) -> list[int]:
        """The frames that were written."""
        return [e.frame for e in self.events if type(e).__name__ == "FrameWritten"]

    @property
    def passed(self) -> list[int]:
        """The frames that were gone through and not written."""
        return [e.frame for e in self.events if type(e).__name__ == "FramePassed"]

    @property
    def warnings(self) -> list[str]:
        """What was warned of."""
        return [e.text for e in self.events if type(e).__name__ == "Warned"]


def run(job: RenderJob, watcher: Watcher | None = None) -> RenderResult:
    """Render in this process, with the network loaded once for all tests."""
    watcher = watcher or Watcher()
    return render(job, observer=watcher, stop=watcher.stop, networks=_NETWORKS)


def run_with(net: nn.Module, job: RenderJob, watcher: Watcher | None = None) -> RenderResult:
    """Render with another network in the place of the real one, all else real."""
    return render(job, observer=watcher, networks=_Instead(net))


def start_process(
    job: RenderJob,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    prefix: Sequence[str] = (),
) -> subprocess.Popen[str]:
    """Render in a process of its own (`render_driver.py`), its output piped.

    `prefix` is a command that runs another. The job's file is left in `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ticket = folder / f"job{len(list(folder.glob('job*.json')))}.json"
    ticket.write_text(job.to_json())
    where = {"PYTHONPATH": str(_REPOSITORY), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    return subprocess.Popen(
        [*prefix, sys.executable, str(Path(__file__).with_name("render_driver.py")), str(ticket)],
        env={**os.environ, **where, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class _Instead(Networks):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self._net = net

    def open(self, settings: RenderSettings) -> Network:
        runner = FrameRunner(self._net, "fp32")
        return replace(_NETWORKS.open(settings), net=self._net, runner=runner)


class Probe(nn.Module):
    """A network whose disparity is known: the red that it sees, in 0..1, or `answer` where given.

    It keeps what it was shown, and its state counts frames.
    """

    def __init__(self, answer: Tensor | None = None) -> None:
        super().__init__()
        self.answer = answer
        self.shown: list[Tensor] = []

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        return ((1,),)

    def forward(self, pixels: Tensor, state: TemporalState | None) -> tuple[Tensor, TemporalState]:
        picture = pixels * torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)
        picture = picture + torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
        self.shown.append(picture[0].clone())
        seen = torch.zeros(1) if state is None else state.tensors[0]
        disparity = picture[:, 0] if self.answer is None else self.answer[None]
        return disparity, TemporalState((seen + 1,))


def picture(frame: int, window: Window = WINDOW) -> FloatArray:
    """`(H, W, 3)` float32 in 0..1 over `window`: one scene in plate pixels, that moves with `frame`."""
    rows, columns = np.mgrid[
        window.y : window.y + window.height, window.x : window.x + window.width
    ].astype(np.float64)
    waves = (
        np.sin((columns + 9 * frame) / 11) * np.cos(rows / 7),
        np.sin((rows - 5 * frame) / 13),
        np.cos((columns + rows + 3 * frame) / 17),
    )
    return (0.5 + 0.45 * np.stack(waves, axis=-1)).astype(np.float32)


def write_plate(
    path: Path,
    frame: int,
    *,
    data: Window = WINDOW,
    display: Window | None = None,
    alpha: FloatArray | None = None,
    rgb: FloatArray | None = None,
    **attributes: Any,
) -> Path:
    """One plate of `picture`, or of `rgb`; with `alpha` it is written as given, unmultiplied."""
    pixels = picture(frame, data) if rgb is None else rgb
    channels = {"RGB": pixels} if alpha is None else {"RGBA": np.dstack([pixels, alpha])}
    return write_exr(path, channels, data=data, display=display or data, **attributes)


def at(pattern: str, frame: int) -> Path:
    """The file of a frame of a `####` pattern."""
    return Path(pattern.replace("####", f"{frame:04d}"))


def depth_of(path: Path) -> FloatArray:
    """The one channel of a depth file."""
    (channel,) = OpenEXR.File(str(path)).channels().values()
    return channel.pixels


def header_of(path: Path) -> dict[str, Any]:
    """The header of an EXR."""
    return dict(OpenEXR.File(str(path), header_only=True).header())


def windows_of(path: Path) -> tuple[Window, Window, float]:
    """Data window, display window, pixel aspect."""
    header = header_of(path)
    return (
        Window.from_exr(header["dataWindow"]),
        Window.from_exr(header["displayWindow"]),
        header["pixelAspectRatio"],
    )


def depths(pattern: str) -> dict[int, FloatArray]:
    """All depth on disk of a `####` pattern, by frame."""
    start, end = Path(pattern).name.split("####")
    found = Path(pattern).parent.glob(f"{start}[0-9]*{end}")
    return {int(p.name[len(start) : len(p.name) - len(end)]): depth_of(p) for p in sorted(found)}


def same(one: Mapping[int, FloatArray], other: Mapping[int, FloatArray]) -> bool:
    """Whether two renders have the same frames, and every bit of them."""
    return one.keys() == other.keys() and all(
        one[frame].tobytes() == other[frame].tobytes() for frame in one
    )


def states_in(folder: Path) -> list[int]:
    """The frames that the checkpoints in a `.flashdepth` folder wait for."""
    return sorted(int(path.name.split(".")[1]) for path in folder.glob("state.*.safetensors"))


def temporaries(folder: Path) -> list[str]:
    """Half-written files anywhere below `folder`."""
    return sorted(path.name for path in folder.rglob(".*.tmp"))


__all__ = [
    "AS_STORED",
    "WINDOW",
    "Probe",
    "RenderKit",
    "Watcher",
    "at",
    "box",
    "depth_of",
    "depths",
    "header_of",
    "picture",
    "run",
    "run_with",
    "same",
    "start_process",
    "states_in",
    "temporaries",
    "windows_of",
    "write_plate",
]
