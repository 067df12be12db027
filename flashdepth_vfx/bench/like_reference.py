"""The timing job of the published code, in its own lines: how long a hundred frames take once five have passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from flashdepth_vfx.bench.job import BenchJob, Size, default_size, default_weights
from flashdepth_vfx.bench.rate import TimedShot
from flashdepth_vfx.bench.subject import (
    Subject,
    bench_folder,
    bench_job,
    open_subject,
    require_weights,
)
from flashdepth_vfx.device import open_device

__all__ = ["ReferencePass", "time_like_reference"]

#: Of the published job: a clip of 105 frames, five of which warm up, three times over.
_WARM_UP, _FRAMES, _PASSES = 5, 100, 3


@dataclass(frozen=True)
class ReferencePass:
    """One pass: `seconds` of `frames` frames of `size` that are on the device, the state carried through them."""

    size: Size
    seconds: float
    frames: int = _FRAMES

    @property
    def frames_per_second(self) -> float:
        """Of the network alone."""
        return self.frames / self.seconds

    def lines(self) -> tuple[str, str]:
        """As the published code logs it."""
        shape = [1, self.frames + _WARM_UP, 3, self.size.height_px, self.size.width_px]
        return (
            f"shape: torch.Size({shape})",
            f"wall time taken: {self.seconds:.2f}; fps: {self.frames_per_second:.2f}; num frames: {self.frames}",
        )


def time_like_reference(
    job: BenchJob,
    tell: Callable[[str], None] = lambda text: None,
    *,
    passes: int = _PASSES,
    frames: int = _FRAMES,
) -> Iterator[ReferencePass]:
    """Measure each network at each size of `job`, pass by pass. Raises as `run_bench` does."""
    device = open_device(job.settings.device, job.settings.scan)
    settings = replace(job.settings, device=str(device.torch_device))
    on_gpu = device.torch_device.type == "cuda"
    if device.notice:
        tell(device.notice)
    names = job.weights or (default_weights(on_gpu),)
    for weights in names:
        require_weights(weights, settings)
    with bench_folder() as folder:
        for weights, size in product(names, job.sizes or (default_size(on_gpu),)):
            shot = bench_job(weights, size, settings, folder)
            with open_subject(weights, shot, size) as subject:
                for _ in range(passes):
                    yield _passed(subject, frames)


def _passed(subject: Subject, frames: int) -> ReferencePass:
    """A clip with a state of its own, whose frames are on the device before it begins."""
    plates = range(len(subject.plan.reader.frames))
    there = [subject.plan.engine.send(subject.prepared(index)) for index in plates]
    shot = TimedShot(subject)
    shot.on_device(there, _WARM_UP)
    return ReferencePass(subject.network_size, shot.on_device(there, frames) * frames, frames)
