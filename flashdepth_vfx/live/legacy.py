"""The inference job of the published code: movies in, an array of each frame and a movie of all out.

<config folder>/<eval.outfolder>/<movie>/depth_npy_files/frame_N.npy, and <config>_<step>_<index>.mp4 beside them
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from flashdepth_vfx.errors import OutputExistsError, PlateError, SettingsError, StreamError
from flashdepth_vfx.io import MOVIE_SUFFIXES
from flashdepth_vfx.live.job import LiveJob
from flashdepth_vfx.live.loop import LiveOutput, LiveStatus, stream
from flashdepth_vfx.live.outputs import Shade, colour_bytes, movie_output, npy_bytes
from flashdepth_vfx.live.published import NumberedFiles, PublishedConfig
from flashdepth_vfx.live.source import long_side_px
from flashdepth_vfx.networks import Networks
from flashdepth_vfx.settings import Convention, RenderSettings, Resolution

__all__ = ["LegacyResult", "legacy_job"]

#: The published code takes no longer side of a movie.
_LONGEST_PX = 2044
_USED = frozenset(
    ("dummy_timing", "out_video", "outfolder", "random_input", "save_depth_npy", "save_vis_map")
)


@dataclass
class LegacyResult:
    """What became of each movie: the folder of those that are done, and why the others are not."""

    done: dict[Path, Path] = field(default_factory=dict)
    failed: dict[Path, str] = field(default_factory=dict)


def legacy_job(
    config: PublishedConfig,
    settings: RenderSettings | None = None,
    *,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] = lambda text: None,
    on_frame: Callable[[LiveStatus], None] = lambda status: None,
) -> LegacyResult:
    """Depth of the movies that `eval.random_input` names, one after the other, however long they are.

    `settings` are for device and consent; weights, convention and size are the configuration's. A movie that cannot
    be used is told of, and does not stop the others. Raises `SettingsError` for a configuration of another job, and
    what `live.stream` raises of weights, devices, disks and signals.
    """
    _require_inference(config)
    asked = replace(
        settings or RenderSettings(), weights=config.weights(), convention=Convention.DISPARITY
    )
    movies = _movies(config)
    tell(f"weights: {asked.weights}")
    tell(f"not used of the configuration: {', '.join(config.unused(_USED)) or 'nothing'}")
    networks, result = Networks(), LegacyResult()
    networks.open(asked)
    for index, movie in enumerate(movies):
        place = str(config.of_eval("outfolder", "test"))
        folder = config.folder / place / movie.name.split(".")[0]
        try:
            of_movie = replace(asked, resolution=_resolution(movie))
            outputs = _outputs(config, of_movie, folder, index)
            job = LiveJob(source=str(movie), settings=of_movie, every_frame=True)
            done = stream(job, outputs, networks=networks, stop=stop, tell=tell, on_frame=on_frame)
            _require_all(movie, done)
        except (PlateError, StreamError, OutputExistsError) as error:
            result.failed[movie] = str(error)
            tell(f"error: {error}")
        else:
            result.done[movie] = folder
            tell(f"{movie}: {done.frames} frames in {folder}")
    return result


def _require_all(movie: Path, done: LiveStatus) -> None:
    """Raise `PlateError` where frames are missing: a movie's are counted on, other than a camera's."""
    if done.damaged:
        reason = f"{done.damaged} damaged packets were passed over: frames are missing"
        raise PlateError(movie, f"{reason}, and those after them have other numbers")


def _outputs(
    config: PublishedConfig, settings: RenderSettings, folder: Path, index: int
) -> Sequence[LiveOutput]:
    shade, made = Shade(settings), list[LiveOutput]()
    if config.of_eval("save_depth_npy", True):
        made.append(NumberedFiles(folder / "depth_npy_files", "frame_{}.npy", npy_bytes))
    if config.of_eval("save_vis_map", False):
        made.append(NumberedFiles(folder / "vis_maps", "frame_{}.png", colour_bytes(shade)))
    if config.of_eval("out_video", True):
        path = folder / f"{config.name}_{config.step()}_{index}.mp4"
        made.append(movie_output(path, shade, side_by_side=True))
    return made


def _require_inference(config: PublishedConfig) -> None:
    """Raise `SettingsError`, with the command that does it, for the other jobs of the published code."""
    if not config.values.get("inference"):
        raise SettingsError(
            f"{config.file}: inference is false: a training is flashdepth train's; for depth set inference=true"
        )
    if config.of_eval("dummy_timing", False):
        raise SettingsError(
            f"{config.file}: eval.dummy_timing is a measurement: flashdepth bench --like-reference"
        )
    if not config.of_eval("random_input"):
        raise SettingsError(
            f"{config.file}: names no movie: set eval.random_input to one, or to a folder of them (the test sets are "
            "flashdepth evaluate's)"
        )


def _movies(config: PublishedConfig) -> list[Path]:
    """The movie, or those of the folder, by name."""
    place = Path(str(config.of_eval("random_input"))).expanduser()
    if not place.is_dir():
        if not place.is_file():
            raise PlateError(place, "no such movie, nor a folder of them")
        return [place]
    found = sorted(p for p in place.iterdir() if p.suffix.lower() in MOVIE_SUFFIXES and p.is_file())
    if not found:
        raise PlateError(place, f"no movie is in it ({' '.join(sorted(MOVIE_SUFFIXES))})")
    return found


def _resolution(movie: Path) -> Resolution:
    """The movie's own size, and the published code's longest side where it is larger."""
    return _LONGEST_PX if long_side_px(movie) > _LONGEST_PX else "native"
