"""`flashdepth houdini`."""

from __future__ import annotations

import click

from flashdepth_vfx import plugins

from .plugin_commands import plugin_commands

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  flashdepth houdini install --path /show/tools/houdini/flashdepth
  flashdepth houdini doctor --path /show/tools/houdini/flashdepth
  flashdepth houdini uninstall --path /show/tools/houdini/flashdepth

\b
From a checkout nothing has to be installed: name its folder houdini/packages in HOUDINI_PACKAGE_DIR. docs/houdini.md
has the rest.
"""
_NEXT = (
    "name its folder of packages in the environment that Houdini is started with:\n"
    "  HOUDINI_PACKAGE_DIR={path}/packages"
)


@click.group(
    "houdini",
    epilog=_EXAMPLES,
    short_help="Install the Houdini nodes, and look whether they are well.",
)
def command() -> None:
    """The plugin for Houdini."""


for _one in plugin_commands(plugins.Host.HOUDINI, _NEXT):
    command.add_command(_one)
