"""A frame stage by stage, from its plate's file to its depth's, beside the same frame left alone."""

from __future__ import annotations

import contextlib
import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from flashdepth_vfx.bench.clock import DeviceClock, Mark, median_ms
from flashdepth_vfx.bench.subject import Subject, numbered
from flashdepth_vfx.engine import PreparedFrame
from flashdepth_vfx.model import FlashDepthNet
from flashdepth_vfx.model.attention import attending, choice_in
from flashdepth_vfx.state import ShotState

__all__ = ["STAGES", "Manner", "Part", "Stages", "measure_stages", "parts_of"]

STAGES = (
    "decode", "prepare", "copy", "encoder", "teacher", "fusion", "decoder", "temporal", "head",
    "finish", "write",
)  # fmt: skip
"""In the order of a frame. A network without a teacher has no "teacher" and no "fusion"."""

Manner: TypeAlias = Literal["as rendered", "module by module"]
"""Whether the network was watched inside the engine, or called directly, because the engine plays back a recording of
it in which no module is called.
"""

_WARM_UP = 3


class Part(NamedTuple):
    """A stretch of a stage: from where module `first` begins to where module `last` ends, by their names."""

    stage: str
    first: str
    last: str


@dataclass(frozen=True)
class Stages:
    """Medians over frames, in milliseconds: `ms` by stage, `whole_ms` of frames that nobody watched.

    Watched and unwatched frames take turns. On a GPU the stages wait for each other and those of `whole_ms` do not.
    `compute_dtype` is what the encoder gives.
    """

    ms: Mapping[str, float]
    whole_ms: float
    manner: Manner
    compute_dtype: str

    @property
    def sum_ms(self) -> float:
        """Of all stages."""
        return sum(self.ms.values())

    @property
    def unexplained_ms(self) -> float:
        """What the whole takes beyond the sum; less than nothing where stages overlap."""
        return self.whole_ms - self.sum_ms


def parts_of(net: FlashDepthNet) -> list[Part]:
    """The stretches of every stage that this network has."""
    decoder = (
        *(f"projects.{index}" for index in range(4)),
        *(f"resize_layers.{index}" for index in range(4)),
        *(f"scratch.layer{number}_rn" for number in range(1, 5)),
        *(f"scratch.refinenet{number}" for number in range(1, 5)),
    )
    whole = (
        ("encoder", "pretrained"),
        ("teacher", "teacher_model"),
        ("fusion", "hybrid_fusion"),
        *(("decoder", f"depth_head.{name}") for name in decoder),
        ("temporal", "mamba"),
    )
    there = {name for name, _ in net.named_modules()}
    parts = [Part(stage, name, name) for stage, name in whole if name in there]
    # Between its two modules the head enlarges what the first one gives.
    ends = ("depth_head.scratch.output_conv1", "depth_head.scratch.output_conv2")
    return [*parts, Part("head", *ends)]


