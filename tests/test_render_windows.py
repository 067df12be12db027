"""Windows: the depth lies exactly where the plate did, and one canvas serves the whole shot."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from render_kit import (
    Probe,
    RenderKit,
    at,
    depth_of,
    header_of,
    picture,
    run,
    run_with,
    same,
    windows_of,
    write_plate,
)

from flashdepth_vfx.errors import PlateSizeError
from flashdepth_vfx.plate import FloatArray, Window
from flashdepth_vfx.state import load_state

DISPLAY = Window(0, 0, 160, 96)
OVERSCAN = Window(-16, -16, 192, 128)
CROP = Window(13, 21, 77, 52)


@pytest.mark.parametrize(
    ("data", "display", "aspect"),
    [
        (DISPLAY, DISPLAY, 1.0),
        (OVERSCAN, DISPLAY, 1.0),
        (CROP, DISPLAY, 2.0),
        (Window(-40, 70, 90, 41), DISPLAY, 0.5),
        (Window(300, -200, 100, 100), DISPLAY, 1.0),
        (Window(1, 1, 159, 95), Window(100, 50, 161, 97), 1.4587),
    ],
    ids=["plain", "overscan", "crop", "half outside", "all outside", "odd display"],
)
def test_windows_and_pixel_aspect_are_exactly_the_plates(
    kit: RenderKit, data: Window, display: Window, aspect: float
) -> None:
    plates = kit.shot((1, 2), data=data, display=display, pixelAspectRatio=aspect)
    run(kit.job(plates))
    for frame in (1, 2):
        assert windows_of(kit.path(frame)) == windows_of(at(plates, frame))
        assert windows_of(kit.path(frame))[:2] == (data, display)
        depth = depth_of(kit.path(frame))
        assert depth.shape == data.shape
        assert np.isfinite(depth).all()


@pytest.mark.parametrize("data", [DISPLAY, OVERSCAN, CROP, Window(-40, 70, 90, 41)])
def test_each_depth_pixel_lies_on_its_plate_pixel(kit: RenderKit, data: Window) -> None:
    """With a network that answers what it sees, at the plate's own size: the way there and back."""
    plates = kit.shot((1,), data=data, display=DISPLAY)
    canvas = data.union(DISPLAY)
    rim = Window(canvas.x, canvas.y, -(-canvas.width // 32) * 32, -(-canvas.height // 32) * 32)
    write_plate(at(plates, 1), 1, data=data, display=rim)
    run_with(Probe(), kit.job(plates, convention="disparity"))
    assert header_of(kit.path(1))["flashdepth/networkSize"] == f"{rim.width}x{rim.height}"
    assert np.abs(kit.depths()[1] - picture(1, data)[..., 0]).max() < 1e-5


def test_depth_lies_on_its_plate_when_the_network_is_smaller(kit: RenderKit) -> None:
    data = Window(-32, -16, 512, 320)
    plates = kit.shot((1,), data=data, display=Window(0, 0, 448, 288))
    run_with(Probe(), kit.job(plates, convention="disparity", resolution=256))
    inner = (slice(8, -8), slice(8, -8))
    difference = kit.depths()[1] - picture(1, data)[..., 0]
    # Half a network pixel of shift, 1 plate pixel, would be 0.04 on this picture.
    assert np.abs(difference[inner]).mean() < 0.01


def moving(kit: RenderKit) -> str:
    plates = kit.shot((), display=DISPLAY)
    for frame, data in enumerate((DISPLAY, Window(-20, 8, 100, 80), Window(90, -30, 100, 60)), 1):
        write_plate(at(plates, frame), frame, data=data, display=DISPLAY)
    return plates


def test_moving_data_windows_share_one_canvas(kit: RenderKit) -> None:
    plates = moving(kit)
    run(kit.job(plates, state_out="s.safetensors"))
    whole = Window(-20, -30, 210, 126)
    assert {header_of(kit.path(f))["flashdepth/canvas"] for f in (1, 2, 3)} == {str(whole)}
    assert load_state(kit.folder / "s.safetensors").identity.canvas.window == whole
    for frame in (1, 2, 3):
        assert windows_of(kit.path(frame)) == windows_of(at(plates, frame))


def test_canvas_does_not_depend_on_the_frames_asked_for(kit: RenderKit) -> None:
    plates = moving(kit)
    run(kit.job(plates))
    whole = kit.depths()
    for frame in (1, 2, 3):
        run(kit.job(plates, f"{frame}/shot.####.exr", frames=str(frame)))
        assert same(kit.depths(f"{frame}/shot.####.exr"), {frame: whole[frame]})


def test_canvas_does_not_depend_on_the_frames_of_a_sparse_render(kit: RenderKit) -> None:
    plates = moving(kit)
    run(kit.job(plates, frames="2", sparse=True))
    assert header_of(kit.path(2))["flashdepth/canvas"] == str(Window(-20, -30, 210, 126))


def smooth(window: Window) -> FloatArray:
    ramp = np.linspace(0.6, 0.9, window.width, dtype=np.float32)
    return np.broadcast_to(ramp[None, :, None], (*window.shape, 3)).copy()


@pytest.mark.parametrize("resolution", ["native", 96, 300])
def test_what_the_canvas_is_filled_with_continues_the_plate(
    kit: RenderKit, resolution: str | int
) -> None:
    """No black frame around the data window: the fill stays between the plate's own values."""
    plates = kit.shot((), display=DISPLAY)
    write_plate(at(plates, 1), 1, data=CROP, display=DISPLAY, rgb=smooth(CROP))
    probe = Probe()
    run_with(probe, kit.job(plates, resolution=resolution))
    (shown,) = probe.shown
    assert torch.isfinite(shown).all()
    assert float(shown.min()) > 0.55
    assert float(shown.max()) < 0.95
    # Smooth, with no step where the plate ends: nowhere steeper than the edge of the ramp allows.
    steps = torch.cat([shown.diff(dim=1).abs().flatten(), shown.diff(dim=2).abs().flatten()])
    assert float(steps.max()) < 0.06


@pytest.mark.parametrize("upsampling", ["bilinear", "nearest", "guided"])
@pytest.mark.parametrize("resolution", ["native", 128])
def test_what_the_network_says_of_the_fill_does_not_leak(
    kit: RenderKit, resolution: str | int, upsampling: str
) -> None:
    """Depth 5 inside the data window and 1000 outside: the file holds 5 to its last row."""
    display, data = Window(0, 0, 256, 192), Window(32, 48, 128, 96)
    plates = kit.shot((1,), data=data, display=display)
    scale = 1 if resolution == "native" else 2
    answer = torch.full((192 // scale, 256 // scale), 1000.0)
    answer[48 // scale : 144 // scale, 32 // scale : 160 // scale] = 5.0
    job = kit.job(plates, resolution=resolution, upsampling=upsampling, convention="disparity")
    run_with(Probe(answer), job)
    assert np.abs(kit.depths()[1] - 5.0).max() < 1e-4


@pytest.mark.parametrize("aspect", [2.0, 0.5])
def test_anamorphic_plates_reach_the_network_with_square_pixels(
    kit: RenderKit, aspect: float
) -> None:
    """A circle in the scene is a circle to the network."""
    window = Window(0, 0, round(256 / aspect), 256)
    plates = kit.shot((), data=window)
    rows, columns = np.mgrid[0 : window.height, 0 : window.width]
    inside = ((columns + 0.5) * aspect - 128) ** 2 + (rows + 0.5 - 128) ** 2 < 80**2
    disc = np.repeat(inside[..., None], 3, axis=2).astype(np.float32)
    write_plate(at(plates, 1), 1, data=window, rgb=disc, pixelAspectRatio=aspect)
    probe = Probe()
    run_with(probe, kit.job(plates))
    seen = probe.shown[0][0] > 0.5
    assert seen.shape == (256, 256)
    wide, high = int(seen.any(dim=0).sum()), int(seen.any(dim=1).sum())
    assert abs(wide - high) <= 3
    assert depth_of(kit.path(1)).shape == window.shape


def srgb(linear: FloatArray) -> FloatArray:
    """IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_premultiplied_plates_are_unpremultiplied_for_colour(kit: RenderKit) -> None:
    window = Window(0, 0, 160, 96)
    color = picture(1, window)
    alpha = np.zeros(window.shape, np.float32)
    alpha[:, 40:80], alpha[:, 80:] = 0.5, 1.0
    light = np.zeros(window.shape, np.float32)
    light[:, :20] = 0.2
    # The first columns are light without coverage (a flare): alpha 0 and colour above it.
    rgb = color * alpha[..., None] + light[..., None]
    plates = kit.shot((), data=window)
    write_plate(at(plates, 1), 1, data=window, alpha=alpha, rgb=rgb)
    probe = Probe()
    run_with(probe, kit.job(plates, colorspace="Linear Rec.709 (sRGB)", empty="seen"))
    expected = srgb(color) * alpha[..., None] + srgb(light)[..., None] * (alpha == 0)[..., None]
    shown = probe.shown[0].permute(1, 2, 0).numpy()
    assert np.abs(shown - expected).max() < 2e-3


def test_overscan_is_seen_by_the_network(kit: RenderKit) -> None:
    plates = kit.shot((1,), data=OVERSCAN, display=DISPLAY)
    probe = Probe()
    run_with(probe, kit.job(plates))
    assert probe.shown[0].shape[1:] == OVERSCAN.shape


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": Window(0, 0, 150, 96), "display": Window(0, 0, 150, 96)}, "150x96"),
        ({"display": Window(2, 0, 160, 96)}, "160x96\\+2"),
        ({"pixelAspectRatio": 2.0}, "pixel aspect 2"),
    ],
    ids=["size", "place", "aspect"],
)
def test_size_that_changes_inside_a_shot_is_refused(
    kit: RenderKit, change: dict[str, object], reason: str
) -> None:
    plates = kit.shot(range(1, 7))
    for frame in (5, 6):
        write_plate(at(plates, frame), frame, **change)
    with pytest.raises(PlateSizeError, match=f"shot\\.0005\\.exr.*{reason}") as raised:
        run(kit.job(plates))
    assert "shot.0001.exr" in str(raised.value)
    assert not (kit.folder / "depth").exists()
    # What the message advises must work.
    assert "folder" in str(raised.value)
    for part, frames in (("one", (1, 2, 3, 4)), ("two", (5, 6))):
        (kit.folder / part).mkdir()
        for frame in frames:
            at(plates, frame).rename(kit.folder / part / at(plates, frame).name)
        run(kit.job(str(kit.folder / part), f"{part}_depth/shot.####.exr"))


def test_data_windows_too_far_apart_for_any_canvas_are_refused(kit: RenderKit) -> None:
    plates = kit.shot((1, 2), display=DISPLAY)
    write_plate(at(plates, 2), 2, data=Window(10**9, 10**9, 32, 32), display=DISPLAY)
    with pytest.raises(PlateSizeError, match=r"shot\.0002\.exr"):
        run(kit.job(plates))
    assert not (kit.folder / "depth").exists()
