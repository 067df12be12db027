"""Steps that several tests of the renderer take, and what they look for afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from render_kit import RenderKit, Watcher, run

from flashdepth_vfx import renderer
from flashdepth_vfx.errors import FlashDepthError, Interrupted

__all__ = ["marks", "require_one_line", "short_queue", "stop_after"]


def require_one_line(error: FlashDepthError, *named: str) -> None:
    """What a person reads: one line with the file's name and the remedy, exit 1 or 2."""
    text = str(error)
    assert "\n" not in text
    assert all(part in text for part in named), text
    assert error.exit_code in (1, 2)


def stop_after(kit: RenderKit, plates: str, count: int, **settings: Any) -> None:
    """Render until `count` frames are written."""
    watcher = Watcher(stop_after=count)
    with pytest.raises(Interrupted) as raised:
        run(kit.job(plates, **settings), watcher)
    assert raised.value.exit_code == 143


def marks(kit: RenderKit) -> dict[int, tuple[int, int]]:
    """What changes when a frame's file is written anew."""
    files = {frame: kit.path(frame).stat() for frame in kit.depths()}
    return {frame: (s.st_ino, s.st_mtime_ns) for frame, s in files.items()}


@pytest.fixture
def short_queue() -> Iterator[None]:
    """So that a stop falls where it is asked for, however many cores there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renderer, "usable_cores", lambda: (0,))
        yield
