"""`flashdepth stream`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from flashdepth_vfx import RenderSettings, live

from .debug import debug_option
from .job_options import LIVE
from .options import flag
from .signals import stop_on_signals
from .status import open_status
from .streams import hand_over

__all__ = ["command"]

Command = TypeVar("Command", bound=Callable[..., Any])

_EXAMPLES = """\b
Examples:
  flashdepth stream rtsp://camera.local/stream -o depth/cam.####.exr
  flashdepth stream rtsp://camera.local/stream --colour look/cam.####.png --near 2 --duration 600
  flashdepth stream rtsp://camera.local/stream --page 8080
  flashdepth stream take.mov --every-frame --movie take_depth.mov --side-by-side
  flashdepth stream http://host/live.m3u8 --npy arrays/cam.####.npy --max-frames 1000 --json

\b
The newest picture is taken, and those that came meanwhile are dropped and counted; --every-frame drops none. A
source that goes away is opened again for --reconnect seconds. Over a gap of up to --keep-state seconds the state is
kept, over a longer one it is begun anew, as it is where the picture's size changes. Frames are numbered from 1, as
they are written. SIGTERM or Ctrl-C ends it with all files whole, exit code 143; a source that stays away, 75.
"""
_PLACES = (
    ("-o", "--output", "exr", "Depth EXRs, as render writes them."),
    ("--npy", None, "npy", "Arrays, float32 as the convention has it."),
    ("--png", None, "png", "16-bit grey: 65535 at --near and nearer, 0 the sky, linear in 1/Z."),
    ("--colour", None, "png", "8-bit colours, of the same."),
)
_LIMITS = (
    flag("--every-frame", help="Drop none; a movie goes as fast as the network does."),
    click.option("--max-frames", type=int, metavar="FRAMES", help="End after so many."),
    click.option("--duration", "duration_seconds", type=float, metavar="SECONDS", help="End after so long."),
    click.option(
        "--reconnect", "reconnect_seconds", type=float, metavar="SECONDS",
        help=f"Open a source that went away again for so long.  [default: {live.LiveJob.reconnect_seconds:g}]",
    ),
    click.option(
        "--keep-state", "keep_state_seconds", type=float, metavar="SECONDS",
        help=f"The longest gap that the state is kept over.  [default: {live.LiveJob.keep_state_seconds:g}]",
    ),
    click.option(
        "--timeout", "timeout_seconds", type=float, metavar="SECONDS",
        help=f"The longest that a source may say nothing.  [default: {live.LiveJob.timeout_seconds:g}]",
    ),
)  # fmt: skip
#: What of a job is no setting of its network.
_LIMIT_NAMES = {field.name for field in dataclasses.fields(live.LiveJob)} - {"source", "settings"}


def _options(command: Command) -> Command:
    for option in reversed((*_LIMITS, *LIVE)):
        command = option(command)
    for name, long, suffix, help_text in reversed(_PLACES):
        names = [name, *([long] if long else [])]
        pattern = click.option(*names, metavar=f"PATTERN.{suffix}", help=help_text)
        command = pattern(command)
    return command


@click.command(
    "stream", epilog=_EXAMPLES, short_help="Depth of a camera, a stream or a movie, live."
)
@click.argument("source")
@_options
@click.option(
    "--movie",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A movie: .mp4 (H.264), .mov (ProRes).",
)
@click.option("--side-by-side", is_flag=True, help="The picture beside the depth, in the movie.")
@click.option(
    "--rate", type=float, help="Frames a second of the movie.  [default: the source's own times]"
)
@click.option(
    "--near",
    type=float,
    default=1.0,
    show_default=True,
    help="Distance in scene units that is white.",
)
@click.option(
    "--log", type=click.Path(dir_okay=False, path_type=Path), help="A line of JSON for each frame."
)
@click.option(
    "--page",
    metavar="[HOST:]PORT",
    help="Also a page that shows it as it goes; 0 is any free port. On loopback unless HOST says otherwise.",
)
@click.option("--json", "as_json", is_flag=True, help="At the end, how it went as JSON on stdout.")
@debug_option
def command(source: str, as_json: bool, **given: Any) -> None:
    """Depth of SOURCE, frame by frame with the state kept: an address (rtsp, http), a device, or a movie."""
    asked = {name: value for name, value in given.items() if value not in (None, ())}
    places = {
        name: asked.pop(name, None) for name in ("output", "npy", "png", "colour", "movie", "log")
    }
    movie = {name: asked.pop(name, None) for name in ("rate", "side_by_side")}
    near, page_at = asked.pop("near"), asked.pop("page", None)
    limits = {name: asked.pop(name) for name in _LIMIT_NAMES & asked.keys()}
    job = live.LiveJob(source=source, settings=RenderSettings(**asked), **limits)
    shade = live.Shade(job.settings, near)
    outputs = list(_outputs(job.settings, places, movie, shade))
    page = _page(job.source, shade, page_at)
    outputs += [page] if page else []
    if not outputs and not as_json:
        raise click.UsageError(
            "name an output: -o, --npy, --png, --colour, --movie or --page; or --json to measure"
        )
    with stop_on_signals() as stop, open_status() as status:
        if page is not None:
            status.tell(f"page: {page.address}")

        def on_frame(now: live.LiveStatus) -> None:
            status.show(now.to_line())
            if page is not None:
                page.tell(now)

        done = live.stream(job, outputs, stop=stop, tell=status.tell, on_frame=on_frame)
        status.tell(done.to_line())
    if as_json:
        hand_over(json.dumps(done.to_plain()), "the files are there")


def _page(source: str, shade: live.Shade, asked: str | None) -> live.LivePage | None:
    if asked is None:
        return None
    host, _, port = asked.rpartition(":")
    if not port.isdecimal():
        raise click.UsageError(f"--page {asked}: write it as PORT or HOST:PORT")
    return live.LivePage(source, shade, host=host or "127.0.0.1", port=int(port))


def _outputs(
    settings: RenderSettings, places: dict[str, Any], movie: dict[str, Any], shade: live.Shade
) -> Iterator[live.LiveOutput]:
    if places["output"]:
        yield live.exr_output(places["output"], settings)
    if places["npy"]:
        yield live.npy_output(places["npy"])
    if places["png"]:
        yield live.png_output(places["png"], shade, colour=False)
    if places["colour"]:
        yield live.png_output(places["colour"], shade, colour=True)
    if places["log"]:
        yield live.log_output(places["log"])
    if places["movie"]:
        beside = bool(movie["side_by_side"])
        yield live.movie_output(places["movie"], shade, movie["rate"], side_by_side=beside)
