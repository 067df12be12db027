"""The temporal modules against each other: trained alike, then accuracy, flicker and cost.

    python benchmarks/temporal_modules.py                                  # sizes for a CPU, one minute
    python benchmarks/temporal_modules.py --device cuda --levels           # an H100, eight minutes

Every module begins at zero in one network (`--start`, of its weights all but the temporal module) and sees the same
made clips from the same seeds; "none" is the same training without a memory, "start" no training. All are judged on
held-out clips whose light and exposure flicker. `--levels` adds Mamba-2 on the other decoder paths. The time of a
frame is that of a render: on a GPU half precision, and one recorded graph. Prints a table and writes JSON
(`benchmarks/results/temporal_modules.json` unless `--json` says another file).
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

import flashdepth_vfx
from flashdepth_vfx import bench
from flashdepth_vfx.bench.clock import DeviceClock, median_ms
from flashdepth_vfx.device import open_device
from flashdepth_vfx.evaluation.judge import Judge
from flashdepth_vfx.evaluation.report import Measures, mean_of
from flashdepth_vfx.measures.baselines import constant, vertical_ramp
from flashdepth_vfx.measures.clip import Predictor, TruthClip
from flashdepth_vfx.measures.predictor import network_predictor
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.model.temporal_config import TEMPORAL_KINDS, TemporalKind
from flashdepth_vfx.runner import FrameRunner
from flashdepth_vfx.training.checkpoint import Checkpoint
from flashdepth_vfx.training.data import Batch, DataSettings, batches
from flashdepth_vfx.training.held import held_by, take_over
from flashdepth_vfx.training.losses import LossWeights
from flashdepth_vfx.training.made import made_clips
from flashdepth_vfx.training.settings import TrainSettings
from flashdepth_vfx.training.start import new_network
from flashdepth_vfx.training.train import train

RESULT = Path(__file__).parent / "results" / "temporal_modules.json"
SHIPPED = Path(flashdepth_vfx.__file__).parent / "data" / "nano.safetensors"
FLICKER, CHUNKS = 0.7, 2
#: Of held-out clips: those that the report of `nano` is of are the first sixteen.
FIRST_JUDGED = 100
TIMED_FRAMES = 20
HEAD = (
    f"{'module':<14} {'level':>5} {'delta1':>6} {'abs-rel':>7} {'TAE %':>6} {'flicker %':>9} "
    f"{'frame ms':>8} {'parameters':>10} {'state kB':>8} {'trained s':>9}"
)


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    steps: int
    clips: int
    frames: int
    width_px: int
    height_px: int
    judged_clips: int
    judged_frames: int


ON_GPU = Scale(300, 6, 6, 384, 224, judged_clips=16, judged_frames=8)
ON_CPU = Scale(4, 1, 3, 160, 96, judged_clips=2, judged_frames=3)


@dataclass(frozen=True)
class Row:
    """`level` is None and cost nothing where there is no network."""

    name: str
    level: int | None
    clips: tuple[Measures, ...]
    train_seconds: float = 0.0
    frame_ms: float | None = None
    module_parameters: int | None = None
    state_bytes: int | None = None


def main() -> int:
    """Train each, judge each, print, write."""
    asked = parse_arguments()
    device = open_device(asked.device)
    where = device.torch_device
    scale = scale_of(asked, where)
    held = held_by(asked.start)
    clips = drawn(scale, asked, where)
    judges = tuple(Judge(clip) for clip in judged(scale, where))
    say(f"{len(clips)} steps drawn, {len(judges)} clips to judge on, {device.name}")
    say(HEAD)
    beaten = {"constant": constant, "ramp": vertical_ramp}
    rows = [tell(Row(name, None, measured(p, judges))) for name, p in beaten.items()]
    for kind, level, trained in variants(asked):
        config = ModelConfig.preset(asked.preset).with_temporal(kind, level)
        net = new_network(config, None, asked.seed)
        take_over(net, held, asked.start, new_module=True)
        net = net.to(where)
        seconds = learn(net, clips, train_settings(asked, scale), held) if trained else 0.0
        name = kind if trained else "start"
        rows.append(tell(row_of(name, net, judges, scale, seconds)))
    settings = dataclasses.asdict(scale) | {
        "preset": asked.preset, "start": asked.start.name, "seed": asked.seed, "flicker": FLICKER, "chunks": CHUNKS,
        "decoder_rate": asked.decoder_rate, "temporal_rate": asked.temporal_rate, "device": device.name,
    }  # fmt: skip
    machine = bench.this_machine(device.driver)
    bench.write_record(asked.json, "temporal_modules", machine, settings, map(plain, rows))
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--kinds", nargs="+", choices=TEMPORAL_KINDS, default=TEMPORAL_KINDS)
    parser.add_argument("--levels", action="store_true", help="mamba2 on every path too")
    parser.add_argument("--preset", default="nano")
    parser.add_argument("--start", type=Path, default=SHIPPED, help="weights of the preset")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    for field in dataclasses.fields(Scale):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=int)
    parser.add_argument("--decoder-rate", type=float, default=1e-4)
    parser.add_argument("--temporal-rate", type=float, default=1e-3)
    parser.add_argument("--workers", type=int, default=0, help="processes that draw scenes")
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result is written")
    return parser.parse_args()


def scale_of(asked: argparse.Namespace, device: torch.device) -> Scale:
    """What is right for the device, but for what was said."""
    base = ON_GPU if device.type == "cuda" else ON_CPU
    said = {f.name: getattr(asked, f.name) for f in dataclasses.fields(Scale)}
    return dataclasses.replace(base, **{n: v for n, v in said.items() if v is not None})


def variants(asked: argparse.Namespace) -> Iterator[tuple[TemporalKind, int | None, bool]]:
    """Kind, level where it is not the preset's, and whether it is trained."""
    yield "none", None, False
    # first what the others are held against
    yield from ((kind, None, True) for kind in sorted(asked.kinds, key=lambda kind: kind != "none"))
    own = ModelConfig.preset(asked.preset).temporal.path
    if asked.levels:
        yield from (("mamba2", level, True) for level in (4, 3, 2, 1) if level != own)


