"""Depth as a part beside others: what is looked at before a shot, so that none fails in its middle."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from flashdepth_vfx.errors import DiskFullError, SettingsError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.io.exr_beside import Base, Expected, ExrBesideWriter
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.plate import FileKind
from flashdepth_vfx.schedule import Step
from flashdepth_vfx.settings import channel_of
from flashdepth_vfx.viewturn import ViewTurn, stands_for_view

__all__ = ["beside_writer", "depth_writer", "expect_frames", "require_space"]

#: Headers are small and on slow disks: more threads than cores pay.
_HEADER_THREADS = 8


def beside_writer(
    job: RenderJob,
    reader: PlateReader,
    output: FrameSequence,
    kind: FileKind,
    turn: ViewTurn | None,
) -> ExrBesideWriter:
    """The writer of `--append-part`, and of several views in one file.

    Raises `SettingsError` for plates that have no parts.
    """
    if kind != "exr":
        raise SettingsError(
            f"{reader.name}: --append-part needs EXR plates, these are {kind}; without it depth goes into "
            "files of its own"
        )
    settings, shot = job.settings, job.shot
    # A view that chose the file is not looked for inside it.
    in_path = stands_for_view(shot.input)
    base = Base.PLATE if settings.append_part else Base.NOTHING
    if turn is not None and turn.one_file and not turn.is_hero:
        base = Base.OUTPUT
    return ExrBesideWriter(
        output,
        reader.path,
        layer=settings.depth_layer,
        base=base,
        view=None if in_path else shot.view,
        compression=settings.compression,
    )


def depth_writer(
    output: FrameSequence,
    source: PlateReader,
    turn: ViewTurn | None,
    *,
    layer: str,
    compression: str,
) -> ExrDepthWriter:
    """The writer of depth made of depth: in files of its own, or of several views in one file."""
    if turn is None or not turn.one_file:
        return ExrDepthWriter(output, channel=channel_of(layer), compression=compression)
    base = Base.NOTHING if turn.is_hero else Base.OUTPUT
    return ExrBesideWriter(
        output, source.path, layer=layer, base=base, view=turn.name, compression=compression
    )


def expect_frames(
    writer: ExrDepthWriter, steps: Iterable[Step], turn: ViewTurn | None, notices: list[str]
) -> Mapping[int, Expected]:
    """What each frame to be written beside its plate will be; nothing for depth in files of its own.

    Raises as `ExrBesideWriter.expect` does.
    """
    if not isinstance(writer, ExrBesideWriter):
        return {}
    frames = [step.frame for step in steps if step.write]
    later = turn.names[turn.index + 1 :] if turn is not None and turn.one_file else ()
    look = partial(writer.expect, later=later)
    with ThreadPoolExecutor(_HEADER_THREADS) as pool:
        expected = dict(zip(frames, pool.map(look, frames), strict=True))
    # Plates of one shot are alike: what is said of the first is meant of all.
    notices += [one.notice for one in expected.values() if one.notice][:1]
    return expected


def require_space(
    writer: ExrDepthWriter, expected: Mapping[int, Expected], kept: Collection[int]
) -> None:
    """Raise `DiskFullError` when the copies that are still to be made do not fit on the disk.

    Frames that are replaced give their space back, each once its successor is whole.
    """
    sizes = {frame: one.size_bytes for frame, one in expected.items() if frame not in kept}
    if not sizes:
        return
    freed = sum(_size_of(writer.path(frame)) for frame in sizes)
    needed = sum(sizes.values()) - freed + (max(sizes.values()) if freed else 0)
    folder = _nearest(writer.sequence.folder)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskFullError(
            writer.sequence.pattern,
            f"{len(sizes)} frames take up to {_in_gb(needed)}, and {folder} has {_in_gb(free)} free; free "
            "some, render fewer --frames, or leave out --append-part",
        )


def _size_of(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that is there: the output's own is made later."""
    return next((f for f in (folder, *folder.parents) if f.is_dir()), Path.cwd())


def _in_gb(count: int) -> str:
    return f"{count / 1e9:,.2f} GB"
