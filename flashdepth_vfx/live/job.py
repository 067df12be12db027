"""LiveJob: what is streamed, for how long, and what happens when the source goes away."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.settings import RenderSettings

__all__ = ["LiveJob"]


@dataclass(frozen=True, kw_only=True)
class LiveJob:
    """One call of `stream`. `source` is an address (rtsp, http, ...), a device, or a movie.

    With `every_frame` nothing is dropped: a movie goes as fast as the network does. Without it the newest picture is
    taken, and a movie plays at its own pace. `max_frames` and `duration_seconds` end it; so does the end of a movie.
    A source that goes away is opened again for `reconnect_seconds`, 0 for not at all. The state is kept over a gap of
    `keep_state_seconds`, and forgotten over a longer one. Nothing is waited for longer than `timeout_seconds`. Raises
    `SettingsError`.
    """

    source: str
    settings: RenderSettings = field(default_factory=RenderSettings)
    every_frame: bool = False
    max_frames: int | None = None
    duration_seconds: float | None = None
    reconnect_seconds: float = 30.0
    keep_state_seconds: float = 1.0
    timeout_seconds: float = 10.0

    def __post_init__(self) -> None:
        if not self.source:
            raise SettingsError("no source: name an address, a device or a movie")
        if self.max_frames is not None and self.max_frames < 1:
            raise SettingsError(f"--max-frames {self.max_frames}: give 1 or more")
        for option, seconds, least in (
            ("--duration", self.duration_seconds, True),
            ("--timeout", self.timeout_seconds, True),
            ("--reconnect", self.reconnect_seconds, False),
            ("--keep-state", self.keep_state_seconds, False),
        ):
            if seconds is None:
                continue
            if not math.isfinite(seconds) or seconds < 0 or (least and seconds == 0):
                raise SettingsError(
                    f"--{option.lstrip('-')} {seconds:g}: give seconds, {'more than 0' if least else '0 or more'}"
                )

    @property
    def is_movie(self) -> bool:
        """Whether the source is a file on disk, which ends, and is not opened again."""
        return "://" not in self.source and Path(self.source).is_file()
