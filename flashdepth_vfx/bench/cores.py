"""Plates on disk in, depth on disk out, on one core, on two, and on: beside the network's rate and the codecs'."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flashdepth_vfx.bench.apart import measured_apart
from flashdepth_vfx.bench.job import Size
from flashdepth_vfx.job import RenderJob
from flashdepth_vfx.settings import RenderSettings
from flashdepth_vfx.workers import usable_cores

if TYPE_CHECKING:
    from flashdepth_vfx.bench.subject import Subject

__all__ = ["CoresRow", "core_counts", "end_to_end", "in_the_child"]


@dataclass(frozen=True)
class CoresRow:
    """On `cores` cores and as many threads, frames a second: of `render` from plates to depth, with the weights in
    memory; of the network alone, from host memory; of the codecs alone, a plate read and a depth written.
    """

    weights: str
    size: Size
    network_size: Size
    device: str
    frames: int
    cores: int
    render_fps: float
    network_fps: float
    codec_fps: float

    @property
    def wall_over_network(self) -> float:
        """1 where files cost nothing beside the network."""
        return self.network_fps / self.render_fps


def core_counts(usable: int) -> tuple[int, ...]:
    """1, 2, 4 and on, up to all."""
    powers = (2**power for power in range(16))
    return (*(count for count in powers if count < usable), usable)


def end_to_end(
    name: str,
    size: Size,
    settings: RenderSettings,
    frames: int,
    counts: Sequence[int] | None = None,
    show: Callable[[str], None] = lambda _: None,
) -> tuple[CoresRow, ...]:
    """One row for each of `counts`, each in a process that is held to so many cores. `show` hears which it is.

    Threads are as many as cores, whatever OMP_NUM_THREADS says. Raises every `FlashDepthError` of a render.
    """
    from flashdepth_vfx.bench.subject import bench_folder, bench_job

    there = usable_cores()
    rows = []
    with bench_folder() as folder:
        job = bench_job(name, size, settings, folder, frames)
        for count in counts or core_counts(len(there)):
            show(f"{name} {size}: {count} cores")
            ticket = {"job": job.to_dict(), "name": name, "size": size, "frames": frames}
            answer = measured_apart("cores", ticket, there[:count])
            seen = Size(*answer.pop("network_size"))
            rows.append(CoresRow(name, size, seen, frames=frames, cores=count, **answer))
    return tuple(rows)


def in_the_child(ticket: Mapping[str, Any]) -> dict[str, Any]:
    """What the child measures, as `CoresRow` takes it."""
    from flashdepth_vfx.bench.rate import measure_rate
    from flashdepth_vfx.bench.subject import open_subject
    from flashdepth_vfx.networks import Networks
    from flashdepth_vfx.renderer import render

    job, frames, networks = RenderJob.from_dict(ticket["job"]), ticket["frames"], Networks()
    with open_subject(ticket["name"], job, Size(*ticket["size"]), networks) as subject:
        network_fps = measure_rate(subject, frames).from_host_fps
        codec_fps = _codec_fps(subject, frames, len(ticket["cores"]))
        device, seen = subject.plan.network.device.name, tuple(subject.network_size)
    # The measurements above have loaded the weights and warmed everything up.
    began = time.perf_counter()
    render(job, networks=networks)
    render_fps = frames / (time.perf_counter() - began)
    return {
        "device": device,
        "network_size": seen,
        "render_fps": render_fps,
        "network_fps": network_fps,
        "codec_fps": codec_fps,
    }


def _codec_fps(subject: Subject, frames: int, threads: int) -> float:
    """Each frame read and its depth written, one frame a thread: what no network was waited for."""
    plan = subject.plan
    prepared = subject.prepared(0)
    disparity, _ = plan.engine.infer(prepared, None)
    depth = plan.engine.finish(prepared.header, disparity, prepared.guide)

    def through(index: int) -> None:
        frame = subject.plate_frame(index)
        plan.reader.read(frame)
        plan.writer.write(replace(depth, frame=frame))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(through, range(threads)))
        began = time.perf_counter()
        list(pool.map(through, range(frames)))
        return frames / (time.perf_counter() - began)