class _Watch:
    """Hooks that note when each part began and ended in one frame."""

    def __init__(self, net: FlashDepthNet, clock: DeviceClock) -> None:
        self._net = net
        self._clock = clock
        self._parts = parts_of(net)
        self._spans: list[tuple[str, Mark, Mark]] = []
        self._open: dict[Part, Mark] = {}
        self.began: Mark | None = None
        self.compute_dtype: torch.dtype | None = None

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """The hooks are there inside only."""
        self._spans, self._open, self.began = [], {}, None
        hooks = [self._net.register_forward_pre_hook(self._on_entry)]
        hooks.append(self._net.pretrained.register_forward_hook(self._on_features))
        for part in self._parts:
            first, last = self._net.get_submodule(part.first), self._net.get_submodule(part.last)
            hooks.append(first.register_forward_pre_hook(self._beginning(part)))
            hooks.append(last.register_forward_hook(self._ending(part)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def ms(self) -> dict[str, float]:
        """By stage. The device must have finished."""
        spent: dict[str, float] = defaultdict(float)
        for stage, began, ended in self._spans:
            spent[stage] += self._clock.ms(began, ended)
        return spent

    def _on_entry(self, _net: nn.Module, _given: Any) -> None:
        if not self._clock.is_recorded:
            self.began = self._clock.mark()

    def _on_features(self, _encoder: nn.Module, _given: Any, features: list[Tensor]) -> None:
        self.compute_dtype = features[0].dtype

    def _beginning(self, part: Part) -> Any:
        def note(_module: nn.Module, _given: Any) -> None:
            if not self._clock.is_recorded:
                self._open[part] = self._clock.mark()

        return note

    def _ending(self, part: Part) -> Any:
        def note(_module: nn.Module, _given: Any, _made: Any) -> None:
            if part in self._open:
                self._spans.append((part.stage, self._open.pop(part), self._clock.mark()))

        return note


class _Run:
    """A shot on its way, and what its frames took."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._clock = DeviceClock(subject.device)
        self._watch = _Watch(subject.net, self._clock)
        self._state: ShotState | None = None
        self._index = 0
        self._manner: Manner = "as rendered"
        self.watched: dict[str, list[float]] = defaultdict(list)
        self.alone: list[float] = []

    def warm_up(self) -> None:
        """Frames that nobody counts, unwatched, and one to see whether modules are called at all."""
        for _ in range(_WARM_UP):
            self.frame_alone()
        self.frame_watched()
        if self._watch.began is None:
            self._manner = "module by module"
            self.frame_watched()
        self.watched.clear()
        self.alone.clear()

    def frame_alone(self) -> None:
        began = time.perf_counter()
        self._state = self._subject.whole_frame(self._index, self._state)
        self.alone.append(time.perf_counter() - began)
        self._index += 1

    def frame_watched(self) -> None:
        plan, frame = self._subject.plan, self._subject.plate_frame(self._index)
        moments = [time.perf_counter()]
        plate = plan.reader.read(frame)
        moments.append(time.perf_counter())
        prepared = numbered(plan.engine.prepare(plate), self._index)
        moments.append(time.perf_counter())
        disparity = self._infer(prepared)
        moments.append(time.perf_counter())
        depth = plan.engine.finish(prepared.header, disparity, prepared.guide)
        moments.append(time.perf_counter())
        plan.writer.write(replace(depth, frame=frame))
        moments.append(time.perf_counter())
        spent = dict(zip(("decode", "prepare", "", "finish", "write"), _gaps(moments), strict=True))
        for stage in ("decode", "prepare", "finish", "write"):
            self.watched[stage].append(spent[stage])
        self._index += 1

    def _infer(self, prepared: PreparedFrame) -> Tensor:
        with self._watch.watching():
            began = self._clock.mark()
            if self._manner == "as rendered":
                disparity, self._state = self._subject.plan.engine.infer(prepared, self._state)
            else:
                disparity = self._infer_directly(prepared)
            # outside the frame's own work: what was watched is read only when it has passed
            self._clock.wait()
        if self._watch.began is not None:
            self.watched["copy"].append(self._clock.ms(began, self._watch.began) / 1000.0)
        for stage, spent in self._watch.ms().items():
            self.watched[stage].append(spent / 1000.0)
        return disparity

    def _infer_directly(self, prepared: PreparedFrame) -> Tensor:
        state = self._state
        assert state is not None
        kernels = self._subject.plan.identity.kernels
        with torch.inference_mode(), attending(choice_in(kernels)):
            pixels = prepared.pixels.to(self._subject.device)
            disparity, after = self._subject.net(pixels, state.temporal)
        self._state = replace(state, temporal=after, next_frame=prepared.header.frame + 1)
        small: Tensor = disparity[0]
        return small

    def result(self) -> Stages:
        ms = {stage: median_ms(self.watched[stage]) for stage in STAGES if stage in self.watched}
        dtype = self._watch.compute_dtype
        named = "" if dtype is None else str(dtype).removeprefix("torch.")
        return Stages(ms, 1000.0 * statistics.median(self.alone), self._manner, named)


def measure_stages(subject: Subject, frames: int) -> Stages:
    """`frames` watched ones and as many left alone, in turn, with the state carried through all.

    A GPU's own clock times what the network does, and is waited for only when the network is done.
    """
    run = _Run(subject)
    run.warm_up()
    for _ in range(frames):
        run.frame_watched()
        run.frame_alone()
    return run.result()


def _gaps(moments: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(moments)]
