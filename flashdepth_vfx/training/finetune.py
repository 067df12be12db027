"""Fine-tuning on a studio's own plates and depth: checked first, judged before and after, its terms inherited."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flashdepth_vfx.device import open_device
from flashdepth_vfx.errors import OutputExistsError, SettingsError, UsageError, WeightsError
from flashdepth_vfx.io.atomic import make_folder
from flashdepth_vfx.measures.baselines import constant, vertical_ramp
from flashdepth_vfx.measures.predictor import network_predictor
from flashdepth_vfx.model import FlashDepthNet, ModelConfig
from flashdepth_vfx.preprocess import plan_canvas
from flashdepth_vfx.training.checkpoint import load_checkpoint
from flashdepth_vfx.training.data import DataSettings
from flashdepth_vfx.training.losses import LossWeights
from flashdepth_vfx.training.made import made_clips
from flashdepth_vfx.training.passes import require_fitting
from flashdepth_vfx.training.settings import TrainSettings
from flashdepth_vfx.training.studio.check import ShotReport, open_shots
from flashdepth_vfx.training.studio.clips import ClipSettings, StudioClips, whole_clip
from flashdepth_vfx.training.studio.judging import ErrorRow, errors
from flashdepth_vfx.training.studio.mixing import Mixture
from flashdepth_vfx.training.studio.reading import StudioReading
from flashdepth_vfx.training.studio.shot import StudioShot
from flashdepth_vfx.training.studio.terms import export_fine_tuned, start_record
from flashdepth_vfx.training.train import train
from flashdepth_vfx.weights import LoadedWeights, load

__all__ = ["FineTuneResult", "FineTuneSettings", "fine_tune", "split_shots"]

_HELD_OUT_EVERY = 5
#: Where the weights do not say at what size they work: what a transformer was trained at.
_LONG_SIDE_PX = 518
_MADE_FLICKER = 0.5
#: What is steady stays so. At 4 steadiness is bought with accuracy: see run 2 of docs/nano-log.md.
_STEADY = 1.0


@dataclass(frozen=True)
class FineTuneSettings:
    """What to fine-tune, on what, and how gently.

    `weights` is a name or a file. `hold_out` are names of shots that are kept for the judgement; empty holds out
    every fifth. A step sees `clips` of `frames`, of which `made_share` are made scenes. `width_px` and `height_px`
    None take the weights' working size in the shape of the first shot. The encoder stays as it is unless
    `encoder_rate` is above 0; its batch statistics stay in any case. It ends at `steps` or after `minutes`,
    whichever is first.
    """

    folder: Path
    reading: StudioReading = field(default_factory=StudioReading)
    weights: str = "nano"
    accept_license: tuple[str, ...] = ()
    hold_out: tuple[str, ...] = ()
    steps: int | None = 1000
    minutes: float | None = None
    clips: int = 4
    frames: int = 6
    width_px: int | None = None
    height_px: int | None = None
    made_share: float = 0.25
    encoder_rate: float = 0.0
    decoder_rate: float = 1e-4
    temporal_rate: float = 1e-4
    augment: bool = True
    seed: int = 0
    workers: int = 4
    device: str = "auto"
    judged_frames: int = 12
    judged_made_clips: int = 16
    log_every: int = 20
    checkpoint_seconds: float = 120.0


@dataclass(frozen=True)
class FineTuneResult:
    """`rows` are those of `studio.errors`: constant, ramp, and the weights before and after.

    `metadata` is what the file `weights` says of itself; `shots` and `frames` were trained on.
    """

    weights: Path
    checkpoint: Path
    metadata: dict[str, str]
    rows: tuple[ErrorRow, ...]
    shots: int
    frames: int


Told = Callable[[dict[str, Any]], None]


def fine_tune(
    settings: FineTuneSettings,
    output: Path,
    report: Told,
    checked: Callable[[Sequence[ShotReport]], None] = lambda reports: None,
    stop: threading.Event | None = None,
) -> FineTuneResult:
    """Fine-tune, and write `output` (.safetensors) and a checkpoint beside it (.pt), continued from if it is there.

    `report` takes each line of the log, `checked` the state of every shot before anything is trained. Setting `stop`
    ends the training after the step in hand, its checkpoint written, by raising Interrupted. Raises UsageError when
    nothing on disk can be trained on, LicenseError, WeightsError, OutputExistsError when `output` is there and its
    checkpoint is not, OutputError, PlateError, DeviceError.
    """
    checkpoint = _refuse_to_overwrite(output)
    device = open_device(settings.device).torch_device
    loaded = load(settings.weights, accept=settings.accept_license)
    net = _network(loaded)
    reports, shots = open_shots(settings.folder, settings.reading, settings.frames)
    checked(reports)
    training, kept = split_shots(shots, settings.hold_out)
    made = _made(settings, net, loaded, training[0])
    start = start_record(loaded, training, settings.made_share)
    _require_same_run(checkpoint, start)
    make_folder(output.parent)
    clip = ClipSettings(
        settings.seed, settings.frames, made.height_px, made.width_px, augment=settings.augment
    )
    source = Mixture(
        StudioClips(training, clip), made, settings.made_share, settings.workers, device
    )
    plan = _train_settings(settings, made)
    train(net, plan, source, checkpoint, [start], device, report, stop=stop)
    metadata = export_fine_tuned(load_checkpoint(checkpoint), output)
    # the files, not the networks in hand: what is judged is what will be rendered with
    nets = {"before": _network(loaded), "after": _network(load(output))}
    rows = _judged(settings, made, kept, {name: net.to(device) for name, net in nets.items()})
    return FineTuneResult(output, checkpoint, metadata, rows, start["shots"], start["frames"])


def split_shots(
    shots: Sequence[StudioShot], hold_out: Sequence[str]
) -> tuple[list[StudioShot], list[StudioShot]]:
    """The shots to train on and those held out: the ones named, else every fifth, else the last.

    A single shot is trained on, and nothing is held out. Raises UsageError for a name that no usable shot has, and
    when none is left to train on.
    """
    names = [shot.name for shot in shots]
    unknown = [name for name in hold_out if name not in names]
    if unknown:
        raise UsageError(
            f"--hold-out {unknown[0]}: no usable shot has that name; there are: {', '.join(names)}"
        )
    fifths = names[_HELD_OUT_EVERY - 1 :: _HELD_OUT_EVERY] or names[-1:]
    held = set(hold_out or (fifths if len(names) > 1 else ()))
    training = [shot for shot in shots if shot.name not in held]
    if not training:
        raise UsageError("every usable shot is held out; leave at least one to train on")
    return training, [shot for shot in shots if shot.name in held]


def _refuse_to_overwrite(output: Path) -> Path:
    """The checkpoint's path."""
    if output.suffix != ".safetensors":
        raise UsageError(f"{output}: the weights' file should end in .safetensors")
    checkpoint = output.with_suffix(".pt")
    if output.exists() and not checkpoint.exists():
        raise OutputExistsError(output, "is there already; name another file, or remove it")
    return checkpoint