def data_settings(asked: argparse.Namespace, scale: Scale) -> DataSettings:
    """What every module is trained on."""
    return DataSettings(
        seed=asked.seed, clips=scale.clips, frames=scale.frames, height_px=scale.height_px, width_px=scale.width_px,
        flicker=FLICKER, chunks=CHUNKS, workers=asked.workers,
    )  # fmt: skip


def train_settings(asked: argparse.Namespace, scale: Scale) -> TrainSettings:
    """Stage two, as `flashdepth train stage2` has it."""
    return TrainSettings(
        data=data_settings(asked, scale),
        temporal=True,
        steps=scale.steps,
        minutes=None,
        encoder_rate=0.0,
        decoder_rate=asked.decoder_rate,
        temporal_rate=asked.temporal_rate,
        loss=LossWeights(steady=1.0),
        warmup_steps=max(1, scale.steps // 10),
        log_every=max(1, scale.steps // 3),
        checkpoint_seconds=3600.0,
    )


def drawn(scale: Scale, asked: argparse.Namespace, device: torch.device) -> list[Batch]:
    """The clips of all steps, rendered once and kept in host memory: 20 kB to a frame's 1,000 pixels."""
    source = batches(data_settings(asked, scale), 0, device)
    return [on(batch, torch.device("cpu")) for batch in islice(source, scale.steps)]


def on(batch: Batch, device: torch.device) -> Batch:
    """What training reads of it, on a device."""
    truth = batch.disparity_100_per_m.to(device)
    return Batch(batch.rgb.to(device), truth, fresh=batch.fresh)


def learn(
    net: FlashDepthNet, clips: Sequence[Batch], settings: TrainSettings, held: Checkpoint
) -> float:
    """Train it on these clips; gives the seconds that it took."""
    device = next(net.parameters()).device
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stage.pt"

        def source(step: int) -> Iterator[Batch]:
            return (on(batch, device) for batch in clips[step:])

        train(net, settings, source, path, held.history, device, lambda line: None)
    return time.perf_counter() - began


def judged(scale: Scale, device: torch.device) -> Iterator[TruthClip]:
    """Held-out clips."""
    return made_clips(
        FIRST_JUDGED, scale.judged_clips, scale.judged_frames, scale.height_px, scale.width_px, FLICKER, device=device
    )  # fmt: skip


def measured(predict: Predictor, judges: Sequence[Judge]) -> tuple[Measures, ...]:
    """Each clip's; judged side by side, since one takes a core a second."""
    predictions = [predict(judge.clip.rgb) for judge in judges]
    with ThreadPoolExecutor() as pool:
        return tuple(pool.map(lambda judge, given: judge.measures(given), judges, predictions))


def row_of(
    name: str, net: FlashDepthNet, judges: Sequence[Judge], scale: Scale, seconds: float
) -> Row:
    """Judged at the size that it was trained at, frame after frame."""
    predict = network_predictor(net, max(scale.width_px, scale.height_px))
    return Row(
        name,
        None if net.config.temporal.kind == "none" else net.config.temporal.path,
        measured(predict, judges),
        seconds,
        frame_ms(net, scale),
        sum(parameter.numel() for parameter in net.mamba.parameters()),
        sum(4 * math.prod(shape) for shape in net.state_shapes(1)),
    )


def frame_ms(net: FlashDepthNet, scale: Scale) -> float:
    """The median time of a frame as it is rendered, its state with it."""
    device = next(net.parameters()).device
    own = copy.deepcopy(net).requires_grad_(False).eval()
    runner = FrameRunner(own, "fp16" if device.type == "cuda" else "fp32")
    clock = DeviceClock(device)
    frame = torch.randn(1, 3, scale.height_px, scale.width_px, device=device)
    state, taken = None, []
    with torch.inference_mode():
        for _ in range(TIMED_FRAMES):
            clock.wait()
            began = time.perf_counter()
            _, state = runner(frame, state)
            clock.wait()
            taken.append(time.perf_counter() - began)
    return median_ms(taken[TIMED_FRAMES // 4 :])


def tell(row: Row) -> Row:
    """A line of the table."""
    mean = mean_of(row.clips)
    cells = (
        f"{row.name:<14}", cell(row.level, ">5"), cell(mean.delta1, ">6.3f"), cell(mean.abs_rel, ">7.3f"),
        cell(mean.tae, ">6.2f"), cell(mean.flicker, ">9.2f"), cell(row.frame_ms, ">8.2f"),
        cell(row.module_parameters, ">10,"),
        cell(None if row.state_bytes is None else row.state_bytes / 1000, ">8.0f"),
        cell(row.train_seconds, ">9.0f"),
    )  # fmt: skip
    say(" ".join(cells))
    return row


def cell(value: float | None, form: str) -> str:
    """A figure, or a dash as wide."""
    width = form[1:].partition(".")[0].rstrip(",")
    return f"{'-':>{width}}" if value is None else format(value, form)


def plain(row: Row) -> dict[str, Any]:
    """For JSON: the means and every clip's figures, in as many digits as mean something."""
    told = dataclasses.asdict(row) | dataclasses.asdict(mean_of(row.clips))
    exact: dict[str, Any] = json.loads(
        json.dumps(told), parse_float=lambda text: round(float(text), 4)
    )
    return exact


def say(text: str) -> None:
    """A line on standard output, at once: a rented GPU may be gone before the last one."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
