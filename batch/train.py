"""`flashdepth train`: stage1, stage2, paper, fine-tune, export, blend, preview, check-data."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import click

import flashdepth_vfx

from .debug import debug_option
from .signals import stop_on_signals
from .streams import say, write_line
from .train_options import data_options, run_options

__all__ = ["command"]

_path = click.Path(path_type=Path)
_file = click.Path(path_type=Path, exists=True, dir_okay=False)

_EXAMPLES = """\b
Examples:
  flashdepth train preview scenes.png
  flashdepth train stage1 one.pt --encoder efficientnet-lite2.pth --minutes 10 --device cuda
  flashdepth train stage2 two.pt --from one.pt --minutes 5 --device cuda
  flashdepth train export two.pt mine.safetensors
  flashdepth train blend one.pt two.pt mine.safetensors --share 0.75
  flashdepth train fine-tune --data FOLDER -o ours.safetensors
  flashdepth train paper stage1-s checkpoint=s.pt encoder=depth_anything_v2_vits.pth data.root=sets/
  flashdepth train check-data FOLDER

\b
On several GPUs of one machine:
  torchrun --nproc-per-node 2 -m flashdepth_batch train stage1 one.pt --device cuda ...

\b
Ctrl-C and SIGTERM end a run with its checkpoint written (exit code 143).
A run that was cut off goes on from its checkpoint when the same command is given again.
"""


_APART = {
    "check-data": ".train_check_data",
    "fine-tune": ".train_finetune",
    "paper": ".train_paper",
}


class _Commands(click.Group):
    """Some have a module of their own, imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_APART]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _APART:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(_APART[cmd_name], __package__)
        found: click.Command = module.command
        return found


@click.group("train", cls=_Commands, epilog=_EXAMPLES, short_help="Train and fine-tune models.")
def command() -> None:
    """Train on made scenes, fine-tune on a studio's own, export weights."""


@command.command("stage1")
@click.argument("checkpoint", type=_path)
@run_options(encoder_rate=4e-4, decoder_rate=1e-3, temporal_rate=0.0, steady=0.0)
@data_options(clips=64, frames=1, flicker=0.0, stride=1, chunks=1)
@debug_option
def stage1(checkpoint: Path, **options: Any) -> None:
    """Encoder and decoder, each frame by itself, to CHECKPOINT. One JSON line of the log at a time."""
    _run(checkpoint, temporal=False, options=options)


@command.command("stage2")
@click.argument("checkpoint", type=_path)
@run_options(encoder_rate=0.0, decoder_rate=1e-4, temporal_rate=1e-3, steady=1.0)
@data_options(clips=16, frames=8, flicker=0.7, stride=1, chunks=3)
@debug_option
def stage2(checkpoint: Path, **options: Any) -> None:
    """The temporal module over clips, gradients through its state, to CHECKPOINT."""
    _run(checkpoint, temporal=True, options=options)


def _run(checkpoint: Path, temporal: bool, options: dict[str, Any]) -> None:
    training = flashdepth_vfx.training
    take = options.pop
    compiled = take("compiled")
    begin = {
        name: take(name)
        for name in (
            "preset", "encoder", "start", "teacher", "temporal", "temporal_level", "device",
        )
    }  # fmt: skip
    seen = {field.name for field in dataclasses.fields(training.DataSettings)} - {"compiled"}
    data = training.DataSettings(
        **{name: take(name) for name in seen}, compiled=compiled != "nothing"
    )
    loss = training.LossWeights(steady=take("steady"))
    settings = training.TrainSettings(
        data=data, temporal=temporal, loss=loss, compiled=compiled == "all", **options
    )
    job = training.StageJob(checkpoint, settings, **begin)
    with stop_on_signals() as stop:
        if training.run_stage(job, write_line, stop) == 0:
            say(f"{checkpoint} had ended before: a later end, by --steps or --minutes, goes on")


_long_side_option = click.option(
    "--long-side-px",
    type=click.IntRange(1),
    help="Working size when none is asked for; else as trained.",
)


@command.command(
    "export", epilog="\b\nExamples:\n  flashdepth train export two.pt nano.safetensors"
)
@click.argument("checkpoint", type=_file)
@click.argument("weights", type=_path)
@_long_side_option
@debug_option
def export(checkpoint: Path, weights: Path, long_side_px: int | None) -> None:
    """CHECKPOINT as a WEIGHTS file in half precision, with its history and licence."""
    training = flashdepth_vfx.training
    write_line(training.export_weights(training.load_checkpoint(checkpoint), weights, long_side_px))


@command.command(
    "blend",
    epilog="\b\nExamples:\n  flashdepth train blend one.pt two.pt nano.safetensors --share 0.75",
)
@click.argument("one", type=_file)
@click.argument("two", type=_file)
@click.argument("weights", type=_path)
@click.option("--share", type=float, required=True, help="Of the way from ONE to TWO.")
@_long_side_option
@debug_option
def blend(one: Path, two: Path, weights: Path, share: float, long_side_px: int | None) -> None:
    """WEIGHTS between ONE and TWO, which was trained on from it: accuracy against steadiness."""
    write_line(flashdepth_vfx.training.blend_weights(one, two, share, weights, long_side_px))


@command.command(
    "preview", epilog="\b\nExamples:\n  flashdepth train preview scenes.png --first 1000"
)
@click.argument("picture", type=_path)
@click.option("--first", type=int, default=0, show_default=True, help="Seed of the first scene.")
@click.option("--count", type=int, default=24, show_default=True, help="How many scenes.")
@click.option(
    "--flicker",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Chance that light or exposure is off, as in a clip.",
)
@debug_option
def preview(picture: Path, first: int, count: int, flicker: float) -> None:
    """A contact sheet of made scenes as PICTURE: each as its camera saw it, above its depth."""
    flashdepth_vfx.training.draw_preview(picture, first, count, flicker)
    click.echo(picture)
