"""The range of a shot's normalised depth, in a small file beside the depth: the same for all chunks and reruns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from flashdepth_vfx.depth import DepthRange
from flashdepth_vfx.errors import OutputExistsError, SettingsError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.atomic import atomic_write_bytes, make_folder
from flashdepth_vfx.shotfolder import ShotFolder

__all__ = ["RangeFile", "range_to_keep", "read_range", "write_range"]

_FORMAT = "flashdepth-range/1"


@dataclass(frozen=True)
class RangeFile:
    """`shot` is the name of the sequence that it was made of, without its folder."""

    shot: str
    span: DepthRange
    origin: str = ""

    @classmethod
    def made(cls, sequence: FrameSequence, span: DepthRange) -> RangeFile:
        """Of a sequence, not yet on disk."""
        return cls(_shot_of(sequence), span)

    @classmethod
    def read(cls, path: Path) -> RangeFile:
        """From disk. Raises `SettingsError` for what is not there or no range."""
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            if plain["format"] != _FORMAT:
                raise ValueError(f"its format is {plain['format']}")
            span = DepthRange(float(plain["near_per_m"]), float(plain["far_per_m"]))
            return cls(str(plain["shot"]), span, str(path))
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise SettingsError(f"{path}: not a range file: {problem}") from problem

    def of(self, sequence: FrameSequence) -> DepthRange:
        """The range, for this sequence. Raises `SettingsError` if it is another shot's."""
        if self.shot != _shot_of(sequence):
            raise SettingsError(
                f"{self.origin or self.shot}: the range of {self.shot}, not of {_shot_of(sequence)}"
            )
        return self.span

    def __str__(self) -> str:
        far = "infinity" if not self.span.far_per_m else f"{1.0 / self.span.far_per_m:.4g} m"
        return f"range of {self.shot}: near {1.0 / self.span.near_per_m:.4g} m, far {far}"


def _range_path(output: FrameSequence) -> Path:
    return ShotFolder(output).path / "range.json"


def read_range(output: FrameSequence) -> RangeFile | None:
    """The range that an output has; None for a new one. Raises `SettingsError` for one that is damaged."""
    path = _range_path(output)
    return RangeFile.read(path) if path.exists() else None


def range_to_keep(
    output: FrameSequence, source: FrameSequence, span: DepthRange, *, overwrite: bool
) -> RangeFile | None:
    """The file of the range of `source`, where the output has none yet, or one that may be replaced.

    Raises `OutputExistsError` where it has another range.
    """
    kept = None if overwrite else read_range(output)
    if kept is None:
        return RangeFile.made(source, span)
    if kept.of(source) != span:
        raise OutputExistsError(
            output.folder, f"holds frames of another range ({kept}); --overwrite replaces it"
        )
    return None


def write_range(output: FrameSequence, found: RangeFile) -> None:
    """Keep it, whole or not at all. Raises `OutputError`, `DiskFullError`."""
    path = _range_path(output)
    make_folder(path.parent)
    plain = {
        "format": _FORMAT,
        "shot": found.shot,
        "near_per_m": found.span.near_per_m,
        "far_per_m": found.span.far_per_m,
    }
    atomic_write_bytes(path, json.dumps(plain, indent=2).encode() + b"\n")


def _shot_of(sequence: FrameSequence) -> str:
    return Path(sequence.pattern).name
