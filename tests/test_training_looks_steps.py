"""The steps of a look, each by hand: defocus, lens, grain, tone curves, compression."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from flashdepth_vfx.training.looks import Look, develop, draw_looks
from flashdepth_vfx.training.looks.compress import compressed
from flashdepth_vfx.training.looks.defocus import confusion_px, defocused
from flashdepth_vfx.training.looks.film import GRAIN_SIGMA_PX, MID_GREY, graded, grained, toned
from flashdepth_vfx.training.looks.lens import aberrated, glowing, softened, vignetted

_CPU = torch.device("cpu")


def look_of(batch: int, frames: int = 1, **fields: Tensor | float) -> Look:
    """A look that does nothing, but for these fields."""
    drawn = Look.from_arrays(draw_looks(range(batch), frames, 0.0), _CPU)
    nothing: dict[str, Tensor | float] = {
        **dict.fromkeys(("aperture_mm", "vignette", "aberration", "glow", "exposure_stops"), 0.0),
        **dict.fromkeys(("grain", "shoulder", "log_slope", "lift", "jpeg_quality"), 0.0),
        **dict.fromkeys(("white", "grain_rgb", "contrast", "saturation"), 1.0),
        "blur_px": 0.01,
        "gamma": 2.2,
    }
    values = {
        name: value if isinstance(value, Tensor) else torch.full_like(getattr(drawn, name), value)
        for name, value in (nothing | fields).items()
    }
    return dataclasses.replace(drawn, **values)


def spread_px2(picture: Tensor, column: int) -> float:
    """The variance along x, about where the light came from: that of the blur."""
    weight = picture.sum(0) / picture.sum()
    away = torch.arange(len(weight), dtype=weight.dtype) - column
    return float((weight * away.square()).sum())


def highlight() -> Tensor:
    """One bright spot."""
    light = torch.zeros(1, 1, 3, 64, 64)
    light[..., 30:34, 30:34] = 1.0
    return light


def columns() -> Tensor:
    """Eight frames with one bright column each, next to each other: wherever a smaller copy's pixels begin."""
    light = torch.zeros(1, 8, 3, 128, 128)
    for frame in range(8):
        light[:, frame, :, :, 60 + frame] = 1.0
    return light


def aperture_for(sigma_px: float, disparity: float, width: int = 64) -> float:
    """Millimetres that blur this much at this disparity when infinity is in focus: by hand, d = A f |1/z|."""
    return sigma_px * 4.0 / (width * disparity / 100.0) * 1000.0


def infinity(batch: int = 1) -> Tensor:
    return torch.zeros(batch, 2)


@pytest.mark.parametrize("sigma_px", [0.5, 1.0, 1.4, 2.0, 3.0, 5.0, 6.4])
def test_blur_has_the_variance_of_the_circle_of_confusion(sigma_px: float) -> None:
    disparity = torch.full((1, 8, 128, 128), 50.0)
    disparity[..., 0, 0] = 0.0
    look = look_of(1, 8, aperture_mm=aperture_for(sigma_px, 50.0, 128), focus_at=infinity())
    seen = defocused(columns(), disparity, look)[0, :, 1]
    variance = sum(spread_px2(seen[n], 60 + n) for n in range(8)) / 8.0
    assert variance == pytest.approx(sigma_px**2, rel=0.02)


def test_confusion_is_linear_in_disparity_and_signed() -> None:
    disparity = torch.tensor([40.0, 10.0, 40.0, 70.0, 100.0] + [40.0] * 59).view(1, 1, 1, 64)
    look = look_of(1, aperture_mm=aperture_for(1.0, 30.0), focus_at=infinity())
    sigmas = confusion_px(disparity, look)[0, 0, 0, :5]
    assert torch.allclose(sigmas, torch.tensor([0.0, -1.0, 0.0, 1.0, 2.0]), atol=1e-5)


