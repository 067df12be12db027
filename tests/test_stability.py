"""The stabiliser: flicker of scale and offset goes, what is real stays, and its memory is the shot's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from render_kit import Probe, RenderKit, run, run_with
from torch import Tensor

from flashdepth_vfx import RenderSettings
from flashdepth_vfx.errors import OutputExistsError, StateMismatchError
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.model import TemporalState
from flashdepth_vfx.stability import MEMORY, steadied
from flashdepth_vfx.state import load_state

SIZE = (72, 128)
SKY = 6


def picture(seed: int, shift: int = 0) -> Tensor:
    """`(1, 3, h, w)` as the network sees it: texture that no grain makes, moved by some pixels."""
    noise = torch.randn(1, 1, 18, 32, generator=torch.Generator().manual_seed(seed))
    large = torch.nn.functional.interpolate(noise, size=SIZE, mode="bicubic")
    return large.roll(shift, -1).expand(1, 3, *SIZE).contiguous()


def scene(seed: int = 0) -> Tensor:
    """`(h, w)` disparity from about 2 to 20, with sky above."""
    noise = torch.rand(1, 1, 6, 8, generator=torch.Generator().manual_seed(seed))
    disparity = 2 + 18 * torch.nn.functional.interpolate(noise, size=SIZE, mode="nearest")[0, 0]
    disparity[:SKY] = 0.0
    return disparity


def put_on(disparity: Tensor, scale: float, offset: float) -> Tensor:
    """A frame's flicker; the sky has none."""
    moved = disparity * scale + offset
    return torch.where(disparity > 0, moved, disparity)


def steady(frames: list[tuple[Tensor, Tensor]], memory: str = "") -> list[Tensor]:
    found = []
    for disparity, pixels in frames:
        out, memory = steadied(disparity, pixels, memory)
        found.append(out)
    return found


def flicker(count: int, seed: int = 0) -> list[tuple[float, float]]:
    rng = np.random.default_rng(seed)
    return [(float(np.exp(rng.normal(0, 0.04))), float(rng.normal(0, 0.2))) for _ in range(count)]


def unrest(frames: list[Tensor]) -> float:
    """Mean change from frame to frame, of the mean."""
    stack = torch.stack(frames)
    return float((stack[1:] - stack[:-1]).abs().mean() / stack.mean())


def test_flicker_of_a_still_picture_goes() -> None:
    truth, pixels = scene(), picture(1)
    frames = [(put_on(truth, *each), pixels) for each in flicker(30)]
    before, after = unrest([d for d, _ in frames][5:]), unrest(steady(frames)[5:])
    assert after < 0.2 * before


def test_flicker_of_a_camera_that_moves_in_goes_and_the_move_stays() -> None:
    truth, count = scene(), 40
    growth = [1.01**index for index in range(count)]
    frames = [
        (put_on(truth * grown, *each), picture(index))
        for index, (grown, each) in enumerate(zip(growth, flicker(count), strict=True))
    ]
    exact = [truth * grown for grown in growth]

    def away(found: list[Tensor]) -> float:
        pairs = zip(found[15:], exact[15:], strict=True)
        return float(np.mean([float((f / e)[SKY:].log().abs().mean()) for f, e in pairs]))

    assert away(steady(frames)) < 0.75 * away([d for d, _ in frames])


def test_a_camera_that_moves_in_is_followed() -> None:
    truth = scene()
    frames = [(truth * 1.01**index, picture(index)) for index in range(80)]
    for out, (disparity, _) in list(zip(steady(frames), frames, strict=True))[40:]:
        assert torch.allclose(out, disparity, rtol=0.012)


def test_a_thing_that_enters_changes_nothing_else() -> None:
    truth = scene()
    frames = []
    for index in range(20):
        disparity, pixels = truth.clone(), picture(1).clone()
        disparity[20:60, : 3 * index] = 40.0
        pixels[..., 20:60, : 3 * index] = 1.5
        frames.append((disparity, pixels))
    for out, (disparity, _) in zip(steady(frames), frames, strict=True):
        assert torch.allclose(out, disparity, rtol=0.02)


def test_parts_that_each_go_their_own_way_are_let_through() -> None:
    """A camera that moves sideways: at one place now this is seen, now that."""
    frames = [(scene(index), picture(index)) for index in range(10)]
    for out, (disparity, _) in zip(steady(frames), frames, strict=True):
        assert torch.allclose(out, disparity, rtol=0.01)


def test_a_change_that_lasts_is_let_in() -> None:
    truth, pixels = scene(), picture(1)
    frames = [(truth, pixels)] * 5 + [(truth * 1.1, pixels)] * 300
    assert torch.allclose(steady(frames)[-1], truth * 1.1, rtol=0.005)


