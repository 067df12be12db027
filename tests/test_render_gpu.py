"""The laws of a render, on a GPU: the same bits when resumed, and no seam between devices in silence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from render_kit import RenderKit, header_of, run, same

from flashdepth_vfx.errors import OutputExistsError
from flashdepth_vfx.model.scan_kernel import kernel_problem

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def test_chunks_on_the_gpu_equal_the_whole(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, device="cuda"))
    run(kit.job(plates, "a/s.####.exr", frames="1-3", state_out="3.state", device="cuda"))
    run(kit.job(plates, "b/s.####.exr", frames="4-8", state_in="3.state", device="cuda"))
    assert same(kit.depths(), kit.depths("a/s.####.exr") | kit.depths("b/s.####.exr"))


def test_a_frame_rendered_again_on_the_gpu_is_the_same(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, device="cuda", checkpoint_interval_frames=3))
    whole = kit.depths()
    kit.path(6).unlink()
    run(kit.job(plates, frames="6", device="cuda", checkpoint_interval_frames=3))
    assert same(whole, kit.depths())


def test_gpu_and_cpu_give_the_same_depth_within_rounding(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 6))
    run(kit.job(plates, "gpu/s.####.exr", device="cuda", precision="fp32"))
    run(kit.job(plates, "cpu/s.####.exr"))
    gpu, cpu = kit.depths("gpu/s.####.exr"), kit.depths("cpu/s.####.exr")
    for frame, depth in cpu.items():
        assert np.abs(gpu[frame] - depth).max() < 1e-3 * np.abs(depth).max()
    header = header_of(kit.path(1, "gpu/s.####.exr"))
    assert header["flashdepth/device"] == torch.cuda.get_device_name()


def test_a_shot_begun_on_the_gpu_does_not_go_on_elsewhere_unasked(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates, frames="1-2", device="cuda"))
    with pytest.raises(OutputExistsError, match="--allow-device-change"):
        run(kit.job(plates, resume=True))
    run(kit.job(plates, resume=True, allow_device_change=True))
    assert list(kit.depths()) == [1, 2, 3, 4]


def test_auto_takes_the_gpu(kit: RenderKit) -> None:
    run(kit.job(kit.shot([1]), device="auto"))
    assert header_of(kit.path(1))["flashdepth/device"] == torch.cuda.get_device_name()


def test_the_kernel_scan_is_in_the_record_and_close_to_the_plain_one(kit: RenderKit) -> None:
    if problem := kernel_problem():
        pytest.skip(problem)
    plates = kit.shot(range(1, 6))
    run(kit.job(plates, "plain/s.####.exr", device="cuda", scan="torch"))
    run(kit.job(plates, "kernel/s.####.exr", device="cuda", scan="mamba_ssm"))
    plain, kernel = kit.depths("plain/s.####.exr"), kit.depths("kernel/s.####.exr")
    for frame, depth in plain.items():
        # Triton multiplies float32 as TF32.
        assert np.abs(kernel[frame] - depth).max() < 5e-3 * np.abs(depth).max()
    said = header_of(kit.path(1, "kernel/s.####.exr"))["flashdepth/kernels"]
    assert "mamba-ssm" in said
    assert said != header_of(kit.path(1, "plain/s.####.exr"))["flashdepth/kernels"]
