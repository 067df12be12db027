"""Laws of the network: what it accepts, what it gives, and how its state travels."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from golden import tiny

from flashdepth_vfx.model import FlashDepthNet, TemporalState
from flashdepth_vfx.model.decoder import FeatureFusion
from flashdepth_vfx.model.steps import resize_bilinear

every_kind = pytest.mark.parametrize("kind", tiny.KINDS)
SIZES = {"s": (98, 140), "l": (98, 140), "full": (98, 140), "nano": (96, 160)}


@every_kind
def test_disparity_is_float32_at_the_frame_s_size_and_never_negative(kind: str) -> None:
    net, (height, width) = tiny.net(kind), SIZES[kind]
    frame = tiny.frame(height, width, batch=2)
    with torch.inference_mode():
        disparity, state = net(frame, None)
        net.get_submodule("depth_head.scratch.output_conv2.2").bias.fill_(-50.0)
        darkest, _ = net(frame, None)
    assert disparity.shape == (2, height, width)
    assert disparity.dtype == torch.float32
    assert disparity.std() > 1e-3
    assert (darkest == 0).all()
    assert tuple(tuple(ssm.shape) for ssm in state.tensors) == net.state_shapes(2)
    assert all(ssm.dtype == torch.float32 for ssm in state.tensors)


@every_kind
def test_a_batch_equals_its_frames_alone(kind: str) -> None:
    net, (height, width) = tiny.net(kind), SIZES[kind]
    frames = [tiny.frame(height, width, batch=2, seed=seed) for seed in range(2)]
    with torch.inference_mode():
        _, state = net(frames[0])
        together, _ = net(frames[1], state)
        for item in range(2):
            _, state = net(frames[0][item : item + 1])
            alone, _ = net(frames[1][item : item + 1], state)
            torch.testing.assert_close(alone[0], together[item], atol=1e-5, rtol=1e-5)


@every_kind
def test_portrait_and_smallest_sizes_are_accepted(kind: str) -> None:
    net, least = tiny.net(kind), tiny.config(kind).min_side_px
    step = tiny.config(kind).multiple
    with torch.inference_mode():
        for height, width in ((least + 2 * step, least), (least, least)):
            disparity, _ = net(tiny.frame(height, width))
            assert disparity.shape == (1, height, width)


@every_kind
def test_a_size_that_does_not_fit_is_named(kind: str) -> None:
    net, config = tiny.net(kind), tiny.config(kind)
    least, step = config.min_side_px, config.multiple
    with pytest.raises(ValueError, match=f"{least + 1}x{least} is not a multiple of {step}"):
        net(tiny.frame(least, least + 1))
    with pytest.raises(ValueError, match=f"{least}x{least - step} is too small.* {least} pixels"):
        net(tiny.frame(least - step, least))


def test_a_frame_that_is_not_one_is_refused() -> None:
    net = tiny.net("s")
    for wrong in (
        torch.zeros(3, 98, 98),
        torch.zeros(1, 4, 98, 98),
        torch.zeros(1, 3, 98, 98).int(),
    ):
        with pytest.raises(ValueError, match="a frame is"):
            net(wrong)


@every_kind
def test_the_state_matters_and_is_never_changed(kind: str) -> None:
    net, (height, width) = tiny.net(kind), SIZES[kind]
    with torch.inference_mode():
        _, state = net(tiny.frame(height, width, seed=1))
        before = state.clone()
        frame = tiny.frame(height, width, seed=2)
        with_state, after = net(frame, state)
        again, after_again = net(frame, state)
        afresh, _ = net(frame, None)
    assert state == before
    assert torch.equal(with_state, again)
    assert after == after_again
    assert (with_state - afresh).abs().max() > 1e-3


@every_kind
def test_none_is_a_state_of_zeros(kind: str) -> None:
    net, (height, width) = tiny.net(kind), SIZES[kind]
    zeros = TemporalState(tuple(torch.zeros(shape) for shape in net.state_shapes(1)))
    with torch.inference_mode():
        first, _ = net(tiny.frame(height, width))
        from_zeros, _ = net(tiny.frame(height, width), zeros)
    assert torch.equal(first, from_zeros)


@every_kind
def test_resumed_stream_equals_unbroken_stream(kind: str) -> None:
    """Also in another network with the same weights: nothing of the past is anywhere but in the
    state.
    """
    net, (height, width) = tiny.net(kind), SIZES[kind]
    frames = [tiny.frame(height, width, seed=seed) for seed in range(4)]
    with torch.inference_mode():
        state = None
        for frame in frames:
            unbroken, state = net(frame, state)
        middle = None
        for frame in frames[:2]:
            _, middle = net(frame, middle)
        assert middle is not None
        kept, other = middle.detach().cpu().clone(), tiny.net(kind)
        other.load_state_dict(net.state_dict(), strict=True)
        for frame in frames[2:]:
            resumed, kept = other(frame, kept)
    assert torch.equal(resumed, unbroken)
    assert kept == state


@every_kind
def test_the_state_passes_a_change_of_resolution(kind: str) -> None:
    net, (height, width) = tiny.net(kind), SIZES[kind]
    step = net.config.multiple
    with torch.inference_mode():
        _, state = net(tiny.frame(height, width))
        disparity, after = net(tiny.frame(height + step, width - step), state)
    assert disparity.shape == (1, height + step, width - step)
    assert [ssm.shape for ssm in after.tensors] == [ssm.shape for ssm in state.tensors]


@every_kind
def test_gradients_flow_through_the_state(kind: str) -> None:
    net, (height, width) = tiny.net(kind), SIZES[kind]
    first = tiny.frame(height, width).requires_grad_()
    _, state = net(first)
    second, _ = net(tiny.frame(height, width, seed=1), state)
    (gradient,) = torch.autograd.grad(second.mean(), first)
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0
    _, state = net(first)
    cut, _ = net(tiny.frame(height, width, seed=1), state.detach())
    assert torch.autograd.grad(cut.mean(), first, allow_unused=True) == (None,)


def test_a_state_that_does_not_fit_is_refused_with_what_differs() -> None:
    net, frame = tiny.net("s"), tiny.frame(98, 98)
    _, state = net(frame)
    with pytest.raises(ValueError, match="does not fit"):
        net(tiny.frame(98, 98, batch=2), state)
    with pytest.raises(ValueError, match="does not fit"):
        net(frame, TemporalState(state.tensors[:1]))
    with pytest.raises(ValueError, match=r"float32, not torch\.float16"):
        net(frame, TemporalState(tuple(ssm.half() for ssm in state.tensors)))
    with pytest.raises(ValueError, match="on meta and the frame on cpu"):
        net(frame, state.to("meta"))


def test_states_are_values() -> None:
    state = TemporalState((torch.ones(2), torch.zeros(3)))
    copy = state.clone()
    assert state == copy
    copy.tensors[0][0] = 5
    assert state != copy
    assert state != TemporalState(state.tensors[:1])
    assert state != state.to("meta")
    assert state != "state"
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.tensors = ()  # type: ignore[misc]


@every_kind
def test_an_untrained_temporal_module_changes_nothing(kind: str) -> None:
    torch.manual_seed(0)
    net = FlashDepthNet(tiny.config(kind)).eval()
    height, width = SIZES[kind]
    frame = tiny.frame(height, width)
    with torch.inference_mode():
        _, state = net(tiny.frame(height, width, seed=1))
        assert torch.equal(net(frame)[0], net(frame, state)[0])


def test_half_precision_changes_nothing_from_path_1_on() -> None:
    decoder = tiny.net("s").depth_head.to(torch.bfloat16)
    path = tiny.frame(56, 80).repeat(1, 6, 1, 1)[:, :16].to(torch.bfloat16)
    with torch.inference_mode():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = decoder.head(path, (98, 140))
        exact = decoder.float().head(path.float(), (98, 140))
    assert torch.equal(half, exact)


@every_kind
@pytest.mark.parametrize("how", ["autocast", "half weights"])
def test_half_precision_keeps_head_and_state_in_float32(kind: str, how: str) -> None:
    net, (height, width) = tiny.net(kind), SIZES[kind]
    frame = tiny.frame(height, width)
    with torch.inference_mode():
        exact, _ = net(frame)
        if how == "half weights":
            net = net.to(torch.bfloat16)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=how == "autocast"):
            disparity, state = net(frame)
            disparity, state = net(frame, state)
    assert disparity.dtype == torch.float32
    assert all(ssm.dtype == torch.float32 for ssm in state.tensors)
    # A bfloat16 head would give values that bfloat16 holds exactly.
    assert (disparity != disparity.bfloat16().float()).float().mean() > 0.9
    assert (disparity - exact).abs().max() < 0.5 * exact.abs().max()


UNUSED = (
    "mask_token",
    "refinenet4.resConfUnit1",
    "1.context_proj",
    "2.context_proj",
    "3.context_proj",
)
UNUSED_TEACHER = ("projects.0", "projects.1", "projects.2", "resize_layers.0", "resize_layers.1")
UNUSED_TEACHER_SCRATCH = (
    "layer1_rn",
    "layer2_rn",
    "layer3_rn",
    "refinenet1",
    "refinenet2",
    "refinenet3",
    "output_conv",
)


def test_weights_that_are_never_used_are_never_read() -> None:
    net, frame = tiny.net("full"), tiny.frame(98, 140)
    teacher = tuple(f"teacher_model.depth_head.{name}" for name in UNUSED_TEACHER)
    teacher += tuple(f"teacher_model.depth_head.scratch.{name}" for name in UNUSED_TEACHER_SCRATCH)
    with torch.inference_mode():
        expected, _ = net(frame)
        poisoned = 0
        for name, weight in net.named_parameters():
            if name.startswith(teacher) or any(part in name for part in UNUSED):
                weight.fill_(torch.nan)
                poisoned += 1
        got, _ = net(frame)
    assert poisoned > 50
    assert torch.equal(got, expected)


def test_one_by_one_convolution_commutes_with_the_resize() -> None:
    torch.manual_seed(0)
    fuse = FeatureFusion(8).double()
    x, skip = torch.randn(2, 1, 8, 5, 7, dtype=torch.float64)
    summed = fuse.resConfUnit2(x + fuse.resConfUnit1(skip))
    expected = fuse.out_conv(resize_bilinear(summed, (9, 14)))
    torch.testing.assert_close(fuse(x, skip, (9, 14)), expected, atol=1e-12, rtol=1e-12)