def _require_same_run(path: Path, start: dict[str, Any]) -> None:
    """A checkpoint goes on only as what it began as."""
    if not path.exists():
        return
    history = load_checkpoint(path).history
    if not history or history[0] != start:
        raise WeightsError(
            f"{path}: of another fine-tuning (other weights, or other shots); name another output, or remove it"
        )


def _network(loaded: LoadedWeights) -> FlashDepthNet:
    if loaded.entry.per_frame:
        raise SettingsError(
            f"the weights '{loaded.entry.name}' have no temporal module to fine-tune; choose nano, s or l"
        )
    net = FlashDepthNet(ModelConfig.from_dict(loaded.config))
    net.load_state_dict(loaded.state_dict, strict=True)
    return net


def _made(
    settings: FineTuneSettings, net: FlashDepthNet, loaded: LoadedWeights, shot: StudioShot
) -> DataSettings:
    """The made scenes, and with them the size of a clip. Raises SettingsError for a size the network cannot take."""
    config, whole = net.config, shot.window
    if settings.width_px is None:
        side = min(loaded.entry.default_long_side_px or _LONG_SIDE_PX, _LONG_SIDE_PX)
    else:
        upright = whole.height / (whole.width * shot.pixel_aspect)
        side = round(settings.width_px * max(1.0, upright))
    canvas = plan_canvas(
        whole,
        shot.pixel_aspect,
        side,
        multiple=config.multiple,
        minimum=config.min_side_px,
    )
    width, height = settings.width_px or canvas.width, settings.height_px or canvas.height
    made = DataSettings(
        seed=settings.seed,
        clips=settings.clips,
        frames=settings.frames,
        height_px=height,
        width_px=width,
        flicker=_MADE_FLICKER,
    )
    require_fitting(config, made)
    return made


def _judged(
    settings: FineTuneSettings,
    made: DataSettings,
    kept: Sequence[StudioShot],
    nets: Mapping[str, FlashDepthNet],
) -> tuple[ErrorRow, ...]:
    """The networks, and what they have to beat, on the shots kept and on made scenes."""
    side = max(made.width_px, made.height_px)
    config = nets["before"].config
    return errors(
        (whole_clip(shot, settings.judged_frames, side, config) for shot in kept),
        made_clips(
            0,
            settings.judged_made_clips,
            settings.frames,
            made.height_px,
            made.width_px,
            _MADE_FLICKER,
        ),
        {"constant": constant, "ramp": vertical_ramp}
        | {name: network_predictor(net, side) for name, net in nets.items()},
    )


def _train_settings(settings: FineTuneSettings, made: DataSettings) -> TrainSettings:
    return TrainSettings(
        data=made,
        temporal=True,
        steps=settings.steps,
        minutes=settings.minutes,
        encoder_rate=settings.encoder_rate,
        decoder_rate=settings.decoder_rate,
        temporal_rate=settings.temporal_rate,
        loss=LossWeights(steady=_STEADY),
        warmup_steps=max(1, min(100, (settings.steps or 1000) // 10)),
        log_every=settings.log_every,
        checkpoint_seconds=settings.checkpoint_seconds,
    )