def test_what_is_at_the_focus_distance_stays_sharp_to_the_bit() -> None:
    light = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    disparity = torch.full((2, 2, 32, 32), 25.0)
    disparity[..., 16:] = 5.0
    look = look_of(2, 2, aperture_mm=2000.0, focus_at=torch.tensor([[0.5, 0.1], [0.5, 0.9]]))
    seen = defocused(light, disparity, look)
    assert torch.equal(seen[0, ..., :16], light[0, ..., :16])
    assert float((seen[0, ..., 16:] - light[0, ..., 16:]).abs().mean()) > 0.05
    assert float((seen[1, ..., :14] - light[1, ..., :14]).abs().mean()) > 0.05


def test_a_closed_aperture_changes_nothing() -> None:
    light = torch.rand(1, 1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    disparity = torch.linspace(0.0, 300.0, 32).expand(1, 1, 32, 32)
    assert torch.equal(defocused(light, disparity, look_of(1)), light)


def test_a_blurred_background_does_not_bleed_over_what_is_sharp_nor_take_of_it() -> None:
    light, disparity = torch.ones(1, 1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    light[..., :32], disparity[..., :32] = 0.0, 50.0
    near = torch.tensor([[0.5, 0.1]])
    look = look_of(1, aperture_mm=aperture_for(4.0, 50.0), focus_at=near)
    seen = defocused(light, disparity, look)[0, 0, 0, 32]
    assert torch.equal(seen[:32], torch.zeros(32))
    assert float(seen[32:].min()) > 0.97


def test_a_blurred_foreground_covers_what_is_beside_it() -> None:
    light, disparity = torch.ones(1, 1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    light[..., :32], disparity[..., :32] = 0.0, 50.0
    far = torch.tensor([[0.5, 0.9]])
    look = look_of(1, aperture_mm=aperture_for(4.0, 50.0), focus_at=far)
    seen = defocused(light, disparity, look)[0, 0, 0, 32]
    assert 0.3 < float(seen[32]) < 0.7
    assert bool((seen[20:45].diff() > -1e-6).all())
    assert torch.equal(seen[52:], torch.ones(12))


def test_softness_is_a_gaussian_of_each_clips_own_width() -> None:
    light = torch.zeros(2, 2, 3, 33, 33)
    light[..., 16, 16] = 1.0
    seen = softened(light, torch.tensor([0.6, 1.2]))
    for which, sigma in enumerate((0.6, 1.2)):
        assert spread_px2(seen[which, 1, 2], 16) == pytest.approx(sigma**2, rel=0.05)
        assert float(seen[which, 0, 0].sum()) == pytest.approx(1.0, abs=1e-5)
    flat = torch.full((2, 1, 3, 9, 9), 0.3)
    assert torch.allclose(softened(flat, torch.tensor([0.6, 2.2])), flat)


def test_aberration_magnifies_red_and_blue_about_the_middle() -> None:
    ramp = torch.arange(101.0).expand(2, 1, 3, 101, 101).contiguous()
    seen = aberrated(ramp, torch.tensor([[0.01, -0.02], [0.0, 0.0]]))
    column = torch.arange(101.0)[10:91]
    assert torch.allclose(seen[0, 0, 0, 50, 10:91], 50 + (column - 50) / 1.01, atol=1e-3)
    assert torch.allclose(seen[0, 0, 2, 50, 10:91], 50 + (column - 50) / 0.98, atol=1e-3)
    assert torch.equal(seen[:, :, 1], ramp[:, :, 1])
    assert torch.allclose(seen[1], ramp[1], atol=1e-3)


def test_a_vignette_leaves_the_middle_and_darkens_the_corners_by_its_amount() -> None:
    seen = vignetted(torch.ones(2, 1, 3, 9, 17), torch.tensor([0.0, 0.4]))
    assert torch.equal(seen[0], torch.ones(1, 3, 9, 17))
    assert float(seen[1, 0, 0, 4, 8]) == 1.0
    assert float(seen[1, 0, 0, 0, 0]) == pytest.approx(0.6)
    assert float(seen[1, 0, 0, 4, 0]) == pytest.approx(0.8)


def test_glow_spreads_each_colours_share_of_a_highlight_and_nothing_else() -> None:
    share = torch.tensor([[0.1, 0.05, 0.0]])
    seen = glowing(highlight(), share)[0, 0]
    assert torch.allclose(seen.sum((1, 2)), torch.full((3,), 16.0), rtol=0.02)
    assert torch.allclose(seen[:, 31, 31], 1.0 - share[0], atol=0.01)
    assert float(seen[0, 31, 40]) == pytest.approx(2.0 * float(seen[1, 31, 40]), rel=1e-4)
    assert float(seen[0, 31, 40]) > 0.0
    flat = torch.full((1, 1, 3, 16, 16), 0.3)
    assert torch.allclose(glowing(flat, share), flat)


@pytest.mark.parametrize("size", range(len(GRAIN_SIGMA_PX)))
@pytest.mark.parametrize("level", [0.05, MID_GREY, 0.8, 4.0])
@pytest.mark.parametrize("film", [0.0, 1.0])
def test_grain_has_the_stated_spread(size: int, level: float, film: float) -> None:
    rgb = torch.tensor([[1.0, 0.8, 1.5]])
    look = look_of(
        1, 2, grain=0.02, grain_film=film, grain_rgb=rgb, grain_size=torch.tensor([size])
    )
    seen = grained(torch.full((1, 2, 3, 256, 256), level), look)[0]
    sensor = math.sqrt(level + 0.01)
    own = math.sqrt(min(level, 1.0) * level / MID_GREY) if film else sensor
    expected = 0.02 * own * rgb[0]
    assert torch.allclose(seen.std((0, 2, 3)), expected, rtol=0.04)
    assert torch.allclose(seen.mean((0, 2, 3)), torch.tensor(level), atol=0.05 * float(expected[2]))


def test_grain_is_new_on_every_frame_and_in_every_channel_unless_they_share_it() -> None:
    apart = torch.tensor([1, 0])
    fields = {"grain": 0.02, "grain_apart": apart, "grain_size": torch.zeros(2, dtype=torch.long)}
    flat = torch.full((2, 3, 3, 128, 128), MID_GREY)
    noise = (grained(flat, look_of(2, 3, **fields)) - MID_GREY).flatten(3)
    for which in range(2):
        frames = torch.corrcoef(noise[which, :, 0])
        assert float((frames - torch.eye(3)).abs().max()) < 0.05
        channels = torch.corrcoef(noise[which, 0])
        wanted = torch.eye(3) if apart[which] else torch.ones(3, 3)
        assert float((channels - wanted).abs().max()) < 0.05


def test_display_curves_by_hand() -> None:
    level = torch.tensor([0.0, MID_GREY, 0.5, 1.0, 3.0]).view(1, 1, 1, 1, 5).expand(1, 1, 3, 1, 5)

    def curve(**fields: float) -> list[float]:
        return toned(level, look_of(1, **fields))[0, 0, 0, 0].tolist()

    assert curve(gamma=2.0) == pytest.approx([0.0, 0.18**0.5, 0.5**0.5, 1.0, 1.0])
    assert curve(gamma=1.0, shoulder=1.0)[2:] == pytest.approx([1.0 / 1.5, 1.0, 1.0])
    # contrast turns about middle grey: a toe below it, and steeper above
    assert curve(gamma=1.0, contrast=1.5)[:3] == pytest.approx([0.0, 0.18, 0.5**1.5 * 0.18**-0.5])


def test_log_curves_rise_by_their_slope_for_each_stop() -> None:
    level = (MID_GREY * 2.0 ** torch.arange(0.0, 5.0)).view(1, 1, 1, 1, 5).expand(1, 1, 3, 1, 5)
    look = look_of(1, log_slope=0.08, log_grey=0.4, log_offset=0.005)
    seen = toned(level, look)[0, 0, 0, 0]
    assert float(seen[0]) == pytest.approx(0.4)
    assert torch.allclose(seen.diff(), torch.full((4,), 0.08), atol=0.002)
    black = toned(torch.zeros(1, 1, 3, 1, 1), look)
    assert float(black[0, 0, 0, 0, 0]) == pytest.approx(0.4 - 0.08 * math.log2(37.0), abs=1e-4)


def test_the_grade_by_hand() -> None:
    colour = torch.tensor([0.8, 0.4, 0.2]).view(1, 1, 3, 1, 1)
    grey = 0.2126 * 0.8 + 0.7152 * 0.4 + 0.0722 * 0.2
    assert torch.allclose(graded(colour, look_of(1)), colour)
    assert graded(colour, look_of(1, saturation=0.0)).flatten().tolist() == pytest.approx(
        [grey] * 3
    )
    half = graded(colour, look_of(1, saturation=0.5, lift=0.1)).flatten().tolist()
    assert half == pytest.approx([0.1 + 0.9 * (0.5 * c + 0.5 * grey) for c in (0.8, 0.4, 0.2)])
    crushed = graded(torch.full_like(colour, 0.04), look_of(1, lift=-0.05))
    assert float(crushed.max()) == 0.0


def test_exposure_does_not_depend_on_the_light_of_the_scene() -> None:
    flat = torch.full((3, 1, 3, 16, 16), 0.2) * torch.tensor([0.1, 1.0, 9.0]).view(3, 1, 1, 1, 1)
    look = look_of(3, exposure_stops=torch.tensor([[0.0], [0.0], [-1.0]]))
    seen = develop(flat, torch.ones(3, 1, 16, 16), look)[:, 0, 0, 8, 8].tolist()
    assert seen == pytest.approx([0.23 ** (1 / 2.2)] * 2 + [0.115 ** (1 / 2.2)], rel=1e-4)


def test_a_flat_block_comes_back_flat_at_the_nearest_step() -> None:
    # at quality 50 the mean of a block, times eight, is rounded to sixteens: a level to two
    level = torch.tensor([0.0, 2.0, 100.0, 128.0, 100.9, 101.1]) / 255.0
    flat = level.view(6, 1, 1, 1, 1).expand(6, 1, 3, 16, 32).contiguous()
    seen = compressed(flat, torch.full((6,), 50.0))
    assert torch.allclose(seen[:4], flat[:4], atol=1e-6)
    expected = torch.tensor([100.0, 102.0]).view(2, 1, 1, 1, 1) / 255.0
    assert torch.allclose(seen[4:], expected.expand_as(seen[4:]), atol=1e-6)


def test_a_wave_of_less_than_half_a_step_is_lost_and_a_larger_one_is_kept() -> None:
    x = torch.arange(16.0)
    wave = torch.cos((2.0 * x + 1.0) * 7.0 * math.pi / 16.0)
    # the wave's size in the transform is amplitude x 4 x sqrt 2; the step of that frequency is 61 at quality 50
    for amplitude, kept in ((5.2 / 255, False), (5.6 / 255, True)):
        picture = (0.5 + amplitude * wave).expand(1, 1, 3, 16, 16).contiguous()
        detail = compressed(picture, torch.tensor([50.0])).std()
        assert bool(detail > 0.005) is kept


def test_a_lower_quality_never_errs_less() -> None:
    rng = np.random.default_rng(3)
    smooth = torch.from_numpy(rng.random((1, 2, 3, 12, 16), dtype=np.float32))
    picture = smooth.repeat_interleave(4, 3).repeat_interleave(4, 4).expand(5, 2, 3, 48, 64)
    seen = compressed(picture.contiguous(), torch.tensor([0.0, 95.0, 75.0, 50.0, 20.0]))
    errors = (seen - picture).square().mean((1, 2, 3, 4)).sqrt()
    assert float(errors[0]) == 0.0
    assert bool((errors.diff() > 0.0).all())
    assert float(errors[-1]) < 0.2


def test_a_change_in_one_block_stays_among_its_neighbours() -> None:
    picture = torch.full((1, 1, 3, 48, 48), 0.5)
    changed = picture.clone()
    changed[..., 2:5, 2:5] = 0.9
    quality = torch.tensor([40.0])
    moved = (compressed(changed, quality) - compressed(picture, quality)).abs().amax((0, 1, 2))
    assert float(moved[:8, :8].max()) > 0.1
    assert float(moved[20:, :].max()) == 0.0
    assert float(moved[:, 20:].max()) == 0.0
