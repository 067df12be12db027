"""`flashdepth train`: stage1, stage2, fine-tune, export, blend, preview."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

import flashdepth_vfx

from .debug import debug_option

__all__ = ["command"]

_F = TypeVar("_F", bound=Callable[..., Any])
_path = click.Path(path_type=Path)
_file = click.Path(path_type=Path, exists=True, dir_okay=False)

_EXAMPLES = """\b
Examples:
  flashdepth train preview scenes.png
  flashdepth train stage1 one.pt --encoder efficientnet-lite2.pth --minutes 10 --device cuda
  flashdepth train stage2 two.pt --from one.pt --minutes 5 --device cuda
  flashdepth train export two.pt mine.safetensors
  flashdepth train fine-tune --data FOLDER -o ours.safetensors

\b
On several GPUs of one machine:
  torchrun --nproc-per-node 2 -m flashdepth_batch train stage1 one.pt --device cuda ...

\b
A run that was cut off goes on from its checkpoint when the same command is given again.
"""


class _Commands(click.Group):
    """Fine-tuning has a module of its own, imported when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), "fine-tune"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "fine-tune":
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(".train_finetune", __package__)
        found: click.Command = module.command
        return found


@click.group("train", cls=_Commands, epilog=_EXAMPLES, short_help="Train and fine-tune models.")
def command() -> None:
    """Train on made scenes, fine-tune on a studio's own, export weights."""


def _data_options(
    clips: int, frames: int, flicker: float, stride: int, chunks: int
) -> Callable[[_F], _F]:
    """What a step sees."""
    options = [
        click.option("--seed", type=int, default=0, show_default=True),
        click.option(
            "--clips", type=int, default=clips, show_default=True, help="In a step, on each GPU."
        ),
        click.option(
            "--frames", type=int, default=frames, show_default=True, help="Of a clip, in a step."
        ),
        click.option(
            "--stride", type=int, default=stride, show_default=True, help="From picture to picture."
        ),
        click.option(
            "--chunks",
            type=int,
            default=chunks,
            show_default=True,
            help="Steps that a clip goes on for.",
        ),
        click.option(
            "--flicker", type=float, default=flicker, show_default=True, help="Chance, for a clip."
        ),
        click.option("--height-px", type=int, default=224, show_default=True),
        click.option("--width-px", type=int, default=384, show_default=True),
        click.option(
            "--workers", type=int, default=0, show_default=True, help="Processes that draw scenes."
        ),
        click.option(
            "--compiled",
            type=click.Choice(["nothing", "scenes", "all"]),
            default="nothing",
            show_default=True,
            help="Fuse the rendering, or the network too (CUDA; a minute each at the start).",
        ),
    ]
    return partial(_with_all, options)


def _run_options(
    encoder_rate: float, decoder_rate: float, temporal_rate: float, steady: float
) -> Callable[[_F], _F]:
    """How long, how fast, from what."""
    options = [
        click.option("--preset", default="nano", show_default=True, help="The network."),
        click.option(
            "--encoder", type=_file, help="Published EfficientNet-Lite weights; else random."
        ),
        # torchrun takes every option that begins like one of its own: --start it would not let through
        click.option(
            "--from", "start", type=_file, help="Checkpoint or weights of the stage before."
        ),
        click.option(
            "--teacher", type=_file, help="Checkpoint of the network that guides a hybrid."
        ),
        click.option("--minutes", type=float, help="End after this long."),
        click.option("--steps", type=int, help="End after this many steps."),
        click.option("--encoder-rate", type=float, default=encoder_rate, show_default=True),
        click.option("--decoder-rate", type=float, default=decoder_rate, show_default=True),
        click.option("--temporal-rate", type=float, default=temporal_rate, show_default=True),
        click.option(
            "--last-rate",
            type=float,
            default=0.01,
            show_default=True,
            help="As a share, at the end.",
        ),
        click.option(
            "--steady", type=float, default=steady, show_default=True, help="Weight of steadiness."
        ),
        click.option("--warmup-steps", type=int, default=200, show_default=True),
        click.option("--log-every", type=int, default=50, show_default=True),
        click.option("--checkpoint-seconds", type=float, default=60.0, show_default=True),
        click.option("--device", default="cpu", show_default=True, help="cpu or cuda."),
    ]
    return partial(_with_all, options)


