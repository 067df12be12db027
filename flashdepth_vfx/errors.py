"""Every error that this package raises on purpose, as one tree.

    FlashDepthError                  exit 1: it failed, and the message says what and what to do
    ├── UsageError                   exit 2: what was asked for cannot be, whatever the files hold
    │   ├── SettingsError            a setting's value is unknown or contradicts another
    │   ├── FrameRangeError          a frame range cannot be read, or selects nothing
    │   ├── NoSuchChannelError       a plate has no such layer, channel or view
    │   ├── ColorError               no such colour space, display, view or OCIO config
    │   ├── LicenseError             the weights need a consent that was not given
    │   ├── CalibrationError         measured distances contradict the depth, or tell no scale
    │   └── PlanError                a farm plan cannot be made, read, or has no such task
    ├── PlateError                   a plate cannot be used
    │   ├── MissingFrameError        a frame of the sequence is not on disk
    │   ├── CorruptPlateError        truncated, empty, not an image, or unsafe to read
    │   ├── LatePlateError           exit 75: a plate that was waited for did not come
    │   └── PlateSizeError           too small, or its size changes inside the shot
    ├── CameraError                  a camera or an STMap cannot be used, or lacks frames
    ├── OutputError                  the depth cannot be written
    │   ├── DiskFullError            exit 75: no space left
    │   ├── LeaseError               exit 75: another render holds the frames
    │   └── OutputExistsError        frames made with other settings are in the way
    ├── WeightsError                 weights are absent, damaged, or of another architecture
    │   └── NoSuchWeightsError       exit 2: no weights have that name
    ├── DeviceError                  the device asked for is not there, or ran out of memory
    ├── StateError                   a state file cannot be read
    │   └── StateMismatchError       it belongs to another shot, other weights, another size
    ├── WorkerError                  exit 75: a resident worker is not there, or went away
    ├── StallError                   exit 75: nothing moved for too long
    ├── StreamError                  exit 75: a live source cannot be opened, or went away for good
    ├── HookError                    what a facility runs after publishing failed
    ├── PlatesStepError              the command that makes the plates failed
    ├── FrameOrderError              the engine was given a frame out of order
    └── Interrupted                  exit 143: stopped by a signal after saving the state

Errors carry the facts they were made from as attributes and write their own message.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "CalibrationError",
    "CameraError",
    "ColorError",
    "CorruptPlateError",
    "DeviceError",
    "DiskFullError",
    "FlashDepthError",
    "FrameOrderError",
    "FrameRangeError",
    "HookError",
    "Interrupted",
    "LatePlateError",
    "LeaseError",
    "LicenseError",
    "MissingFrameError",
    "NoSuchChannelError",
    "NoSuchWeightsError",
    "OutputError",
    "OutputExistsError",
    "PlanError",
    "PlateError",
    "PlateSizeError",
    "PlatesStepError",
    "SettingsError",
    "StallError",
    "StateError",
    "StateMismatchError",
    "StreamError",
    "UsageError",
    "WeightsError",
    "WorkerError",
]


class FlashDepthError(Exception):
    """The root: catch it to catch everything that this package raises on purpose."""

    exit_code = 1


class _OfAPlace(Exception):
    """What is wrong with a file, a folder or an address, called `path`."""

    def __init__(self, path: str | Path, reason: str) -> None:
        self.path = str(path)
        # Libraries break their lines, and farms read one.
        self.reason = " ".join(reason.split())
        super().__init__(f"{self.path}: {self.reason}")


class UsageError(FlashDepthError):
    """What was asked for cannot be done, whatever the files hold."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting has an unknown value, or two settings contradict each other."""


