"""Whole renders of real plates: a stereo pair whose data window moves, and windows of every kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from plates import shared_plates
from render_kit import RenderKit, depth_of, header_of, run, windows_of

from flashdepth_vfx.io.metadata import passes_through

#: What a depth file states of its own storage, and a stereo plate of all its eyes.
OF_THE_FILE = {"channels", "compression", "lineOrder", "type", "name", "chunkCount"}


def same_value(one: object, other: object) -> bool:
    return bool(np.all(np.asarray(one, dtype=object) == np.asarray(other, dtype=object)))


def assert_kept(plate: Path, depth: Path) -> None:
    """Windows, pixel aspect, and every attribute that passes through; nothing else but ours."""
    assert windows_of(depth) == windows_of(plate)
    before, after = header_of(plate), header_of(depth)
    kept = passes_through(before, single_view=True)
    for name, value in kept.items():
        assert repr(after[name]) == repr(value) or same_value(after[name], value), name
    for name in set(after) - set(kept) - OF_THE_FILE:
        assert name.startswith("flashdepth/") or name in before, name
    assert list(OpenEXR.File(str(depth)).channels()) == ["depth.Z"]


@pytest.mark.parametrize("view", ["right", "left"])
def test_beachball_comes_back_with_its_windows_and_its_metadata(kit: RenderKit, view: str) -> None:
    folder = shared_plates("beachball")
    plates = str(folder / "beachball.####.exr")
    run(kit.job(plates, "depth/ball.####.exr", view=view, resolution=256, colorspace=None))
    canvases = set()
    for frame in range(1, 9):
        depth = kit.path(frame, "depth/ball.####.exr")
        assert_kept(folder / f"beachball.{frame:04d}.exr", depth)
        assert np.isfinite(depth_of(depth)).all()
        canvases.add(header_of(depth)["flashdepth/canvas"])
    # One canvas for all eight data windows: the display window and what lies beyond it.
    assert canvases == {"2310x1556+0+0"}


@pytest.mark.parametrize("number", range(1, 9))
def test_every_way_in_which_a_data_window_differs_survives(kit: RenderKit, number: int) -> None:
    plate = shared_plates("display_window") / f"t{number:02d}.exr"
    result = run(kit.job(str(plate), "depth/t.exr", resolution=128, colorspace=None))
    assert result.frames_written == (number,)
    assert_kept(plate, kit.folder / "depth/t.exr")
