"""Where the depth goes, and what lies there already: plates are never written over, nor frames unasked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flashdepth_vfx.errors import OutputError, OutputExistsError, SettingsError
from flashdepth_vfx.frames import FrameRange, FrameSequence
from flashdepth_vfx.io.contract import PlateReader
from flashdepth_vfx.io.exr_writer import ExrDepthWriter, is_ours
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.manifest import FrameRecord, other_settings, record_of
from flashdepth_vfx.schedule import Step

if TYPE_CHECKING:
    from flashdepth_vfx.state import ShotIdentity

__all__ = [
    "FramesKept",
    "frames_kept",
    "output_sequence",
    "refuse_input_as_output",
    "refuse_plates",
]


@dataclass(frozen=True)
class FramesKept:
    """The wanted frames that are whole on disk, by number, and a sentence on those that are stale."""

    records: Mapping[int, FrameRecord]
    notice: str


def output_sequence(output: str, reader: PlateReader, view: str | None, word: str) -> FrameSequence:
    """Where the depth goes. A folder as output is given a name made from the plate's and `word`.

    Raises `SettingsError` for an output that is no EXR, or one file for many frames.
    """
    _require_file_name(output)
    is_folder = output.endswith(("/", os.sep)) or _is_folder(Path(output))
    if is_folder or not Path(output).suffix:
        plate = reader.sequence
        padding = 4 if reader.sequential else plate.padding
        stem = f"{plate.name}{word}" + ("." if padding else "")
        folder = FrameSequence.parse(str(Path(output) / "depth.exr"), view=view).folder
        return FrameSequence(folder, stem, padding, ".exr")
    found = FrameSequence.parse(output, view=view)
    if found.suffix.lower() != ".exr":
        raise SettingsError(f"{output}: depth is written as EXR; end the name in .exr")
    if not found.padding and len(reader.frames) > 1:
        raise SettingsError(
            f"{output}: one file for {len(reader.frames)} frames; "
            f"put #### where the frame number goes, as {found.stem}.####.exr"
        )
    return found


def _require_file_name(path: str) -> None:
    """Raises `SettingsError` for what no file can be called."""
    if "\0" in path or any("\ud800" <= letter <= "\udfff" for letter in path):
        raise SettingsError(f"{path!a}: a file's name is UTF-8 without zero bytes; rename it")


def refuse_input_as_output(
    job: RenderJob, reader: PlateReader, writer: ExrDepthWriter, steps: Iterable[Step]
) -> None:
    """Raise `SettingsError` when depth or a state would be laid over a plate, or into a plate's place.

    Files are compared, not names: links and mounts make two names of one file.
    """
    _require_file_name(job.state_out or "")
    depth = [writer.path(s.frame) for s in steps if s.write]
    state = [Path(job.state_out)] if job.state_out is not None else []
    if state and _place(state[0]) in {_place(path) for path in depth}:
        raise SettingsError(f"--state-out {job.state_out}: is a frame of the output; name another")
    refuse_plates(reader, (s.frame for s in steps), depth + state)
    if job.state_out is not None and _is_folder(Path(job.state_out)):
        raise SettingsError(f"--state-out {job.state_out}: is a folder; name a file in it")


def refuse_plates(reader: PlateReader, frames: Iterable[int], written: Iterable[Path]) -> None:
    """Raise `SettingsError` when one of the files to be written is a plate, or in the place of one of `frames`."""
    plates = {(s.st_dev, s.st_ino) for s in _stats(reader.path(f) for f in reader.frames)}
    # A hole has no file to compare: there the names are, below folders that are resolved.
    places = {_place(reader.path(frame)) for frame in frames}
    for path in written:
        is_plate = any((s.st_dev, s.st_ino) in plates for s in _stats([path]))
        if is_plate or _place(path) in places:
            raise SettingsError(f"{path}: the output is a plate of the input; name another output")


def frames_kept(
    job: RenderJob,
    writer: ExrDepthWriter,
    steps: Iterable[Step],
    identity: ShotIdentity,
    ours: Mapping[str, object],
    pasts: Mapping[int, str],
) -> FramesKept:
    """The wanted frames that a resumed render need not make again.

    `ours` is the block that a frame of this render has. `pasts` are the digests of what the state has
    seen, by the frame that it waits for: a frame with another past was made from plates that are gone.
    Raises `OutputExistsError` for a frame made with other settings, unless it may be overwritten.
    """
    kept: dict[int, FrameRecord] = {}
    stale: list[int] = []
    for frame in (step.frame for step in steps if step.write and not job.overwrite):
        found = writer.attributes(frame)
        ours_stands = writer.standing(frame) != "foreign" if found is None else is_ours(found)
        if not ours_stands:
            raise OutputExistsError(
                writer.path(frame), "is not depth of ours; --overwrite replaces it, or move it away"
            )
        if found is None:
            continue
        _require_ours(job, writer.path(frame), found, identity, ours)
        record = record_of(frame, found)
        if not job.resume:
            continue
        if record.past == pasts[frame + 1]:
            kept[frame] = record
        else:
            stale.append(frame)
    notice = (
        "plates, or the list of those that the network sees, changed since depth was made of them; "
        f"made again: {FrameRange.of(stale)}"
    )
    return FramesKept(kept, notice if stale else "")


def _require_ours(
    job: RenderJob,
    path: Path,
    found: Mapping[str, object],
    identity: ShotIdentity,
    ours: Mapping[str, object],
) -> None:
    if found.get("flashdepth/settings") != ours["flashdepth/settings"]:
        raise OutputExistsError(
            path,
            f"was made with other settings ({other_settings(ours, found)}); "
            "--overwrite replaces it",
        )
    machine = (identity.device, identity.kernels)
    its_machine = (found.get("flashdepth/device"), found.get("flashdepth/kernels"))
    if its_machine != machine and not job.settings.allow_device_change:
        raise OutputExistsError(
            path,
            f"was made on {its_machine[0]} ({its_machine[1]}), this is {machine[0]} "
            f"({machine[1]}); --allow-device-change accepts a seam, --overwrite starts afresh",
        )


def _stats(paths: Iterable[Path]) -> Iterator[os.stat_result]:
    for path in dict.fromkeys(paths):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            try:
                yield path.stat()
            except PermissionError as error:
                raise OutputError(path, f"cannot be looked at ({error.strerror})") from error


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        raise OutputError(path, f"cannot be used as output ({error.strerror})") from error


def _place(path: Path) -> Path:
    return path.parent.resolve() / path.name