class FrameRangeError(UsageError):
    """A frame range cannot be read, or selects nothing."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason
        super().__init__(
            f"frame range '{text}': {reason} (write it as 1001-1100, 1001-1100x2 or 1001-1010,1020)"
        )


class NoSuchChannelError(UsageError):
    """A plate has no such layer, channel or view.

    `kind` is "layer", "channel" or "view"; `available` are the names that the plate has.
    """

    def __init__(self, path: str | Path, kind: str, name: str, available: Iterable[str]) -> None:
        self.path = str(path)
        self.kind = kind
        self.name = name
        self.available = tuple(available)
        listed = ", ".join(self.available) or "none"
        super().__init__(f"{self.path}: no {kind} '{name}'; it has: {listed}")


class ColorError(UsageError):
    """No such colour space, display, view or OCIO config."""


class LicenseError(UsageError):
    """The weights need a consent that was not given."""


class CalibrationError(UsageError):
    """Measured distances contradict the depth, or tell no scale."""


class PlanError(UsageError):
    """A farm plan cannot be made or read, or has no such shot or task."""


class PlateError(_OfAPlace, FlashDepthError):
    """A plate cannot be used. `path` names the file."""


class MissingFrameError(PlateError):
    """A frame of the sequence is not on disk."""

    def __init__(
        self,
        sequence: str,
        frame: int,
        path: str | Path,
        remedy: str = "--missing hold or skip renders around it",
    ) -> None:
        self.sequence = sequence
        self.frame = frame
        super().__init__(path, f"frame {frame} of {sequence} is not on disk ({remedy})")


class CorruptPlateError(PlateError):
    """Truncated, empty, not an image, or unsafe to read."""


class LatePlateError(PlateError):
    """A plate that was waited for did not come, or not whole. Exit 75: it may be there later."""

    exit_code = 75


class PlateSizeError(PlateError):
    """Too small for the network, or of another size than the rest of the shot."""


class CameraError(_OfAPlace, FlashDepthError):
    """A camera or an STMap cannot be used, or lacks frames of the shot. `path` names the file."""


class OutputError(_OfAPlace, FlashDepthError):
    """The depth cannot be written. `path` names the file or folder."""


class DiskFullError(OutputError):
    """No space left. Exit 75: the same command can succeed later."""

    exit_code = 75

    def __init__(
        self,
        path: str | Path,
        reason: str = "no space left on the device; free some and run again with --resume",
    ) -> None:
        super().__init__(path, reason)


class LeaseError(OutputError):
    """Another render holds the frames. Exit 75: the same command can succeed once that one has ended."""

    exit_code = 75


class OutputExistsError(OutputError):
    """Frames made with other settings are in the way."""


class WeightsError(FlashDepthError):
    """Weights are absent, damaged, or of another architecture."""


class NoSuchWeightsError(WeightsError):
    """No weights are known by that name. Exit 2: a slip of the keyboard, not of the disk."""

    exit_code = 2


class DeviceError(FlashDepthError):
    """The device asked for is not there, or ran out of memory."""


class StateError(_OfAPlace, FlashDepthError):
    """A state file cannot be read. `path` names it."""


class StateMismatchError(StateError):
    """A state belongs to another shot, other weights, another size or device."""


class WorkerError(_OfAPlace, FlashDepthError):
    """A resident worker, told of by `path`, is not there, or went away. Exit 75: with another one it can succeed."""

    exit_code = 75


class StallError(FlashDepthError):
    """No frame moved for too long, and the render gave up. Exit 75: on another machine, or later, it can succeed.

    Threads of it may still hang in a file system: what they have in hand ends with the process.
    """

    exit_code = 75

    def __init__(self, seconds: float, saved: str) -> None:
        self.seconds = seconds
        super().__init__(
            f"no frame was read, seen or written for {seconds:g} s (--stall-timeout): {saved}; "
            "see that the disks of plates and output answer, and run again with --resume"
        )


class StreamError(_OfAPlace, FlashDepthError):
    """A live source cannot be opened, or went away for good: it may be back later."""

    exit_code = 75


class HookError(FlashDepthError):
    """What a facility runs once depth is there failed. The depth is whole."""

    def __init__(self, hook: str, reason: str) -> None:
        self.hook = hook
        super().__init__(f"--hook {hook}: {' '.join(reason.split())}; the depth is there")


class PlatesStepError(FlashDepthError):
    """The command that makes the plates of a shot could not be started, or failed."""

    def __init__(self, program: str, reason: str) -> None:
        self.program = program
        super().__init__(f"{program}: {' '.join(reason.split())}; its plates are not all there")


class FrameOrderError(FlashDepthError):
    """The engine was given a frame out of order."""

    def __init__(self, expected: int, got: int) -> None:
        self.expected = expected
        self.got = got
        super().__init__(
            f"frame {got} given where frame {expected} is next: the state passes through a shot "
            "once, in order"
        )


class Interrupted(FlashDepthError):
    """Stopped by a signal, after the state was saved."""

    exit_code = 143
