"""Laws of the hybrid whose teacher is a pyramid: what it sees, what it changes, and what it never touches."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from golden import recipe, tiny
from torch import Tensor

from flashdepth_vfx.model import FlashDepthNet, ModelConfig, TemporalState
from flashdepth_vfx.model.config import ConvConfig, DecoderConfig, TeacherConfig
from flashdepth_vfx.model.fusion import HybridFusion, Teacher

_ENCODER = ConvConfig(stem=8, widths=(8, 16, 16, 16, 24, 24, 40), depths=(1, 1, 2, 1, 1, 1, 1))
_TEACHER = TeacherConfig(_ENCODER, DecoderConfig(24, (8, 8, 8, 8)), side_px=64)


def tiny_hybrid(student: str = "nano", teacher: TeacherConfig = _TEACHER) -> FlashDepthNet:
    """A hybrid in evaluation mode, of whose weights none is zero."""
    config = tiny.config(student)
    temporal = dataclasses.replace(config.temporal, pool=2)
    config = dataclasses.replace(config, name="tiny-hybrid", temporal=temporal, teacher=teacher)
    net = FlashDepthNet(config, scan="torch").eval()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(torch.from_numpy(recipe.weight(name, tuple(parameter.shape))))
    return net


def parts(net: FlashDepthNet) -> tuple[Teacher, HybridFusion]:
    assert net.teacher_model is not None
    assert net.hybrid_fusion is not None
    return net.teacher_model, net.hybrid_fusion


def stream(net: FlashDepthNet, frames: list[Tensor]) -> tuple[list[Tensor], TemporalState]:
    state, given = None, []
    with torch.inference_mode():
        for frame in frames:
            disparity, state = net(frame, state)
            given.append(disparity)
    assert state is not None
    return given, state


FRAMES = [tiny.frame(128, 192, seed=seed) for seed in range(4)]


def test_a_hybrid_with_untrained_fusion_equals_its_student() -> None:
    net = tiny_hybrid()
    _, fusion = parts(net)
    fusion.load_state_dict(HybridFusion(net.config.decoder.width, _TEACHER).state_dict())
    student = FlashDepthNet(dataclasses.replace(net.config, teacher=None), scan="torch").eval()
    student.load_state_dict(
        {name: net.state_dict()[name] for name in student.state_dict()}, strict=True
    )
    (hybrid, hybrid_state), (alone, alone_state) = stream(net, FRAMES), stream(student, FRAMES)
    assert all(torch.equal(a, b) for a, b in zip(hybrid, alone, strict=True))
    assert hybrid_state == alone_state
    assert float(alone[-1].std()) > 1e-3


def test_a_trained_fusion_lets_the_teacher_speak() -> None:
    net = tiny_hybrid()
    before, _ = stream(net, FRAMES[:1])
    teacher, _ = parts(net)
    with torch.no_grad():
        for parameter in teacher.depth_head.projects[3].parameters():
            parameter.neg_()
    after, _ = stream(net, FRAMES[:1])
    assert float((after[0] - before[0]).abs().max()) > 1e-4


def seen_by_teacher(net: FlashDepthNet, frame: Tensor) -> tuple[Tensor, Tensor]:
    """The frame that its encoder was given, and the path that it gave."""
    teacher, _ = parts(net)
    given: list[Tensor] = []
    hook = teacher.pretrained.register_forward_hook(lambda _m, inputs, _out: given.extend(inputs))
    with torch.inference_mode():
        path = teacher(frame)
        hook.remove()
    assert len(given) == 1
    return given[0], path


@pytest.mark.parametrize(
    ("height", "width", "seen"),
    [(128, 192, (64, 96)), (192, 128, (96, 64)), (160, 320, (64, 128)), (64, 160, (64, 160))],
)
def test_the_teacher_sees_the_frame_at_its_size(
    height: int, width: int, seen: tuple[int, int]
) -> None:
    frame, path = seen_by_teacher(tiny_hybrid(), tiny.frame(height, width, batch=2))
    assert frame.shape == (2, 3, *seen)
    assert path.shape == (2, 24, seen[0] // 16, seen[1] // 16)


def test_a_small_frame_reaches_the_teacher_untouched() -> None:
    frame = tiny.frame(64, 96)
    assert torch.equal(seen_by_teacher(tiny_hybrid(), frame)[0], frame)


def test_what_is_too_fine_for_the_teacher_becomes_even_grey_and_no_pattern() -> None:
    lines = torch.tensor([-1.0, 1.0]).repeat(1, 3, 256, 192)
    seen, _ = seen_by_teacher(tiny_hybrid(), lines)
    inside = seen[..., 2:-2, 2:-2]
    assert seen.shape == (1, 3, 64, 96)
    assert float(inside.abs().max()) < 1e-5


def test_the_teacher_s_path_is_that_of_the_network_it_came_from() -> None:
    teacher, _ = parts(tiny_hybrid())
    temporal = dataclasses.replace(tiny.config("nano").temporal, head_dim=24)
    config = ModelConfig("teacher", _TEACHER.encoder, _TEACHER.decoder, temporal)
    whole = FlashDepthNet(config, scan="torch").eval()
    whole.load_state_dict(whole.state_dict() | teacher.state_dict(), strict=True)
    paths: list[Tensor] = []
    coarsest = whole.get_submodule("depth_head.scratch.refinenet4")
    coarsest.register_forward_hook(lambda _m, _inputs, out: paths.append(out))
    frame = tiny.frame(96, 160)
    with torch.inference_mode():
        whole(frame)
        small = dataclasses.replace(_TEACHER, side_px=96)
        teacher.config = small
        assert torch.equal(teacher(frame), paths[0])


@pytest.mark.parametrize("student", ["s", "nano"])
@pytest.mark.parametrize("kind", ["vit", "conv"])
def test_either_kind_teaches_either_kind(student: str, kind: str) -> None:
    teacher = tiny.config("full").teacher if kind == "vit" else _TEACHER
    assert teacher is not None
    net = tiny_hybrid(student, teacher)
    step = net.config.multiple
    for height, width in ((3 * step, 5 * step), (11 * step, 7 * step)):
        given, _ = stream(net, [tiny.frame(height, width)])
        assert given[0].shape == (1, height, width)
        assert bool(given[0].isfinite().all())


UNUSED_PARTS = ("1.context_proj", "2.context_proj", "3.context_proj", "refinenet4.resConfUnit1")
UNUSED_OF_TEACHER = tuple(
    f"teacher_model.depth_head.{name}"
    for name in (
        *(f"projects.{index}." for index in range(3)),
        *(f"scratch.layer{index}_rn" for index in range(1, 4)),
        *(f"scratch.refinenet{index}" for index in range(1, 4)),
        "scratch.output_conv",
    )
)


def is_used(name: str) -> bool:
    return not name.startswith(UNUSED_OF_TEACHER) and not any(p in name for p in UNUSED_PARTS)


def test_of_the_teacher_only_its_coarsest_path_is_computed() -> None:
    net = tiny_hybrid()
    expected, _ = stream(net, FRAMES[:2])
    with torch.no_grad():
        poisoned = [p.fill_(torch.nan) for name, p in net.named_parameters() if not is_used(name)]
    got, _ = stream(net, FRAMES[:2])
    assert len(poisoned) > 40
    assert torch.equal(got[1], expected[1])


def test_gradients_reach_student_and_fusion_and_no_frozen_teacher() -> None:
    net = tiny_hybrid()
    teacher, _ = parts(net)
    teacher.requires_grad_(False)
    _, state = net(FRAMES[0])
    disparity, _ = net(FRAMES[1], state)
    disparity.mean().backward()
    learned = {name for name, p in net.named_parameters() if p.grad is not None}
    wanted = {n for n, _ in net.named_parameters() if is_used(n) and not n.startswith("teacher_")}
    assert learned == wanted
    flat = [n for n, p in net.named_parameters() if n in learned and not bool(p.grad.any())]  # type: ignore[union-attr]
    assert not flat, "no gradient but zero"


def test_untrained_fusion_starts_to_learn_at_its_last_layers() -> None:
    net = tiny_hybrid()
    _, fusion = parts(net)
    fusion.load_state_dict(HybridFusion(net.config.decoder.width, _TEACHER).state_dict())
    net(FRAMES[0])[0].mean().backward()
    for block in fusion.blocks[0].children():
        for name in ("attention.proj", "mlp.2"):
            gradient = block.get_submodule(name).weight.grad
            assert isinstance(gradient, Tensor)
            assert bool(gradient.any()), name


def test_resumed_hybrid_equals_unbroken_hybrid() -> None:
    """The teacher keeps nothing: in another network with the same weights the shot goes on the same."""
    net, other = tiny_hybrid(), tiny_hybrid()
    unbroken, last = stream(net, FRAMES)
    _, middle = stream(net, FRAMES[:2])
    kept = middle.detach().cpu().clone()
    with torch.inference_mode():
        for frame in FRAMES[2:]:
            resumed, kept = other(frame, kept)
    assert torch.equal(resumed, unbroken[-1])
    assert kept == last
    assert middle != last


def test_a_hybrid_s_state_fits_its_student_and_another_size() -> None:
    net = tiny_hybrid()
    _, state = stream(net, FRAMES[:1])
    student = FlashDepthNet(dataclasses.replace(net.config, teacher=None), scan="torch").eval()
    assert student.state_shapes(1) == net.state_shapes(1)
    with torch.inference_mode():
        disparity, _ = net(tiny.frame(192, 96), state)
        student(FRAMES[1], state)
    assert disparity.shape == (1, 192, 96)


def test_portrait_and_smallest_frames_are_accepted() -> None:
    net = tiny_hybrid()
    least = net.config.min_side_px
    assert least == 32
    for height, width in ((least, least), (320, least), (least, 320), (256, 160)):
        given, _ = stream(net, [tiny.frame(height, width)])
        assert given[0].shape == (1, height, width)


def test_a_batch_equals_its_frames_alone() -> None:
    net, frames = tiny_hybrid(), torch.cat(FRAMES[:2])
    together, _ = stream(net, [frames])
    for item in range(2):
        alone, _ = stream(net, [frames[item : item + 1]])
        torch.testing.assert_close(alone[0][0], together[0][item], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("how", ["autocast", "half weights"])
def test_half_precision_comes_near(how: str) -> None:
    net, frame = tiny_hybrid(), FRAMES[0]
    with torch.inference_mode():
        exact, _ = net(frame)
        if how == "half weights":
            net = net.to(torch.bfloat16)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=how == "autocast"):
            half, _ = net(frame)
    assert half.dtype == torch.float32
    assert float((half - exact).abs().max()) < 0.5 * float(exact.abs().max())


def test_the_preset_runs_and_is_its_parts() -> None:
    net = FlashDepthNet(ModelConfig.preset("nano-hybrid"), scan="torch").eval()
    nano = {
        name: tuple(entry.shape)
        for name, entry in FlashDepthNet(ModelConfig.preset("nano")).state_dict().items()
        if name.startswith(("pretrained.", "depth_head."))
    }
    teacher, _ = parts(net)
    assert {n: tuple(entry.shape) for n, entry in teacher.state_dict().items()} == nano
    given, _ = stream(net, [tiny.frame(224, 384)])
    assert given[0].shape == (1, 224, 384)
