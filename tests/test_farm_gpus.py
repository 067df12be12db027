"""One worker for each GPU of a machine: shots dealt out, stopped cleanly, with the pixels of one GPU."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from render_kit import RenderKit, run, same

from flashdepth_vfx import FarmPlan, FrameWritten, RenderEvent, plan
from flashdepth_vfx.errors import Interrupted
from flashdepth_vfx.farm import devices_here, run_local

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        torch.cuda.device_count() < 2, reason="NEEDS TWO GPUS: this machine has fewer"
    ),
]
SHOTS, FRAMES = "abcd", range(1, 41)
BOTH = ("cuda:0", "cuda:1")


def four_shots(kit: RenderKit) -> FarmPlan:
    jobs = [
        kit.job(kit.shot(FRAMES, f"{name}/p.####.exr"), f"depth/{name}.####.exr", device="auto")
        for name in SHOTS
    ]
    return plan(jobs, mode="chain", chunk_frames=20, report=False)


def unbroken(kit: RenderKit, name: str) -> dict[int, Any]:
    run(kit.job(f"{kit.folder}/{name}/p.####.exr", f"whole/{name}.####.exr", device="cuda:0"))
    return dict(kit.depths(f"whole/{name}.####.exr"))


def test_both_gpus_are_found() -> None:
    assert devices_here()[:2] == BOTH


def test_shots_are_dealt_out_to_both_and_are_those_of_one(kit: RenderKit) -> None:
    made = four_shots(kit)
    said: list[str] = []
    result = run_local(made, devices=BOTH, tell=said.append)
    assert result.done == tuple(task.id for task in made.tasks)
    for device in BOTH:
        assert sum(f"begun on {device}" in line for line in said) >= 2
    for name in SHOTS:
        assert same(kit.depths(f"depth/{name}.####.exr"), unbroken(kit, name))


def test_a_stop_saves_on_both_and_the_same_call_goes_on(kit: RenderKit) -> None:
    made, stop, written = four_shots(kit), threading.Event(), set[str]()

    def observe(task: str, event: RenderEvent) -> None:
        if isinstance(event, FrameWritten):
            written.add(task)
            if len(written) == 2:
                stop.set()

    with pytest.raises(Interrupted):
        run_local(made, devices=BOTH, observer=observe, stop=stop)
    there = sum(len(kit.depths(f"depth/{name}.####.exr")) for name in SHOTS)
    assert 0 < there < len(SHOTS) * len(FRAMES)
    run_local(made, devices=BOTH)
    for name in SHOTS:
        assert same(kit.depths(f"depth/{name}.####.exr"), unbroken(kit, name))
