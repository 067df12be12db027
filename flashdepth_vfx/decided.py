"""What is decided once for a shot and shared by all of its tasks: canvas, cuts, exposure, device and kernels.

    decide ─▶ NAME.flashdepth/decided.json ─▶ render --frames 1-50 --decided, render --frames 51-100 --decided, ...

Tasks that decide for themselves agree as long as all plates are there and all machines are alike; tasks that share
this file agree, or say what is otherwise.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from flashdepth_vfx.errors import StateError, StateMismatchError
from flashdepth_vfx.io.atomic import atomic_write_bytes
from flashdepth_vfx.settings import RenderSettings
from flashdepth_vfx.shotfolder import ShotFolder
from flashdepth_vfx.state import ShotIdentity

__all__ = ["Decided", "path_in"]

FORMAT = "flashdepth-decided/1"
_NAME = "decided.json"
_AGAIN = "flashdepth decide --overwrite decides again"


@dataclass(frozen=True)
class Decided:
    """`cuts` are the frames where takes begin, the first frame of the shot not among them; `frames`, the plates that
    were there.
    """

    identity: ShotIdentity
    cuts: tuple[int, ...]
    frames: str

    def save(self, folder: ShotFolder) -> Path:
        """Leave it in the shot's folder, whole or not at all. Raises `OutputError`."""
        path = path_in(folder)
        plain = {"format": FORMAT, **msgspec.to_builtins(self)}
        atomic_write_bytes(path, json.dumps(plain, indent=2).encode() + b"\n")
        return path

    @classmethod
    def load(cls, folder: ShotFolder) -> Decided:
        """What an earlier `save` left there. Raises `StateError` where it is not there, or not to be read."""
        path = path_in(folder)
        try:
            plain = json.loads(path.read_bytes())
            if not isinstance(plain, dict) or plain.get("format") != FORMAT:
                raise StateError(path, f"is not of this version ({FORMAT}); {_AGAIN}")
            return msgspec.convert(plain, cls)
        except FileNotFoundError:
            raise StateError(path, "is not there: run flashdepth decide first") from None
        except (OSError, ValueError) as wrong:
            raise StateError(path, f"cannot be read: {wrong}; {_AGAIN}") from wrong

    def require_fit(
        self, folder: ShotFolder, identity: ShotIdentity, settings: RenderSettings
    ) -> None:
        """Raise `StateMismatchError`, with every difference, for a render that was decided otherwise."""
        # How much each task sees of the frames before its own is the task's affair.
        ours = replace(self.identity, preroll_frames=identity.preroll_frames)
        wrong = ours.differences(identity, allow_device_change=settings.allow_device_change)
        if wrong:
            device_only = not ours.differences(identity, allow_device_change=True)
            remedy = "--allow-device-change accepts a seam" if device_only else _AGAIN
            raise StateMismatchError(
                path_in(folder), f"was decided for another render: {'; '.join(wrong)} ({remedy})"
            )


def path_in(folder: ShotFolder) -> Path:
    """Where it lies in the shot's folder."""
    return folder.path / _NAME
