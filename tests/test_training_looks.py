"""The looks: what is drawn for a seed, and pictures that are developed as a plate would be."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from flashdepth_vfx.training.looks import Look, develop, draw_looks, mirror
from flashdepth_vfx.training.looks.film import GRAIN_SIGMA_PX
from flashdepth_vfx.training.looks.tracks import flash, lamps, track
from flashdepth_vfx.training.scenes.draw import Draw

_CPU = torch.device("cpu")
_PER_FRAME = ("light_stops", "exposure_stops", "white")


def looks(count: int, frames: int, flicker: float = 0.0) -> Look:
    return Look.from_arrays(draw_looks(range(count), frames, flicker), _CPU)


def made_light(batch: int, frames: int, height: int = 48, width: int = 64) -> Tensor:
    """Light with detail, dark corners and a highlight, from numpy."""
    rng = np.random.default_rng(7)
    light = rng.random((batch, frames, 3, height, width), dtype=np.float32) ** 3
    light[..., 10:14, 20:24] = 9.0
    return torch.from_numpy(light)


def made_disparity(batch: int, frames: int, height: int = 48, width: int = 64) -> Tensor:
    row = torch.linspace(0.0, 60.0, height)[:, None].expand(height, width).clone()
    row[8:40, 30:40] = 120.0
    return row.expand(batch, frames, height, width)


def test_a_seed_gives_the_same_look_in_any_batch() -> None:
    together, alone = draw_looks(range(5, 9), 3, 0.7), draw_looks([7], 3, 0.7)
    for name, array in alone.items():
        assert np.array_equal(together[name][2:3], array), name
    assert not np.array_equal(together["white"][1], together["white"][2])


def test_the_first_frames_of_a_longer_clip_have_the_same_look() -> None:
    short, long = draw_looks(range(128), 4, 0.9), draw_looks(range(128), 9, 0.9)
    for name in set(short) - {"light_stops", "exposure_stops"}:
        part = long[name][:, :4] if name in _PER_FRAME else long[name]
        assert np.array_equal(short[name], part), name
    for name in ("light_stops", "exposure_stops"):
        moved = np.abs(short[name] - long[name][:, :4])
        # only flashes fall elsewhere
        assert ((moved == 0) | ((moved > 0.99) & (moved < 3.01))).all(), name
        assert (moved.max(1) > 0).mean() < 0.25, name


def test_without_flicker_every_frame_has_the_same_look() -> None:
    steady = draw_looks(range(64), 5, 0.0)
    assert not steady["light_stops"].any()
    for name in _PER_FRAME:
        assert np.array_equal(steady[name], np.repeat(steady[name][:, :1], 5, axis=1)), name


@pytest.mark.parametrize("frames", [2, 5])
def test_with_flicker_every_clip_changes_in_one_way_or_another(frames: int) -> None:
    changing = draw_looks(range(200), frames, 1.0)
    moves = {name: np.ptp(changing[name], axis=1).reshape(200, -1).max(1) for name in _PER_FRAME}
    assert (np.stack(list(moves.values())).max(0) > 1e-4).all()
    for name, move in moves.items():
        assert 0.2 < (move > 0).mean() < 0.8, name


def test_flicker_is_the_share_of_clips_that_change() -> None:
    drawn = draw_looks(range(400), 4, 0.3)
    changes = np.stack([np.ptp(drawn[n], axis=1).reshape(400, -1).max(1) for n in _PER_FRAME])
    assert 0.22 < (changes.max(0) > 0).mean() < 0.38


@pytest.mark.parametrize(("longest", "frames"), [(1, 2), (1, 8), (2, 2), (2, 8)])
def test_a_flash_raises_exactly_its_frames(longest: int, frames: int) -> None:
    places = set()
    for seed in range(200):
        stops = flash(Draw(np.random.default_rng(seed)), frames, longest)
        lit = np.flatnonzero(stops)
        assert 1 <= len(lit) <= min(longest, frames - 1)
        assert np.array_equal(lit, np.arange(lit[0], lit[0] + len(lit)))
        assert len(set(stops[lit])) == 1
        assert 1.0 <= stops[lit[0]] <= 3.0
        places.add(int(lit[0]))
    assert places == set(range(frames))


def test_tracks_move_and_stay_in_reach() -> None:
    for seed in range(200):
        for made in (track, lamps):
            stops = made(Draw(np.random.default_rng(seed)), 300)
            assert np.ptp(stops) > 0.0
            assert np.abs(stops).max() <= 3.0


def test_the_shutter_is_closed_at_once_in_most_clips() -> None:
    shutter = draw_looks(range(1000), 1, 0.0)["shutter"]
    assert 0.7 < (shutter == 0).mean() < 0.8
    assert shutter[shutter > 0].min() >= 0.2
    assert shutter.max() < 0.9


def test_most_clips_are_exposed_nearly_right_and_some_are_two_stops_off() -> None:
    stops = draw_looks(range(1000), 1, 0.0)["exposure_stops"][:, 0]
    assert np.abs(stops).max() <= 2.0
    assert 0.75 < (np.abs(stops) < 0.7).mean() < 0.9
    assert 0.02 < (stops > 1.2).mean() < 0.07
    assert 0.02 < (stops < -1.2).mean() < 0.07


def test_exposure_flicker_changes_frames_and_never_the_exposure_of_the_clip() -> None:
    grey = torch.full((128, 4, 3, 8, 8), 0.2)
    look = dataclasses.replace(looks(128, 4, 1.0), grain=torch.zeros(128))
    levels = develop(grey, torch.ones(128, 4, 8, 8), look).mean((2, 3, 4))
    brighter = look.exposure_stops[:, 1:] > look.exposure_stops[:, :-1] + 0.5
    assert bool(brighter.any())
    # a clip that is burnt out already can only stay so
    assert bool((levels[:, 1:] >= levels[:, :-1] - 1e-3)[brighter].all())
    rises = (levels[:, 1:] > levels[:, :-1] + 0.01)[brighter]
    assert float(rises.float().mean()) > 0.8


def test_a_frame_that_is_brighter_than_the_others_stays_so() -> None:
    light = torch.full((8, 3, 3, 16, 16), 0.2)
    light[:, 1] *= 1.5
    still = {"grain": torch.zeros(8), "exposure_stops": torch.full((8, 3), -0.5)}
    look = dataclasses.replace(looks(8, 3), **still)
    levels = develop(light, torch.ones(8, 3, 16, 16), look).mean((2, 3, 4))
    assert bool((levels[:, 1] > levels[:, 0] + 0.01).all())
    assert torch.allclose(levels[:, 0], levels[:, 2])


@pytest.mark.parametrize("size", [(48, 64), (37, 51), (8, 8)])
@pytest.mark.parametrize("gain", [0.0, 1.0, 100.0])
def test_pictures_stay_in_range_and_keep_their_shape(size: tuple[int, int], gain: float) -> None:
    light, disparity = made_light(24, 2)[..., : size[0], : size[1]], made_disparity(24, 2)
    look = looks(24, 2, 0.8)
    rgb = develop(light * gain, disparity[..., : size[0], : size[1]], look)
    assert rgb.shape == light.shape
    assert bool(rgb.isfinite().all())
    assert 0.0 <= float(rgb.min()) <= float(rgb.max()) <= 1.0


def test_a_clip_is_developed_alike_alone_and_in_a_batch() -> None:
    light, disparity = made_light(6, 2), made_disparity(6, 2)
    arrays = draw_looks(range(6), 2, 0.5)
    together = develop(light, disparity, Look.from_arrays(arrays, _CPU))
    one = {name: array[4:5] for name, array in arrays.items()}
    alone = develop(light[4:5], disparity[4:5], Look.from_arrays(one, _CPU))
    assert float(((together[4:5] - alone).abs() < 1e-4).float().mean()) > 0.999


def test_developing_leaves_the_light_and_the_disparity_as_they_were() -> None:
    light, disparity = made_light(2, 1), made_disparity(2, 1).clone()
    before = light.clone(), disparity.clone()
    develop(light, disparity, looks(2, 1))
    assert torch.equal(light, before[0])
    assert torch.equal(disparity, before[1])


def test_a_grey_look_is_grey_through_and_through() -> None:
    look = dataclasses.replace(
        looks(16, 1), saturation=torch.zeros(16), jpeg_quality=torch.linspace(0.0, 90.0, 16)
    )
    rgb = develop(made_light(16, 1), made_disparity(16, 1), look)
    assert float(rgb.std((3, 4)).min()) > 0.01
    assert torch.allclose(rgb, rgb.mean(2, keepdim=True).expand_as(rgb), atol=1e-5)


def test_mirroring_turns_picture_and_disparity_alike() -> None:
    light, disparity = made_light(8, 2), made_disparity(8, 2)
    look = looks(8, 2)
    assert 0 < float(look.flip.sum()) < 8
    for original in (light, disparity):
        turned = mirror(original, look)
        for which in range(8):
            expected = original[which].flip(-1) if look.flip[which] > 0 else original[which]
            assert torch.equal(turned[which], expected)


def test_every_grain_size_is_drawn() -> None:
    sizes = draw_looks(range(200), 1, 0.0)["grain_size"]
    assert set(sizes.tolist()) == set(range(len(GRAIN_SIGMA_PX)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_seed_is_developed_alike_on_the_gpu() -> None:
    arrays = draw_looks(range(32), 2, 0.5)
    light, disparity = made_light(32, 2), made_disparity(32, 2)
    here = develop(light, disparity, Look.from_arrays(arrays, _CPU))
    there = torch.device("cuda")
    look = Look.from_arrays(arrays, there)
    rgb = develop(light.to(there), disparity.to(there), look).cpu()
    assert float(((rgb - here).abs() < 0.02).float().mean()) > 0.99
