"""`flashdepth train paper`: the paper's two stages, or any other, by a configuration file."""

from __future__ import annotations

import click

import flashdepth_vfx

from .debug import debug_option
from .signals import stop_on_signals
from .streams import say, write_line

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth train paper stage2-full --show > mine.toml
  flashdepth train paper stage1-s checkpoint=s.pt encoder=depth_anything_v2_vits.pth data.root=sets/
  flashdepth train paper stage1-l checkpoint=l.pt encoder=depth_anything_v2_vitl.pth data.root=sets/
  flashdepth train paper stage2-full checkpoint=full.pt start=s.pt teacher=l.pt data.root=sets/
  flashdepth train paper mine.toml train.steps=100 data.strides='{spring = 2}'

\b
On the GPUs of one machine, or of several:
  torchrun --nproc-per-node 8 -m flashdepth_batch train paper stage1-s checkpoint=s.pt ...

\b
CONFIG is a file, or stage1-s, stage1-l, stage2-full: the paper's, with every number's source beside it.
Beside checkpoint NAME.pt lie NAME-samples/ (plate, truth, prediction) and NAME-board/ (for TensorBoard).
Ctrl-C and SIGTERM end a run with its checkpoint written (exit code 143).
A run that was cut off goes on from its checkpoint when the same command is given again.
"""


@click.command("paper", epilog=_EXAMPLES, short_help="Train by a configuration file, as the paper.")
@click.argument("config")
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--show", is_flag=True, help="Print the paper's configuration of this name, and end.")
@debug_option
def command(config: str, changes: tuple[str, ...], show: bool) -> None:
    """Train on data sets as CONFIG says, changed by KEY=VALUE. One JSON line of the log at a time."""
    training = flashdepth_vfx.training
    if show:
        click.echo(training.shipped_text(config), nl=False)
        return
    with stop_on_signals() as stop:
        if training.train_paper(config, changes, write_line, stop) == 0:
            say(f"{config} had ended before: a later end, by train.steps, goes on")
