"""The contract of every temporal module: what training, rendering and a state on disk rely on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from golden import tiny
from test_state import IDENTITY
from torch import Tensor

from flashdepth_vfx.model import FlashDepthNet, TemporalState
from flashdepth_vfx.model.temporal_config import TEMPORAL_KINDS, TemporalKind
from flashdepth_vfx.state import ShotState, load_state, save_state
from flashdepth_vfx.training.passes import predict, predict_frames

MODULES = [kind for kind in TEMPORAL_KINDS if kind != "none"]
every_kind = pytest.mark.parametrize("kind", TEMPORAL_KINDS)
every_module = pytest.mark.parametrize("kind", MODULES)
SIZE = (96, 160)


def frames(count: int) -> list[Tensor]:
    return [tiny.frame(*SIZE, seed=seed) for seed in range(count)]


def streamed(
    net: FlashDepthNet, given: list[Tensor], state: TemporalState | None = None
) -> tuple[list[Tensor], TemporalState | None]:
    out = []
    with torch.inference_mode():
        for frame in given:
            disparity, state = net(frame, state)
            out.append(disparity)
    return out, state


def on_disk(path: Path, state: TemporalState) -> TemporalState:
    """The same state, written by one process and read by another."""
    save_state(path, ShotState(state, 3, IDENTITY, "d" * 64, 2))
    return load_state(path).temporal


@every_kind
def test_a_shot_resumed_from_disk_equals_the_unbroken_one(
    kind: TemporalKind, tmp_path: Path
) -> None:
    """In another network with the same weights: nothing of the past is anywhere but in the state."""
    net, other = (tiny.net("nano", temporal=kind) for _ in range(2))
    unbroken, last = streamed(net, frames(5))
    _, middle = streamed(net, frames(5)[:2])
    assert middle is not None
    resumed, end = streamed(other, frames(5)[2:], on_disk(tmp_path / "state", middle))
    assert all(torch.equal(one, two) for one, two in zip(resumed, unbroken[2:], strict=True))
    assert end == last


@every_module
def test_the_state_matters_and_is_never_changed(kind: TemporalKind) -> None:
    net = tiny.net("nano", temporal=kind)
    _, state = streamed(net, frames(1))
    assert state is not None
    kept = state.clone()
    (remembered,), _ = streamed(net, frames(2)[1:], state)
    (afresh,), _ = streamed(net, frames(2)[1:])
    assert state == kept
    assert float((remembered - afresh).abs().max()) > 1e-3


@every_kind
def test_none_is_a_state_of_zeros(kind: TemporalKind) -> None:
    """A GPU's recording begins every shot with zeros."""
    net = tiny.net("nano", temporal=kind)
    zeros = TemporalState(tuple(torch.zeros(shape) for shape in net.state_shapes(1)))
    (first,), after = streamed(net, frames(1))
    (from_zeros,), after_zeros = streamed(net, frames(1), zeros)
    assert torch.equal(first, from_zeros)
    assert after == after_zeros


@every_kind
def test_a_clip_at_once_in_parts_and_frame_by_frame_are_one(kind: TemporalKind) -> None:
    """Training sees a clip at once, a render a frame at a time."""
    net = tiny.net("nano", temporal=kind)
    paths = torch.randn(2, 5, 16, 14, 22, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        whole, last = net.mamba.over_clip(paths, None)
        first, middle = net.mamba.over_clip(paths[:, :2], None)
        rest, end = net.mamba.over_clip(paths[:, 2:], middle)
        state: TemporalState | None = None
        single = []
        for path in paths.unbind(1):
            found, state = net.mamba(path, state)
            single.append(found)
    for other in (torch.cat((first, rest), 1), torch.stack(single, 1)):
        torch.testing.assert_close(other, whole, atol=2e-5, rtol=1e-4)
    assert state is not None
    for one, two, three in zip(last.tensors, end.tensors, state.tensors, strict=True):
        torch.testing.assert_close(two, one, atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(three, one, atol=2e-5, rtol=1e-4)


@every_kind
@torch.no_grad()
def test_an_untrained_module_is_the_network_of_single_frames(kind: TemporalKind) -> None:
    """So that training begins from what stage one has left, whatever the module."""
    net = FlashDepthNet(tiny.config("nano", temporal=kind)).eval()
    alone = FlashDepthNet(tiny.config("nano", temporal="none")).eval()
    alone.load_state_dict({n: net.state_dict()[n] for n in alone.state_dict()}, strict=True)
    one, _ = streamed(net, frames(3))
    two, _ = streamed(alone, frames(3))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    rgb = torch.rand(1, 3, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(predict(net, rgb)[0], predict_frames(net, rgb), atol=1e-5, rtol=1e-5)


@every_module
def test_gradients_flow_through_the_state_until_it_is_detached(kind: TemporalKind) -> None:
    net = tiny.net("nano", temporal=kind)
    first = tiny.frame(*SIZE).requires_grad_()
    _, state = net(first)
    later, _ = net(tiny.frame(*SIZE, seed=1), state)
    (gradient,) = torch.autograd.grad(later.mean(), first)
    assert bool(gradient.isfinite().all())
    assert float(gradient.abs().max()) > 0
    _, state = net(first)
    cut, _ = net(tiny.frame(*SIZE, seed=1), state.detach())
    (nothing,) = torch.autograd.grad(cut.mean(), first, allow_unused=True)
    assert nothing is None


@every_module
def test_every_weight_of_a_module_learns(kind: TemporalKind) -> None:
    net = tiny.net("nano", temporal=kind)
    rgb = torch.rand(1, 3, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    torch.autograd.backward(predict(net, rgb)[0].sum())
    still = [
        name
        for name, parameter in net.mamba.named_parameters()
        if parameter.grad is None or not bool(parameter.grad.abs().max() > 0)
    ]
    assert not still


@every_kind
def test_a_state_has_one_size_whatever_the_resolution_and_the_length(kind: TemporalKind) -> None:
    net = tiny.net("nano", temporal=kind)
    _, state = streamed(net, frames(3))
    _, after = streamed(net, [tiny.frame(128, 224)], state)
    shapes = net.state_shapes(1)
    for found in (state, after):
        assert found is not None
        assert tuple(tuple(tensor.shape) for tensor in found.tensors) == shapes
        assert {tensor.dtype for tensor in found.tensors} <= {torch.float32}


@every_kind
def test_half_precision_keeps_the_state_in_float32(kind: TemporalKind) -> None:
    net = tiny.net("nano", temporal=kind)
    (exact,), _ = streamed(net, frames(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (disparity,), state = streamed(net, frames(1))
    assert state is not None
    assert {tensor.dtype for tensor in state.tensors} <= {torch.float32}
    assert float((disparity - exact).abs().max()) < 0.5 * float(exact.abs().max())


@every_kind
@pytest.mark.parametrize("path", [1, 2, 3, 4])
def test_a_module_acts_on_the_path_that_it_is_placed_on(kind: TemporalKind, path: int) -> None:
    config = tiny.config("nano").with_temporal(kind, path)
    net = tiny.filled(FlashDepthNet(config, scan="torch").eval())
    given = frames(2)
    with torch.inference_mode():
        acted_on, _ = net.before(given[0])
    # the coarsest has one pixel to sixteen of the frame
    assert acted_on.shape[-2:] == (SIZE[0] * 2 ** (4 - path) // 16, SIZE[1] * 2 ** (4 - path) // 16)
    (_, later), _ = streamed(net, given)
    (afresh,), _ = streamed(net, given[1:])
    assert torch.equal(later, afresh) == (kind == "none")
