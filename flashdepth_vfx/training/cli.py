"""The training command: `stage1`, `stage2`, `export`, `score`. Torch is imported when a command runs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashdepth_vfx.errors import FlashDepthError

if TYPE_CHECKING:
    from flashdepth_vfx.training.data import DataSettings

__all__ = ["main"]

_STAGES: dict[str, dict[str, Any]] = {
    "stage1": {
        "clips": 64,
        "frames": 1,
        "flicker": 0.0,
        "encoder_rate": 4e-4,
        "decoder_rate": 1e-3,
        "temporal_rate": 0.0,
    },
    "stage2": {
        "clips": 16,
        "frames": 6,
        "flicker": 0.7,
        "encoder_rate": 0.0,
        "decoder_rate": 1e-4,
        "temporal_rate": 1e-3,
    },
}


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    commands = {"stage1": _train, "stage2": _train, "export": _export, "score": _score}
    try:
        commands[options.command](options)
    except FlashDepthError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flashdepth_vfx.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, defaults in _STAGES.items():
        stage = commands.add_parser(name, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        stage.add_argument("checkpoint", type=Path, help="written as it goes, continued if there")
        start = stage.add_mutually_exclusive_group()
        start.add_argument("--encoder", type=Path, help="published EfficientNet-Lite2 state dict")
        start.add_argument("--start", type=Path, help="checkpoint of the stage before")
        stage.add_argument("--minutes", type=float, help="end after this long")
        stage.add_argument("--steps", type=int, help="end after this many steps")
        stage.add_argument("--warmup-steps", type=int, default=200)
        stage.add_argument("--checkpoint-seconds", type=float, default=60.0)
        stage.add_argument("--log-every", type=int, default=50)
        for option, value in defaults.items():
            stage.add_argument(f"--{option.replace('_', '-')}", type=type(value), default=value)
        _data_options(stage)
    export = commands.add_parser("export")
    export.add_argument("checkpoint", type=Path)
    export.add_argument("weights", type=Path)
    score = commands.add_parser("score", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    score.add_argument("checkpoint", type=Path)
    score.add_argument("--clips", type=int, default=64)
    score.add_argument("--frames", type=int, default=6)
    score.add_argument("--flicker", type=float, default=0.5)
    _data_options(score)
    return parser


def _data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--height-px", type=int, default=224)
    parser.add_argument("--width-px", type=int, default=384)
    parser.add_argument("--workers", type=int, default=0, help="processes that draw scenes")
    parser.add_argument("--compiled", action="store_true", help="fuse the rendering (CUDA)")
    parser.add_argument("--device", default="cpu")


def _data(options: argparse.Namespace) -> DataSettings:
    from flashdepth_vfx.training.data import DataSettings

    return DataSettings(
        options.seed,
        options.clips,
        options.frames,
        options.height_px,
        options.width_px,
        options.flicker,
        options.workers,
        options.compiled,
    )


def _train(options: argparse.Namespace) -> None:
    import torch

    from flashdepth_vfx.training.checkpoint import load_checkpoint
    from flashdepth_vfx.training.start import new_network, origin
    from flashdepth_vfx.training.train import TrainSettings, train

    settings = TrainSettings(
        data=_data(options),
        temporal=options.command == "stage2",
        steps=options.steps,
        minutes=options.minutes,
        encoder_rate=options.encoder_rate,
        decoder_rate=options.decoder_rate,
        temporal_rate=options.temporal_rate,
        warmup_steps=options.warmup_steps,
        log_every=options.log_every,
        checkpoint_seconds=options.checkpoint_seconds,
    )
    net = new_network("nano", options.encoder, options.seed)
    history: list[dict[str, Any]] = [dict(origin(options.encoder))]
    if options.start is not None:
        before = load_checkpoint(options.start)
        net.load_state_dict(before.model)
        history = before.history
    train(net, settings, options.checkpoint, history, torch.device(options.device), _write_line)


def _export(options: argparse.Namespace) -> None:
    from flashdepth_vfx.training.checkpoint import load_checkpoint
    from flashdepth_vfx.training.export import export_weights

    _write_line(dict(export_weights(load_checkpoint(options.checkpoint), options.weights)))


def _score(options: argparse.Namespace) -> None:
    import torch

    from flashdepth_vfx.training.checkpoint import load_checkpoint
    from flashdepth_vfx.training.score import held_out_scores
    from flashdepth_vfx.training.start import new_network

    net = new_network("nano", None, 0)
    net.load_state_dict(load_checkpoint(options.checkpoint).model)
    for name, score in held_out_scores(net, _data(options), torch.device(options.device)).items():
        _write_line({"who": name, "delta1": score.delta1, "abs_rel": score.abs_rel})


def _write_line(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
