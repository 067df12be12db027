"""What a shot on disk is, before anyone renders it: frames, holes, windows, channels, colour, metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flashdepth_vfx.color import plan_color
from flashdepth_vfx.errors import PlateError
from flashdepth_vfx.frames import FrameRange
from flashdepth_vfx.io import open_plates
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.job import Shot
from flashdepth_vfx.plate import PlateHeader

__all__ = ["ShotInfo", "inspect_shot", "open_shot"]


@dataclass(frozen=True)
class ShotInfo:
    """The facts of one shot, read from its headers alone. Windows are as `Window` prints them.

    `data_windows` lists each different one with the frames that have it. `unreadable` maps frames to
    what is wrong with their files.
    """

    name: str
    kind: str
    frames: str
    frame_count: int
    holes: str
    display_window: str
    data_windows: Mapping[str, str]
    pixel_aspect: float
    frames_per_second: float | None
    channels: tuple[str, ...]
    views: tuple[str, ...]
    color: str
    attributes: Mapping[str, str]
    unreadable: Mapping[str, str]


def open_shot(shot: Shot) -> PlateReader:
    """The plates of a shot. Raises as `open_plates` does."""
    return open_plates(
        shot.input,
        layer=shot.layer,
        channels=shot.channels,
        view=shot.view,
        start_frame=shot.start_frame,
    )


def inspect_shot(shot: Shot, *, colorspace: str | None = None, ocio: str | None = None) -> ShotInfo:
    """Read the headers of a shot. Raises `PlateError` when no frame can be read, `ColorError`."""
    reader = open_shot(shot)
    try:
        headers, unreadable = _read_headers(reader)
        color = plan_color(headers[0], colorspace=colorspace, ocio=ocio).sentence()
        return _facts(reader, headers, unreadable, color)
    finally:
        reader.close()


def _read_headers(reader: PlateReader) -> tuple[list[PlateHeader], dict[int, PlateError]]:
    headers: list[PlateHeader] = []
    unreadable: dict[int, PlateError] = {}
    # A movie's frames share one header.
    for frame in reader.frames[:1] if reader.sequential else reader.frames:
        try:
            headers.append(reader.header(frame))
        except PlateError as error:
            unreadable[frame] = error
    if not headers:
        raise next(iter(unreadable.values()))
    return headers, unreadable


def _facts(
    reader: PlateReader,
    headers: list[PlateHeader],
    unreadable: Mapping[int, PlateError],
    color: str,
) -> ShotInfo:
    head, frames = headers[0], reader.frames
    windows: dict[str, list[int]] = {}
    for header in headers:
        # A movie's first header stands for all its frames.
        speaks_for = frames if reader.sequential else (header.frame,)
        windows.setdefault(str(header.data_window), []).extend(speaks_for)
    holes = FrameRange.of(set(range(frames[0], frames[-1] + 1)) - set(frames))
    return ShotInfo(
        name=reader.name,
        kind=head.kind,
        frames=str(FrameRange(frames)),
        frame_count=len(frames),
        holes=str(holes),
        display_window=str(head.display_window),
        data_windows={w: str(FrameRange.of(f)) for w, f in windows.items()},
        pixel_aspect=head.pixel_aspect,
        frames_per_second=head.frames_per_second,
        channels=head.channels,
        views=head.views,
        color=color,
        attributes={name: str(value) for name, value in head.attributes.items()},
        unreadable={str(frame): str(error) for frame, error in unreadable.items()},
    )
