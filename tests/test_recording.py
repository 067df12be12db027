"""A recorded frame is the frame itself, and the state outside stays a value."""

from __future__ import annotations

import copy

import pytest
import torch
from golden import tiny

from flashdepth_vfx.model import FlashDepthNet, TemporalState
from flashdepth_vfx.recording import Recording, all_finite
from flashdepth_vfx.runner import FrameRunner

on_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
SIZE = {"nano": (96, 128)}


def net_and_frames(kind: str) -> tuple[FlashDepthNet, list[torch.Tensor]]:
    net = tiny.net(kind).cuda().to(memory_format=torch.channels_last)
    height, width = SIZE.get(kind, (84, 140))
    return net, [tiny.frame(height, width, seed=seed).cuda() for seed in range(4)]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_one_number_that_is_none_is_found(wrong: float) -> None:
    good = torch.ones(3, 4)
    bad = good.clone()
    bad[1, 2] = wrong
    assert bool(all_finite(good, good))
    assert not bool(all_finite(good, bad))


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
class TestOnAGpu:
    pytestmark = on_gpu

    def test_played_equals_called(self, kind: str, precision: str) -> None:
        net, frames = net_and_frames(kind)
        called = copy.deepcopy(net)
        runner = FrameRunner(net, precision)  # type: ignore[arg-type]
        FrameRunner(called, precision)  # type: ignore[arg-type]
        one: TemporalState | None = None
        other: TemporalState | None = None
        with torch.inference_mode():
            for frame in frames:
                played, one = runner(frame, one)
                expected, other = called(frame, other)
                assert torch.equal(played, expected)
                assert one == other

    def test_shots_in_turn_do_not_touch_each_other(self, kind: str, precision: str) -> None:
        net, frames = net_and_frames(kind)
        runner = FrameRunner(net, precision)  # type: ignore[arg-type]
        with torch.inference_mode():
            first, after_first = runner(frames[0], None)
            kept, kept_state = first.clone(), after_first.clone()
            alone, _ = runner(frames[1], after_first)
            _, other = runner(frames[2], None)
            runner(frames[3], other)
            again, _ = runner(frames[1], after_first)
        assert torch.equal(first, kept)
        assert after_first == kept_state
        assert torch.equal(alone, again)

    def test_another_size_is_recorded_anew(self, kind: str, precision: str) -> None:
        net, frames = net_and_frames(kind)
        runner = FrameRunner(net, precision)  # type: ignore[arg-type]
        with torch.inference_mode():
            before, _ = runner(frames[0], None)
            wider = torch.cat((frames[1], frames[2]), dim=-1)
            disparity, _ = runner(wider, None)
            assert disparity.shape[-1] == wider.shape[-1]
            assert torch.equal(before, runner(frames[0], None)[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_state_that_came_back_from_disk_is_the_state() -> None:
    net, frames = net_and_frames("s")
    with torch.inference_mode():
        recording = Recording(net, frames[0])
        _, state, _ = recording.play(frames[0], None)
        went_on, _, _ = recording.play(frames[1], state)
        recording.play(frames[2], None)
        resumed, _, _ = recording.play(frames[1], state.cpu().to("cuda"))
    assert torch.equal(went_on, resumed)
