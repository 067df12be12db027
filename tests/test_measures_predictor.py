"""A network as a predictor: the network's own way, frame by frame, at the renderer's working size."""

from __future__ import annotations

import pytest
import torch
from golden import tiny
from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.measures.predictor import (
    canvas_of,
    network_predictor,
    predict_frame,
    rendered_by,
)
from flashdepth_vfx.preprocess import guide_of, network_input, to_network
from flashdepth_vfx.settings import Upsampling
from flashdepth_vfx.upsample import bilinear, guided


def _take(frames: int, height: int = 96, width: int = 128) -> Tensor:
    return torch.rand(frames, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_at_its_own_size_a_take_is_what_the_network_says() -> None:
    net, take = tiny.net("nano"), _take(3)
    wanted, state = [], None
    with torch.inference_mode():
        for frame in network_input(take):
            disparity, state = net(frame[None], state)
            wanted.append(disparity[0])
    found = network_predictor(net, 128)(take)
    torch.testing.assert_close(found, torch.stack(wanted), atol=1e-5, rtol=1e-5)


def test_the_state_passes_from_frame_to_frame_and_not_from_take_to_take() -> None:
    net, take = tiny.net("nano"), _take(3)
    carried, alone = network_predictor(net, 128), network_predictor(net, 128, carry_state=False)
    found = carried(take)
    torch.testing.assert_close(carried(take), found)
    torch.testing.assert_close(carried(take[:2]), found[:2])
    single = torch.cat([carried(take[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(alone(take), single)
    torch.testing.assert_close(single[0], found[0])
    assert float((single[1:] - found[1:]).abs().max()) > 1e-4


def test_disparity_comes_to_the_picture_s_size_as_the_renderer_brings_it() -> None:
    net, take = tiny.net("nano"), _take(2, 192, 256)
    # an edge that the network cannot but see
    take[..., 128:] = 0.05
    how = rendered_by(Upsampling.GUIDED)
    found = network_predictor(net, 128, carry_state=False, upsample=how)(take)
    canvas = canvas_of(net.config, 192, 256, 128)
    assert (canvas.height, canvas.width) == (96, 128)
    for picture, disparity in zip(take, found, strict=True):
        plate = picture.permute(1, 2, 0).contiguous().numpy()
        pixels = to_network(plate, canvas.window, canvas)
        with torch.inference_mode():
            small = net(pixels)[0][0]
        guide = guide_of(plate, pixels)
        assert torch.equal(disparity, guided(small, guide, (192, 256)))
        assert not torch.equal(disparity, bilinear(small, (192, 256)))
    soft = network_predictor(net, 128, carry_state=False)(take)
    again = network_predictor(net, 128, False, rendered_by(Upsampling.BILINEAR))(take)
    assert torch.equal(soft, again)
    assert not torch.equal(soft, found)


def test_the_published_evaluation_squeezes_and_clips_its_pictures() -> None:
    net, seen = tiny.net("nano"), []
    hook = net.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    # half black, half white: cubic weights overshoot at the step
    step = torch.zeros(3, 40, 160)
    step[..., 79:] = 1.0
    found, state = predict_frame(net, step, (96, 128), None)
    again, _ = predict_frame(net, step, (96, 128), state)
    hook.remove()
    assert found.shape == (96, 128)
    assert not torch.equal(found, again)
    black, white = (network_input(torch.full((3, 1, 1), v)) for v in (0.0, 1.0))
    picture = (seen[0][0] - black) / (white - black)
    assert picture.min() == pytest.approx(0.0, abs=1e-6)
    assert picture.max() == pytest.approx(1.0, abs=1e-6)
    # the centre of the new column 63 lies between the old columns 78 and 79: Keys' cubic with a = -0.75
    place = 63.5 * 1.25 - 0.5
    at, after = place - 79, place - 80
    near = 1.25 * abs(at) ** 3 - 2.25 * at**2 + 1
    far = -0.75 * (abs(after) ** 3 - 5 * after**2 + 8 * abs(after) - 4)
    assert float(picture[0, 0, 63]) == pytest.approx(near + far, abs=1e-5)
    assert near + far != pytest.approx(0.875, abs=0.02)


@pytest.mark.parametrize(
    ("kind", "size", "long_side_px", "working"),
    # the nearest multiples of 32 or 14, and not below the least side
    [
        ("nano", (90, 150), 130, (96, 128)),
        ("nano", (90, 150), 200, (128, 192)),
        ("nano", (180, 90), 192, (192, 96)),
        ("nano", (90, 150), 1, (96, 96)),
        ("s", (90, 150), 112, (70, 112)),
    ],
)
def test_any_frame_is_seen_at_the_working_size_and_comes_back_at_its_own(
    kind: str, size: tuple[int, int], long_side_px: int, working: tuple[int, int]
) -> None:
    net, seen = tiny.net(kind), []
    hook = net.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape)))
    found = network_predictor(net, long_side_px)(_take(2, *size))
    hook.remove()
    assert seen == [(1, 3, *working)] * 2
    assert found.shape == (2, *size)
    assert found.dtype == torch.float32


def test_a_network_in_training_is_put_to_work() -> None:
    take = _take(1)
    wanted = network_predictor(tiny.net("nano"), 128)(take)
    torch.testing.assert_close(network_predictor(tiny.net("nano").train(), 128)(take), wanted)


def test_the_result_is_an_ordinary_tensor() -> None:
    found = network_predictor(tiny.net("nano"), 128)(_take(1))
    assert not found.is_inference()
    assert not found.requires_grad
    found += 1.0


def test_what_is_no_take_or_no_size_is_told() -> None:
    net = tiny.net("nano")
    with pytest.raises(SettingsError, match="at least 1"):
        network_predictor(net, 0)
    with pytest.raises(ValueError, match="a take is"):
        network_predictor(net, 128)(_take(1)[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_network_runs_where_it_is_and_the_result_is_where_the_frames_are() -> None:
    take = _take(2)
    wanted = network_predictor(tiny.net("nano"), 128)(take)
    found = network_predictor(tiny.net("nano").cuda(), 128)(take)
    assert found.device == take.device
    torch.testing.assert_close(found, wanted, atol=1e-2, rtol=1e-2)