def test_depth_that_jumps_with_a_flash_comes_back_as_it_was() -> None:
    truth, pixels = scene(), picture(1)
    bright = pixels * 1.5 + 1.0
    frames = [(truth, pixels)] * 8 + [(truth * 1.2, bright)] * 2 + [(truth, pixels)] * 8
    found = steady(frames)
    assert torch.allclose(found[8], truth, rtol=0.05)
    assert torch.allclose(found[-1], truth, rtol=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_order_sky_and_edges_are_those_of_the_frame(seed: int) -> None:
    frames = [(put_on(scene(), *each), picture(seed)) for each in flicker(6, seed)]
    for out, (disparity, _) in zip(steady(frames), frames, strict=True):
        assert bool((out[:SKY] == 0).all())
        assert len(out.unique()) == len(disparity.unique()), "as many depths, and none between two"
        order = disparity.flatten().argsort(stable=True)
        assert bool((out.flatten()[order].diff() >= 0).all())
        assert float((out / disparity)[SKY:].max()) <= 1.2501
        assert float((disparity / out)[SKY:].max()) <= 1.2501


def test_a_frame_of_sky_alone_is_left_as_it_is() -> None:
    nothing, pixels = torch.zeros(SIZE), picture(1)
    found = steady([(scene(), pixels), (nothing, pixels), (scene(), pixels)])
    assert torch.equal(found[1], nothing)
    assert all(bool(torch.isfinite(out).all()) for out in found)


class Flickering(Probe):
    """Its disparity flickers with the number of the frame, which its state counts."""

    def forward(self, pixels: Tensor, state: TemporalState | None) -> tuple[Tensor, TemporalState]:
        disparity, after = super().forward(pixels, state)
        scale = 1.0 + 0.1 * (int(after.tensors[0]) % 2)
        return (disparity * 5 + 2) * scale, after


@pytest.fixture
def still(kit: RenderKit) -> tuple[RenderKit, str]:
    """Eight plates of one picture."""
    pattern = kit.shot([1])
    for frame in range(2, 9):
        path = Path(pattern.replace("####", f"{frame:04d}"))
        path.write_bytes(Path(pattern.replace("####", "0001")).read_bytes())
    return kit, pattern


def equal(one: dict[int, Any], two: dict[int, Any]) -> bool:
    return one.keys() == two.keys() and all(np.array_equal(one[f], two[f]) for f in one)


def test_it_is_off_unless_asked_for(still: tuple[RenderKit, str]) -> None:
    kit, plates = still
    assert not RenderSettings().stabilise
    run_with(Flickering(), kit.job(plates))
    run_with(Flickering(), kit.job(plates, "on/shot.####.exr", stabilise=True))
    off, on = kit.depths(), kit.depths("on/shot.####.exr")
    assert np.array_equal(off[1], on[1])
    assert np.abs(on[8] - on[7]).mean() < 0.2 * np.abs(off[8] - off[7]).mean()
    assert read_headers(kit.path(2))[0]["flashdepth/stabilised"] == "none"
    assert read_headers(kit.path(2, "on/shot.####.exr"))[0]["flashdepth/stabilised"] == "affine/1"


def test_handed_on_and_resumed_it_is_as_unbroken(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, "off/shot.####.exr"))
    run(kit.job(plates, stabilise=True))
    assert not np.array_equal(kit.depths()[8], kit.depths("off/shot.####.exr")[8])
    one = "two/shot.####.exr"
    run(kit.job(plates, one, frames="1-4", state_out="s", stabilise=True))
    run(kit.job(plates, one, frames="5-8", state_in="s", stabilise=True))
    assert equal(kit.depths(), kit.depths(one))
    again, settings = "three/shot.####.exr", {"stabilise": True, "checkpoint_interval_frames": 2}
    run(kit.job(plates, again, frames="1-5", **settings))
    run(kit.job(plates, again, resume=True, **settings))
    assert equal(kit.depths(), kit.depths(again))
    assert set(json.loads(load_state(kit.folder / "s").decisions[MEMORY])) >= {"cells", "held"}


def test_a_cut_forgets(still: tuple[RenderKit, str]) -> None:
    kit, plates = still
    (kit.folder / "cuts.txt").write_text("5\n")
    job = kit.job(plates, stabilise=True, cuts=str(kit.folder / "cuts.txt"))
    run_with(Flickering(), job)
    found = kit.depths()
    assert np.array_equal(found[5], found[1])
    assert np.array_equal(found[6], found[2])


def test_frames_and_states_of_the_other_kind_are_refused(still: tuple[RenderKit, str]) -> None:
    kit, plates = still
    run(kit.job(plates, frames="1-2", state_out="s"))
    with pytest.raises(OutputExistsError, match="stabilised none, not affine/1"):
        run(kit.job(plates, frames="1-2", stabilise=True))
    with pytest.raises(StateMismatchError, match="stabilised"):
        run(kit.job(plates, "b/shot.####.exr", frames="3", state_in="s", stabilise=True))
