"""Plates of strange values: not numbers, no coverage, a pixel wide. What can be rendered is, and is sound."""

from __future__ import annotations

import numpy as np
import OpenEXR
import pytest
import torch
from plates import write_dpx
from render_checks import require_one_line
from render_kit import (
    Probe,
    RenderKit,
    Watcher,
    at,
    header_of,
    picture,
    run,
    run_with,
    write_plate,
)

from flashdepth_vfx.errors import (
    PlateSizeError,
)
from flashdepth_vfx.plate import Window


@pytest.mark.parametrize("window", [Window(0, 0, 1, 1), Window(0, 0, 1, 96), Window(0, 0, 160, 15)])
def test_plate_of_a_pixel_is_refused(kit: RenderKit, window: Window) -> None:
    plates = kit.shot((1, 2), data=window)
    with pytest.raises(PlateSizeError) as raised:
        run(kit.job(plates))
    require_one_line(raised.value, "shot.0001.exr", f"{window.width}x{window.height}")
    assert not (kit.folder / "depth").exists()


@pytest.mark.parametrize(
    "window", [Window(0, 0, 16, 16), Window(0, 0, 17, 333), Window(5, 5, 97, 33)]
)
def test_small_and_narrow_plates_are_rendered(kit: RenderKit, window: Window) -> None:
    plates = kit.shot((1, 2), data=window)
    run(kit.job(plates))
    assert all(depth.shape == window.shape for depth in kit.depths().values())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_counted_and_do_not_spread(
    kit: RenderKit, bad: float
) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates, "whole/shot.####.exr"))
    rgb = picture(2)
    rgb[40, 60] = bad
    write_plate(at(plates, 2), 2, rgb=rgb)
    watcher = Watcher()
    run(kit.job(plates), watcher)
    counted = header_of(kit.path(2))
    which = "nanCount" if np.isnan(bad) else "infCount"
    assert counted[f"flashdepth/{which}"] == 3
    assert any("shot.0002.exr" in text for text in watcher.warnings)
    found, whole = kit.depths(), kit.depths("whole/shot.####.exr")
    assert all(np.isfinite(depth).all() for depth in found.values())
    # As one black or white pixel would: far less than what the picture itself does.
    for frame in (2, 3, 4):
        assert np.abs(found[frame] - whole[frame]).max() < 0.1 * np.ptp(whole[frame])


def test_plate_of_nothing_but_nan_renders_and_the_next_is_sound(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 4))
    write_plate(at(plates, 2), 2, rgb=np.full((96, 160, 3), np.nan, np.float32))
    run(kit.job(plates))
    assert all(np.isfinite(depth).all() for depth in kit.depths().values())


def test_neighbours_of_a_nan_keep_their_values_on_the_way_to_the_network(kit: RenderKit) -> None:
    plates = kit.shot((1,))
    rgb = picture(1)
    rgb[40, 60, 1] = np.nan
    write_plate(at(plates, 1), 1, rgb=rgb)
    probe = Probe()
    run_with(probe, kit.job(plates))
    shown = probe.shown[0].permute(1, 2, 0).numpy()
    untouched = np.ones(rgb.shape[:2], bool)
    untouched[40, 60] = False
    assert np.abs(shown - rgb)[untouched].max() < 1e-5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 0.0, 1e-30])
def test_strange_alpha_does_not_poison_the_picture(kit: RenderKit, bad: float) -> None:
    plates = kit.shot((1, 2))
    alpha = np.full((96, 160), 0.5, np.float32)
    alpha[10:20, 10:20] = bad
    write_plate(at(plates, 2), 2, alpha=alpha)
    probe = Probe()
    run_with(probe, kit.job(plates))
    assert all(bool(torch.isfinite(shown).all()) for shown in probe.shown)
    run(kit.job(plates, overwrite=True))
    assert all(np.isfinite(depth).all() for depth in kit.depths().values())


def test_header_texts_in_latin_1_do_not_stop_a_render(kit: RenderKit) -> None:
    """Scanners and cameras wrote texts before UTF-8 was usual."""
    path = kit.folder / "plate.dpx"
    write_dpx(path, (picture(1) * 1023).astype(int))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"the project", b"caf\xe9 projet"))
    run_with(Probe(), kit.job(str(path), "depth/shot.exr"))
    assert "projet" in str(OpenEXR.File(str(kit.folder / "depth/shot.exr")).header()["project"])
