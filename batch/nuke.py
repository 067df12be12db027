"""`flashdepth nuke`."""

from __future__ import annotations

import click

from flashdepth_vfx import plugins

from .plugin_commands import plugin_commands

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth nuke install --path /show/tools/nuke/flashdepth
  flashdepth nuke doctor --path /show/tools/nuke/flashdepth
  flashdepth nuke uninstall --path /show/tools/nuke/flashdepth

\b
From a checkout nothing has to be installed: put its folder nuke on NUKE_PATH. docs/nuke.md has the rest.
"""
_NEXT = "add this line to your init.py:\n  nuke.pluginAddPath({path!r})"


@click.group(
    "nuke", epilog=_EXAMPLES, short_help="Install the Nuke node, and look whether it is well."
)
def command() -> None:
    """The plugin for Nuke."""


for _one in plugin_commands(plugins.Host.NUKE, _NEXT):
    command.add_command(_one)
