"""What a render did, as JSON values: what `--json`, the resident worker and a farm's log are given."""

from __future__ import annotations

from typing import Any

import msgspec

from flashdepth_vfx.renderer import RenderResult
from flashdepth_vfx.views import StereoResult

__all__ = ["result_to_plain"]


def result_to_plain(result: RenderResult) -> dict[str, Any]:
    """A `RenderResult` as plain JSON values; of the state, what it waits for."""
    state = result.state
    several: dict[str, Any] = {}
    if isinstance(result, StereoResult):
        several["views"] = {name: result_to_plain(one) for name, one in result.views.items()}
        several["mismatches"] = [
            {**msgspec.to_builtins(one), "frames": list(one.frames)} for one in result.mismatches
        ]
    return {
        "frames_written": list(result.frames_written),
        "frames_kept": list(result.frames_kept),
        "manifest": str(result.manifest),
        "seconds": result.seconds,
        "state": None
        if state is None
        else {"next_frame": state.next_frame, "frames_seen": state.frames_seen},
        **several,
    }