def _with_all(options: list[Callable[[Any], Any]], function: _F) -> _F:
    for option in reversed(options):
        function = option(function)
    return function


@command.command("stage1")
@click.argument("checkpoint", type=_path)
@_run_options(encoder_rate=4e-4, decoder_rate=1e-3, temporal_rate=0.0, steady=0.0)
@_data_options(clips=64, frames=1, flicker=0.0, stride=1, chunks=1)
@debug_option
def stage1(checkpoint: Path, **options: Any) -> None:
    """Encoder and decoder, each frame by itself, to CHECKPOINT. One JSON line of the log at a time."""
    _run(checkpoint, temporal=False, options=options)


@command.command("stage2")
@click.argument("checkpoint", type=_path)
@_run_options(encoder_rate=0.0, decoder_rate=1e-4, temporal_rate=1e-3, steady=4.0)
@_data_options(clips=16, frames=8, flicker=0.7, stride=1, chunks=3)
@debug_option
def stage2(checkpoint: Path, **options: Any) -> None:
    """The temporal module over clips, gradients through its state, to CHECKPOINT."""
    _run(checkpoint, temporal=True, options=options)


def _run(checkpoint: Path, temporal: bool, options: dict[str, Any]) -> None:
    training = flashdepth_vfx.training
    take = options.pop
    compiled = take("compiled")
    begin = {name: take(name) for name in ("preset", "encoder", "start", "teacher", "device")}
    data = training.DataSettings(
        **{
            name: take(name)
            for name in (
                "seed",
                "clips",
                "frames",
                "height_px",
                "width_px",
                "flicker",
                "stride",
                "chunks",
                "workers",
            )
        },
        compiled=compiled != "nothing",
    )
    loss = training.LossWeights(steady=take("steady"))
    settings = training.TrainSettings(
        data=data, temporal=temporal, loss=loss, compiled=compiled == "all", **options
    )
    training.run_stage(training.StageJob(checkpoint, settings, **begin), _write_line)


@command.command(
    "export", epilog="\b\nExamples:\n  flashdepth train export two.pt nano.safetensors"
)
@click.argument("checkpoint", type=_file)
@click.argument("weights", type=_path)
@click.option(
    "--long-side-px", type=int, help="Working size when none is asked for; else as trained."
)
@debug_option
def export(checkpoint: Path, weights: Path, long_side_px: int | None) -> None:
    """CHECKPOINT as a WEIGHTS file in half precision, with its history and licence."""
    training = flashdepth_vfx.training
    _write_line(
        training.export_weights(training.load_checkpoint(checkpoint), weights, long_side_px)
    )


@command.command(
    "blend",
    epilog="\b\nExamples:\n  flashdepth train blend one.pt two.pt nano.safetensors --share 0.75",
)
@click.argument("one", type=_file)
@click.argument("two", type=_file)
@click.argument("weights", type=_path)
@click.option("--share", type=float, required=True, help="Of the way from ONE to TWO.")
@click.option(
    "--long-side-px", type=int, help="Working size when none is asked for; else as trained."
)
@debug_option
def blend(one: Path, two: Path, weights: Path, share: float, long_side_px: int | None) -> None:
    """WEIGHTS between ONE and TWO, which was trained on from it: accuracy against steadiness."""
    _write_line(flashdepth_vfx.training.blend_weights(one, two, share, weights, long_side_px))


@command.command(
    "preview", epilog="\b\nExamples:\n  flashdepth train preview scenes.png --first 1000"
)
@click.argument("picture", type=_path)
@click.option("--first", type=int, default=0, show_default=True, help="Seed of the first scene.")
@click.option("--count", type=int, default=24, show_default=True)
@click.option("--flicker", type=float, default=0.0, show_default=True)
@debug_option
def preview(picture: Path, first: int, count: int, flicker: float) -> None:
    """A contact sheet of made scenes as PICTURE: each as its camera saw it, above its depth."""
    flashdepth_vfx.training.draw_preview(picture, first, count, flicker)
    click.echo(picture)


def _write_line(line: dict[str, Any]) -> None:
    click.echo(json.dumps(line))
