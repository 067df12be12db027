"""The options of a stage of `flashdepth train`: what a step sees, and how the stage goes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["data_options", "run_options"]

_F = TypeVar("_F", bound=Callable[..., Any])
_Option = Callable[[Any], Any]
_file = click.Path(path_type=Path, exists=True, dir_okay=False)
_count = click.IntRange(1)
_rate = click.FloatRange(0)
_share = click.FloatRange(0, 1)


def data_options(
    clips: int, frames: int, flicker: float, stride: int, chunks: int
) -> Callable[[_F], _F]:
    """What a step sees."""
    options = [
        _option("--seed", int, 0, "Of weights and scenes."),
        _option("--clips", _count, clips, "In a step, on each GPU."),
        _option("--frames", _count, frames, "Of a clip, in a step."),
        _option("--stride", _count, stride, "Frames of the camera's path from picture to picture."),
        _option("--chunks", _count, chunks, "Steps that a clip goes on for."),
        _option("--flicker", _share, flicker, "Chance that light or exposure changes in a clip."),
        _option("--height-px", _count, 224, "Of the pictures."),
        _option("--width-px", _count, 384, "Of the pictures."),
        _option("--workers", click.IntRange(0), 0, "Processes that draw scenes ahead."),
        _option(
            "--compiled",
            click.Choice(["nothing", "scenes", "all"]),
            "nothing",
            "Fuse the rendering, or the network too (CUDA; a minute each at the start).",
        ),
    ]
    return partial(_with_all, options)


def run_options(
    encoder_rate: float, decoder_rate: float, temporal_rate: float, steady: float
) -> Callable[[_F], _F]:
    """From what, how long, how fast."""
    options = [
        *_beginnings(),
        click.option(
            "--minutes", type=click.FloatRange(0, min_open=True), help="End after this long."
        ),
        click.option("--steps", type=_count, help="End after this many steps."),
        _option("--encoder-rate", _rate, encoder_rate, "How fast it learns; 0 leaves it as it is."),
        _option("--decoder-rate", _rate, decoder_rate, "The same of the decoder."),
        _option("--temporal-rate", _rate, temporal_rate, "The same of the temporal module."),
        click.option(
            "--fixed-norms", is_flag=True, help="Keep the encoder's batch statistics as they are."
        ),
        _option("--last-rate", _share, 0.01, "What is left of the rates at the end, as a share."),
        _option("--steady", _rate, steady, "Weight of steadiness."),
        _option("--warmup-steps", _count, 200, "Until the rates are whole."),
        _option("--log-every", _count, 50, "Steps for a line of the log."),
        _option("--checkpoint-seconds", _rate, 60.0, "From checkpoint to checkpoint."),
        _option("--device", str, "cpu", "cpu, cuda or cuda:N."),
    ]
    return partial(_with_all, options)


def _beginnings() -> list[_Option]:
    return [
        _option("--preset", str, "nano", "The network."),
        click.option(
            "--encoder", type=_file, help="Published EfficientNet-Lite weights; else random."
        ),
        # torchrun takes every option that begins like one of its own: --start it would not let through
        click.option(
            "--from", "start", type=_file, help="Checkpoint or weights of the stage before."
        ),
        click.option(
            "--temporal",
            type=click.Choice(["mamba2", "hydra", "xlstm", "transformer", "none"]),
            help="The temporal module; else the preset's. One that --from does not have begins anew.",
        ),
        click.option(
            "--temporal-level",
            type=click.IntRange(1, 4),
            help="The decoder path that it acts on, 4 the coarsest; else the preset's.",
        ),
        click.option(
            "--teacher", type=_file, help="Checkpoint or weights of the nano that guides a hybrid."
        ),
    ]


def _option(name: str, kind: Any, default: Any, text: str) -> _Option:
    """One whose default is shown."""
    return click.option(name, type=kind, default=default, show_default=True, help=text)


def _with_all(options: list[_Option], function: _F) -> _F:
    for option in reversed(options):
        function = option(function)
    return function
