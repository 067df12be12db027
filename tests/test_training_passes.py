"""A clip through the network as training runs it is the network, frame by frame."""

from __future__ import annotations

import pytest
import torch
from golden import recipe, tiny
from torch import Tensor
from training_kit import network

from flashdepth_vfx.model import FlashDepthNet, TemporalState
from flashdepth_vfx.preprocess import network_input
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


def gradients(kind: str, piece_frames: int | None) -> tuple[dict[str, Tensor], int]:
    """Of a loss on all frames, by name; and how many bytes were held for them."""
    net = tiny.net(kind).train()
    if net.teacher_model is not None:
        net.teacher_model.requires_grad_(False)
    held: dict[int, int] = {}

    def hold(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    clip = torch.rand(2, 4, 3, 98, 112, generator=torch.Generator().manual_seed(1))
    with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        disparity, _ = predict(net, clip, piece_frames=piece_frames)
    weights = torch.rand(disparity.shape, generator=torch.Generator().manual_seed(2))
    torch.autograd.backward((disparity * weights).sum())
    named = {n: p.grad for n, p in net.named_parameters() if p.grad is not None}
    return named, sum(held.values()) - sum(p.nbytes for p in net.parameters())


@pytest.mark.parametrize("kind", ["s", "l", "full"])
@pytest.mark.parametrize("piece_frames", [1, 3])
def test_in_pieces_gradients_are_the_same_and_less_is_held(kind: str, piece_frames: int) -> None:
    whole, held = gradients(kind, None)
    pieces, held_of_pieces = gradients(kind, piece_frames)
    assert pieces.keys() == whole.keys()
    assert not any(name.startswith("teacher_model.") for name in whole)
    for name, gradient in whole.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(
            pieces[name], gradient, rtol=1e-4, atol=1e-4 * scale + 1e-7, msg=name
        )
    assert held_of_pieces < 0.5 * held


def test_under_autocast_disparity_is_float32_and_its_head_too(net: FlashDepthNet) -> None:
    seen = []
    for name in ("output_conv1", "output_conv2"):
        layer = net.get_submodule(f"depth_head.scratch.{name}")
        layer.register_forward_hook(lambda _m, _i, out: seen.append(out.dtype))
    clip = rgb(batch=1)
    with torch.autocast("cpu", torch.bfloat16):
        disparity, state = predict(net, clip, piece_frames=1)
    assert disparity.dtype == torch.float32
    assert seen
    assert set(seen) == {torch.float32}
    assert state is not None
    exact, _ = predict(net, clip)
    exact, disparity = exact.detach(), disparity.detach()
    assert float((disparity - exact).abs().max()) > 0.0, "the rest is in bfloat16"
    torch.testing.assert_close(disparity, exact, rtol=0.1, atol=0.1 * float(exact.abs().max()))
