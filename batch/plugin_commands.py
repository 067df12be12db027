"""What the plugins of all hosts have: install, uninstall, doctor."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from flashdepth_vfx import plugins

from .debug import debug_option
from .streams import hand_over, say

__all__ = ["plugin_commands"]


_path = click.option(
    "--path",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    required=True,
    help="The plugin's own folder: empty, or yet to be made.",
)


def plugin_commands(host: plugins.Host, next_step: str) -> tuple[click.Command, ...]:
    """The commands of one host. `next_step` says what a person does after an installation, with its `{path}`."""
    return _install(host, next_step), _uninstall(), _doctor(host)


def _install(host: plugins.Host, next_step: str) -> click.Command:
    @click.command("install", short_help="Put the plugin into a folder.")
    @_path
    @click.option("--link", is_flag=True, help="Links to this installation's files, not copies.")
    @debug_option
    def install(path: Path, link: bool) -> None:
        """Put the plugin into DIR. Nothing else is touched: what is left to do is printed."""
        plugins.install_plugin(host, path, link=link)
        say(f"installed: {path}")
        click.echo(next_step.format(path=str(path.absolute())))

    return install


def _uninstall() -> click.Command:
    @click.command("uninstall", short_help="Take the plugin away again.")
    @_path
    @debug_option
    def uninstall(path: Path) -> None:
        """Take DIR away, if install made it."""
        plugins.uninstall_plugin(path)
        say(f"taken away: {path}")

    return uninstall


def _doctor(host: plugins.Host) -> click.Command:
    @click.command("doctor", short_help="Look whether all that a render needs is there.")
    @click.option(
        "--path",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="An installed plugin.  [default: the one that came with this installation]",
    )
    @click.option("--json", "as_json", is_flag=True, help="As JSON.")
    @debug_option
    @click.pass_context
    def doctor(ctx: click.Context, path: Path | None, as_json: bool) -> None:
        """Look at the command, the worker, its device and weights. Exit code 1 where a render would fail."""
        findings = plugins.examine_plugin(host, path)
        plain = json.dumps([dataclasses.asdict(finding) for finding in findings])
        hand_over(plain if as_json else "\n".join(map(str, findings)), "run it again")
        ctx.exit(0 if all(finding.is_well for finding in findings) else 1)

    return doctor
