"""The folder beside an output, `<name>.flashdepth/`: state checkpoints, manifests and logs.

Chunks of one shot share it. Every file is named for the frames that it speaks of and written whole, so
that two chunks never write over each other's, and a rerun writes over its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flashdepth_vfx.errors import StateError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.state import ShotState, load_state, save_state

__all__ = ["ShotFolder"]

_STATE_NAME = re.compile(r"state\.(-?\d{7,})\.safetensors")


class ShotFolder:
    """`<name>.flashdepth/` of one output. It is made when the first thing is put into it.

    A `view` that shares its files with others has a folder of its own in there.
    """

    def __init__(self, output: FrameSequence, view: str | None = None) -> None:
        self.path = output.beside / (view or "")
        #: Called before anything is put there; raises when another render has taken this one's place.
        self.require: Callable[[], None] = _nothing

    def manifest_path(self, frames: str) -> Path:
        """Where the manifest of a rendered range lives."""
        return self.path / f"manifest.{_as_file_name(frames)}.json"

    def log_path(self, frames: str) -> Path:
        """Where the log of a rendered range lives."""
        return self.path / f"render.{_as_file_name(frames)}.log"

    def state_path(self, next_frame: int) -> Path:
        """Where the state that waits for `next_frame` lives."""
        return self.path / f"state.{next_frame:0{7 + (next_frame < 0)}d}.safetensors"

    def write_manifest(self, frames: str, manifest: dict[str, Any]) -> Path:
        """Write a manifest, whole or not at all, and return its path."""
        path = self.manifest_path(frames)
        self.require()
        atomic_write_bytes(path, json.dumps(manifest, indent=2).encode() + b"\n")
        return path

    def read_manifest(self, frames: str) -> dict[str, Any]:
        """The manifest of an earlier render of the same range; empty when there is none to trust."""
        try:
            read = json.loads(self.manifest_path(frames).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return read if isinstance(read, dict) else {}

    def write_state(self, state: ShotState) -> Path:
        """Keep a checkpoint."""
        path = self.state_path(state.next_frame)
        self.require()
        save_state(path, state)
        return path

    def states(self, latest: int, notices: list[str]) -> Iterator[ShotState]:
        """The checkpoints that wait for frame `latest` or an earlier one, the latest first.

        One that cannot be read is passed over, and `notices` says so: an earlier one, or the head of
        the shot, serves too.
        """
        numbers = sorted(self._state_frames(), reverse=True)
        for number in numbers:
            if number <= latest:
                try:
                    yield load_state(self.state_path(number))
                except StateError as error:
                    notices.append(f"a checkpoint is passed over: {error}")

    def _state_frames(self) -> list[int]:
        if not self.path.is_dir():
            return []
        matches = (_STATE_NAME.fullmatch(entry.name) for entry in self.path.iterdir())
        return [int(match[1]) for match in matches if match]


def _nothing() -> None:
    """Nobody else is there."""


def _as_file_name(frames: str) -> str:
    # A range of many pieces outgrows what a file system takes as a name: its digest stands in.
    digest = hashlib.sha256(frames.encode()).hexdigest()[:12]
    short = frames if len(frames) <= 80 else f"{frames[:60]}.{digest}"
    return short.replace(",", "_")
