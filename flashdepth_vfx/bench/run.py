"""`run_bench`: every network at every size, one after the other, and nothing left on disk."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flashdepth_vfx.bench.floors import measure_floors
from flashdepth_vfx.bench.fresh import measure_fresh
from flashdepth_vfx.bench.job import BenchJob, Size, default_size, default_weights
from flashdepth_vfx.bench.length import marks_of, measure_length
from flashdepth_vfx.bench.machine import this_machine
from flashdepth_vfx.bench.memory import release_memory
from flashdepth_vfx.bench.rate import measure_rate
from flashdepth_vfx.bench.report import BenchReport, BenchRow
from flashdepth_vfx.bench.stages import measure_stages
from flashdepth_vfx.bench.subject import bench_folder, bench_job, open_subject, require_weights
from flashdepth_vfx.device import open_device
from flashdepth_vfx.version import VERSION

__all__ = ["run_bench"]

#: Of a process that is measured for its first depth and its peak.
_FRESH_FRAMES = 4


def run_bench(
    job: BenchJob,
    tell: Callable[[str], None] = lambda _: None,
    show: Callable[[str], None] = lambda _: None,
) -> BenchReport:
    """Measure. `tell` hears a line for every row that is done, `show` what is being measured.

    Raises what a render with these settings would: `WeightsError`, `LicenseError`, `DeviceError`, `SettingsError`.
    """
    device = open_device(job.settings.device, job.settings.scan)
    # what "auto" chose holds for every row, and for the processes that are started
    settings = replace(job.settings, device=str(device.torch_device))
    job = replace(job, settings=settings)
    on_gpu = device.torch_device.type == "cuda"
    if device.notice:
        tell(device.notice)
    machine = this_machine(device.driver)
    names = job.weights or (default_weights(on_gpu),)
    # Of all of them before any is measured: that takes minutes.
    for weights in names:
        require_weights(weights, settings)
    rows = []
    with bench_folder() as folder:
        for weights in names:
            for size in job.sizes or (default_size(on_gpu),):
                rows.append(_row(job, weights, size, folder, show))
                release_memory(device.torch_device)
                tell(_told(rows[-1]))
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return BenchReport(machine, now, VERSION, tuple(rows))


def _row(
    job: BenchJob,
    weights: str,
    size: Size,
    folder: Path,
    show: Callable[[str], None],
) -> BenchRow:
    what = f"{weights} {size}"
    show(f"{what}: plates")
    render_job = bench_job(weights, size, job.settings, folder)
    # While this process holds no weights: the other one has the device to itself.
    show(f"{what}: a new process")
    fresh = measure_fresh(render_job, _FRESH_FRAMES) if job.fresh else None
    with open_subject(weights, render_job, size) as subject:
        show(f"{what}: stage by stage")
        # Floors need the type that the network computes in, which only a watched frame tells.
        stages = measure_stages(subject, job.frames if job.stages else 1)
        show(f"{what}: the network alone")
        rate = measure_rate(subject, job.frames)
        show(f"{what}: floors")
        floors = measure_floors(subject, stages.compute_dtype)
        marks = marks_of(job.long_frames) if job.long_frames else ()
        return BenchRow(
            weights=weights,
            random_weights=subject.is_random,
            size=size,
            network_size=subject.network_size,
            device=subject.plan.network.device.name,
            kernels=subject.plan.identity.kernels,
            frames=job.frames,
            rate=rate,
            floors=floors,
            stages=stages if job.stages else None,
            fresh=fresh,
            length=measure_length(subject, marks, show) if marks else (),
        )


def _told(row: BenchRow) -> str:
    return (
        f"{row.weights} {row.size}: {row.rate.on_device_fps:.2f} frames/s, "
        f"{row.times_floor:.1f} times the floor"
    )
