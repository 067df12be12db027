"""Errors of a host's side, each with a message that can be shown as it is.

HostError
├── Refusal          what was asked for cannot be, and nothing was started
├── WorkerMissing    flashdepth cannot be found or started
├── WorkerFailed     the worker died, hangs or says nonsense; its last lines are in the message
├── RenderFailed     the renderer's own error, in its own words
└── RenderCancelled  stopped as asked; what is on disk is whole, and the next render goes on from it
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "HostError",
    "Refusal",
    "RenderCancelled",
    "RenderFailed",
    "WorkerFailed",
    "WorkerMissing",
]


class HostError(Exception):
    """The root."""


class Refusal(HostError):
    """What was asked for cannot be."""


class WorkerMissing(HostError):
    """flashdepth cannot be found or started."""


class WorkerFailed(HostError):
    """The worker is gone or of no use. `log` are its last lines."""

    def __init__(self, what: str, log: Sequence[str] = ()) -> None:
        self.log = tuple(log)
        lines = "\n".join(f"  {line}" for line in self.log)
        super().__init__(
            f"{what}\nits last lines:\n{lines}" if lines else f"{what}\nit left no lines"
        )


class RenderFailed(HostError):
    """What the renderer raised: `kind` is the name of its class, `exit_code` as the command's."""

    def __init__(self, kind: str, message: str, exit_code: int) -> None:
        self.kind = kind
        self.exit_code = exit_code
        super().__init__(message)


class RenderCancelled(HostError):
    """A render was stopped as asked."""
