"""The same measurements on a GPU: its own clock, its memory, and recordings of a network."""

from __future__ import annotations

import pytest
import torch

from flashdepth_vfx import RenderSettings
from flashdepth_vfx.bench import BenchJob, Size, run_bench

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def test_a_gpu_is_measured_in_every_way() -> None:
    job = BenchJob(
        weights=("random:nano-hybrid",),
        sizes=(Size(640, 384),),
        settings=RenderSettings(resolution="native", device="cuda"),
        frames=5,
        long_frames=20,
    )
    report = run_bench(job)
    (row,) = report.rows
    assert row.device == torch.cuda.get_device_name()
    assert row.device in report.machine.gpus
    assert row.stages is not None
    assert row.stages.ms["teacher"] > 0.0
    assert row.fresh is not None
    assert row.fresh.device_peak_bytes
    assert row.length[-1].device_bytes
    assert row.times_floor > 1.0
