"""One seed, one picture, on the GPU too: the kernel against the plain version, and the pictures against the CPU's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scene_kit import CPU, made_scene, paint

from flashdepth_vfx.training.data import DataSettings, held_out
from flashdepth_vfx.training.scenes import Scene, draw_scenes, render
from flashdepth_vfx.training.scenes.draw import Draw
from flashdepth_vfx.training.scenes.hit_kernel import kernel_is_there
from flashdepth_vfx.training.scenes.parts import cutout
from flashdepth_vfx.training.scenes.shell import rays
from flashdepth_vfx.training.scenes.solids import MISS, Solids, first_hit
from flashdepth_vfx.training.scenes.textures import Mask
from flashdepth_vfx.training.scenes.views import views_at

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

_SIZE = (48, 64)


def hits(scene: Scene) -> tuple[torch.Tensor, torch.Tensor]:
    """Depth and slot of every ray of the first frame, where the scene is; then of rays from what those met."""
    zero = torch.zeros(scene.batch, device=scene.eye_m.device)
    view = views_at(scene, torch.arange(scene.batch, device=zero.device), zero, zero)
    solids = Solids(view["to_unit"], view["centre_m"], view["mask"], view["used"])
    direction = rays(view["eye_turn"], view["focal_ratio"] * _SIZE[1], *_SIZE)
    eye = view["eye_m"][:, None]
    depth, slot = first_hit(solids, eye, direction, 1e-3)
    # an origin for each ray, as shadows have: a metre along it, and up
    lifted = eye + direction
    up = torch.zeros_like(direction)
    up[..., 1] = 1.0
    above, over = first_hit(solids, lifted, up, 1e-3)
    return torch.cat([depth, above]), torch.cat([slot, over])


def on_gpu(scene: Scene) -> Scene:
    moved = {f.name: getattr(scene, f.name).cuda() for f in dataclasses.fields(Scene)}
    return Scene(**moved)


def assert_same_hits(scene: Scene) -> None:
    (plain, slot), (kernel, found) = hits(scene), hits(on_gpu(scene))
    kernel, found = kernel.cpu(), found.cpu()
    assert found.dtype == slot.dtype
    met = (plain < MISS / 2) & (kernel < MISS / 2)
    assert float(met.float().mean()) > 0.05
    # rays that graze an edge fall on either side of it
    assert float(((plain < MISS / 2) == (kernel < MISS / 2)).float().mean()) > 0.999
    assert float((slot == found)[met].float().mean()) > 0.999
    assert float(torch.isclose(plain, kernel, rtol=1e-4)[met].float().mean()) > 0.999


def test_the_kernel_finds_what_the_plain_version_finds() -> None:
    assert kernel_is_there(), "PyTorch's CUDA builds bring Triton"
    assert_same_hits(Scene.from_arrays(draw_scenes(range(64), 1), CPU))


@pytest.mark.parametrize("mask", Mask)
def test_the_kernel_cuts_every_mask_as_the_plain_version(mask: Mask) -> None:
    draw = Draw(np.random.default_rng(int(mask)))
    flats = []
    for _ in range(24):
        far = draw.between(1.0, 8.0)
        place = (draw.between(-far, far), draw.between(-far, far), far)
        cut = (int(mask), draw.count(2, 12), draw.count(0, 1 << 20))
        flats.append(cutout(place, (far / 3, far / 4), paint(), draw.any_rotation(), cut))
    assert_same_hits(made_scene(flats))


@pytest.mark.parametrize("compiled", [False, True])
def test_a_seed_gives_the_same_clip_on_the_gpu(compiled: bool) -> None:
    arrays = draw_scenes(range(16), 2)
    shutter = torch.linspace(0.0, 0.5, 16)
    cpu = render(Scene.from_arrays(arrays, CPU), *_SIZE, shutter=shutter)
    scene = Scene.from_arrays(arrays, torch.device("cuda"))
    gpu = render(scene, *_SIZE, shutter=shutter.cuda(), compiled=compiled)
    depth = gpu.disparity_100_per_m.cpu()
    close = torch.isclose(depth, cpu.disparity_100_per_m, rtol=1e-3, atol=1e-4)
    assert float(close.float().mean()) > 0.998
    assert float((gpu.slot.cpu() == cpu.slot).float().mean()) > 0.998
    assert float((gpu.still.cpu() == cpu.still).float().mean()) > 0.998
    assert torch.allclose(gpu.eye_m.cpu(), cpu.eye_m, atol=1e-5)
    near = (gpu.rgb_linear.cpu() - cpu.rgb_linear).abs() < 0.02
    assert float(near.float().mean()) > 0.99


def test_held_out_clips_are_the_same_on_the_gpu() -> None:
    settings = DataSettings(seed=0, clips=8, frames=2, height_px=48, width_px=64, flicker=0.5)
    cpu, gpu = held_out(settings, CPU), held_out(settings, torch.device("cuda"))
    near = (gpu.rgb.cpu() - cpu.rgb).abs() < 0.02
    assert float(near.float().mean()) > 0.99
