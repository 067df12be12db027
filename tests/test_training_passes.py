"""A clip through the network as training runs it is the network, frame by frame."""

from __future__ import annotations

import pytest
import torch
from golden import recipe
from torch import Tensor
from training_kit import network

from flashdepth_vfx.model import FlashDepthNet, TemporalState
from flashdepth_vfx.training.data import network_input
from flashdepth_vfx.training.passes import predict, predict_frames


def rgb(frames: int = 4, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, frames, 3, 64, 96, generator=generator)


@pytest.fixture
def net() -> FlashDepthNet:
    """A nano whose temporal module has an effect."""
    made = network().eval()
    with torch.no_grad():
        for name, parameter in made.mamba.named_parameters():
            parameter.copy_(torch.from_numpy(recipe.weight(name, tuple(parameter.shape))))
    return made


@torch.no_grad()
def frame_by_frame(net: FlashDepthNet, clip: Tensor) -> Tensor:
    state: TemporalState | None = None
    frames = []
    for frame in network_input(clip).unbind(1):
        disparity, state = net(frame, state)
        frames.append(disparity)
    return torch.stack(frames, 1)


@torch.no_grad()
def test_a_clip_at_once_equals_the_network_frame_by_frame(net: FlashDepthNet) -> None:
    clip = rgb()
    given, _ = predict(net, clip)
    wanted = frame_by_frame(net, clip)
    torch.testing.assert_close(given, wanted, rtol=1e-4, atol=1e-4)
    assert given.shape == (2, 4, 64, 96)
    per_frame = predict_frames(net, clip)
    assert float((per_frame - wanted).abs().max()) > 1e-2, "the temporal module has an effect"


@torch.no_grad()
def test_a_clip_in_two_parts_equals_the_whole(net: FlashDepthNet) -> None:
    clip = rgb(frames=5)
    whole, end = predict(net, clip)
    first, state = predict(net, clip[:, :2])
    second, last = predict(net, clip[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-4, atol=1e-4)
    assert end is not None
    assert last is not None
    for one, two in zip(end.tensors, last.tensors, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)
    forgotten, _ = predict(net, clip[:, 2:])
    assert float((forgotten - second).abs().max()) > 1e-3


@torch.no_grad()
def test_frames_by_themselves_do_not_know_each_other(net: FlashDepthNet) -> None:
    clip = rgb()
    whole = predict_frames(net, clip)
    for number in range(4):
        alone = predict_frames(net, clip[:, number : number + 1])
        torch.testing.assert_close(whole[:, number : number + 1], alone, rtol=1e-4, atol=1e-4)
    other = clip.clone()
    other[:, 0] = 0.0
    torch.testing.assert_close(predict_frames(net, other)[:, 1:], whole[:, 1:])


@torch.no_grad()
def test_a_new_temporal_module_has_no_effect() -> None:
    net = network().eval()
    clip = rgb()
    with_it, state = predict(net, clip)
    torch.testing.assert_close(with_it, predict_frames(net, clip), rtol=1e-4, atol=1e-4)
    assert state is not None
    assert all(bool(part.any()) for part in state.tensors), "though it remembers"


def test_gradients_pass_from_the_last_frame_to_the_first(net: FlashDepthNet) -> None:
    clip = rgb(frames=3, batch=1).requires_grad_(True)
    torch.autograd.backward(predict(net, clip)[0][:, -1].sum())
    assert clip.grad is not None
    assert bool((clip.grad[0].flatten(1).abs().sum(1) > 0).all())


def test_gradients_stop_at_a_state_that_was_detached(net: FlashDepthNet) -> None:
    first = rgb(frames=2, batch=1).requires_grad_(True)
    _, state = predict(net, first)
    assert state is not None
    torch.autograd.backward(predict(net, rgb(frames=2, batch=1), state.detach())[0].sum())
    assert first.grad is None
