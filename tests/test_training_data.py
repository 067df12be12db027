"""What training sees: every step its own clips, wherever a run begins and however many ranks share it."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import environment

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.preprocess import network_input
from flashdepth_vfx.training import data
from flashdepth_vfx.training.data import HELD_OUT, Batch, DataSettings, batches, held_out
from flashdepth_vfx.training.looks import Look, develop, draw_looks
from flashdepth_vfx.training.scenes import Scene, draw_scenes, render
from flashdepth_vfx.training.scenes.parts import Arrays

_CPU = torch.device("cpu")


def settings(**changes: Any) -> DataSettings:
    """The smallest there is."""
    base = DataSettings(seed=5, clips=2, frames=2, height_px=8, width_px=16, flicker=0.5)
    return dataclasses.replace(base, **changes)


def taken(s: DataSettings, first: int, count: int, rank: int = 0, ranks: int = 1) -> list[Batch]:
    return list(itertools.islice(batches(s, first, _CPU, rank, ranks), count))


def assert_equal(one: Batch, two: Batch) -> None:
    assert one.fresh is two.fresh
    for field in dataclasses.fields(Batch):
        if field.name != "fresh":
            assert torch.equal(getattr(one, field.name), getattr(two, field.name)), field.name


@pytest.mark.parametrize("chunks", [1, 3])
def test_a_step_sees_the_same_wherever_the_run_began(chunks: int) -> None:
    whole = taken(settings(chunks=chunks), 0, 5)
    assert [batch.fresh for batch in whole] == [n % chunks == 0 for n in range(5)]
    for first in (1, 4):
        later = taken(settings(chunks=chunks), first, 5 - first)
        for one, two in zip(whole[first:], later, strict=True):
            assert_equal(one, two)
    rgb = [batch.rgb for batch in whole]
    assert not any(torch.equal(one, two) for one, two in itertools.combinations(rgb, 2))


def test_processes_that_draw_ahead_change_nothing() -> None:
    for one, two in zip(taken(settings(), 2, 3), taken(settings(workers=2), 2, 3), strict=True):
        assert_equal(one, two)


@pytest.mark.parametrize(
    ("changes", "word"),
    [({name: 0}, name) for name in ("clips", "frames", "height_px", "width_px", "stride", "chunks")]
    + [({"workers": -1}, "workers"), ({"flicker": 1.5}, "chance"), ({"seed": -1}, "held-out")],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        settings(**changes)


_DRAWS_AND_DIES = """
import multiprocessing, os, signal, torch
from flashdepth_vfx.training.data import DataSettings, batches
drawn = batches(DataSettings(0, 1, 1, 8, 16, 0.5, workers=2), 0, torch.device("cpu"))
next(drawn)
workers = [worker.pid for worker in multiprocessing.active_children()]
for worker in workers:
    os.kill(worker, signal.SIGINT)
    os.kill(worker, signal.SIGTERM)
# more than they had drawn ahead
for _ in range(12):
    next(drawn)
print(*workers, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc what still runs")
def test_workers_end_with_the_process_they_draw_for_and_by_no_signal_of_a_key() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _DRAWS_AND_DIES],
        env=environment(), stdout=subprocess.PIPE, text=True, timeout=100, check=False,
    )  # fmt: skip
    workers = done.stdout.split()
    assert len(workers) == 2
    until = time.monotonic() + 20.0
    while any(map(_runs, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(_runs, workers))


def _runs(pid: str) -> bool:
    """One that has ended and that nobody has asked about yet is a zombie."""
    try:
        stat = Path("/proc", pid, "stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_two_ranks_see_between_them_what_one_sees_of_twice_as_many_clips() -> None:
    alone = taken(settings(clips=4), 0, 3)
    ranks = [taken(settings(clips=2), 0, 3, rank, 2) for rank in (0, 1)]
    for whole, first, second in zip(alone, *ranks, strict=True):
        both = torch.cat([first.disparity_100_per_m, second.disparity_100_per_m])
        assert torch.equal(whole.disparity_100_per_m, both)
        near = (whole.rgb - torch.cat([first.rgb, second.rgb])).abs() < 0.02
        assert float(near.float().mean()) > 0.99
        assert not torch.equal(first.rgb, second.rgb)


def test_runs_of_another_seed_see_other_clips() -> None:
    (one,), (two,) = taken(settings(seed=0), 0, 1), taken(settings(seed=1), 0, 1)
    assert not torch.equal(one.rgb, two.rgb)


def _seeds_drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every seed of a scene or a look that is drawn from here on."""
    seen: list[int] = []

    def scenes(seeds: Sequence[int], frames: int, stride: int = 1) -> Arrays:
        seen.extend(seeds)
        return draw_scenes(seeds, frames, stride)

    def looks(seeds: Sequence[int], frames: int, flicker: float) -> Arrays:
        seen.extend(seeds)
        return draw_looks(seeds, frames, flicker)

    monkeypatch.setattr(data, "draw_scenes", scenes)
    monkeypatch.setattr(data, "draw_looks", looks)
    return seen


def test_what_is_held_out_is_never_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _seeds_drawn(monkeypatch)
    held_out(settings(clips=3), _CPU, first=10)
    assert set(seen) == set(range(HELD_OUT + 10, HELD_OUT + 13))
    seen.clear()
    for seed in (0, 1000, (1 << 22) - 1):
        taken(settings(seed=seed, clips=6, frames=1, chunks=4), 400_000, 2, rank=7, ranks=8)
    assert len(set(seen)) > 18, "scenes that are cut to among them"
    assert 0 <= min(seen) <= max(seen) < HELD_OUT


def test_held_out_clips_are_the_same_whatever_the_run_and_fit_their_cameras() -> None:
    one, two = held_out(settings(seed=1), _CPU), held_out(settings(seed=9), _CPU)
    assert_equal(one, two)
    both = held_out(settings(clips=4), _CPU)
    assert torch.equal(both.rgb[2:], held_out(settings(), _CPU, first=2).rgb)
    seeds = range(HELD_OUT, HELD_OUT + 12)
    assert draw_looks(seeds, 2, 0.5)["flip"].any(), "some would be mirrored"
    known = render(Scene.from_arrays(draw_scenes(seeds, 2), _CPU), 8, 16)
    closed = torch.from_numpy(draw_looks(seeds, 2, 0.5)["shutter"] == 0)
    given = held_out(settings(clips=12), _CPU)
    assert torch.equal(given.disparity_100_per_m[closed], known.disparity_100_per_m[closed])
    assert given.eye_m is not None
    assert torch.equal(given.eye_m[closed], known.eye_m[closed])


def test_a_clip_goes_on_from_chunk_to_chunk() -> None:
    # its second frame in the first chunk and its first in the second are one step of the camera apart
    s = settings(clips=6, chunks=2, flicker=0.0)
    one, two = taken(s, 0, 2)
    first = s.seed << 40
    whole = Scene.from_arrays(draw_scenes(range(first, first + 6), 4), _CPU).eye_m
    assert one.eye_m is not None
    assert two.eye_m is not None
    shutter = torch.from_numpy(draw_looks(range(first, first + 6), 4, 0.0)["shutter"])
    looks = shutter[:, None, None] * 0.5
    wanted = whole[:, :4] + looks * (whole[:, 1:] - whole[:, :4])
    uncut = _uncut(one, two)
    assert int(uncut.sum()) >= 3
    joined = torch.cat([one.eye_m, two.eye_m], 1)
    assert torch.allclose(joined[uncut], wanted[uncut], atol=1e-4)


def _uncut(one: Batch, two: Batch) -> torch.Tensor:
    """No two scenes have one focal length."""
    assert one.focal_px is not None
    assert two.focal_px is not None
    return one.focal_px == two.focal_px


def test_clips_are_cut_between_chunks_and_only_there() -> None:
    s = settings(clips=24, frames=2, chunks=3, flicker=0.0)
    chunks = taken(s, 0, 3)
    cuts = [~_uncut(one, two) for one, two in itertools.pairwise(chunks)]
    cut = torch.stack(cuts)
    assert 0.04 < float(cut.float().mean()) < 0.35, "about one clip in seven at each place"
    assert bool((cut.sum(0) <= 1).all())
    assert bool(cut.any(1).all()), "at either place"
    for batch in chunks:
        assert batch.eye_m is not None
        step = (batch.eye_m[:, 1] - batch.eye_m[:, 0]).norm(dim=-1)
        assert float(step.max()) < 1.0, "within a chunk the camera walks"
    short = taken(settings(clips=24, frames=1, chunks=1), 0, 2)
    assert [batch.fresh for batch in short] == [True, True]


def test_a_mirrored_clip_is_mirrored_in_picture_truth_and_mask() -> None:
    s = settings(clips=8, flicker=0.0)
    (batch,) = taken(s, 0, 1)
    seeds = range(s.seed << 40, (s.seed << 40) + 8)
    look = Look.from_arrays(draw_looks(seeds, 2, 0.0), _CPU)
    scene = Scene.from_arrays(draw_scenes(seeds, 2), _CPU)
    clip = render(scene, 8, 16, shutter=look.shutter, light_stops=look.light_stops)
    rgb = develop(clip.rgb_linear, clip.disparity_100_per_m, look)
    assert 0 < float(look.flip.sum()) < 8
    assert batch.still is not None
    for which, flip in enumerate((look.flip > 0).tolist()):
        for given, plain in (
            (batch.rgb, rgb),
            (batch.disparity_100_per_m, clip.disparity_100_per_m),
            (batch.still, clip.still),
        ):
            wanted = plain[which].flip(-1) if flip else plain[which]
            assert torch.equal(given[which], wanted)
    assert bool((rgb != rgb.flip(-1)).any())


def test_flicker_is_what_changes_the_exposure() -> None:
    levels = {}
    for flicker in (0.0, 1.0):
        (batch,) = taken(settings(clips=16, frames=3, flicker=flicker), 0, 1)
        level = batch.rgb.mean((2, 3, 4)).clamp_min(1e-3).log()
        levels[flicker] = (level[:, 1:] - level[:, :-1]).abs().amax(1)
    assert float(levels[0.0].median()) < 0.01
    assert float(levels[1.0].mean()) > 5.0 * float(levels[0.0].mean())
    seeds = range(5 << 40, (5 << 40) + 24)
    steady = draw_looks(seeds, 3, 0.0)
    assert not steady["light_stops"].any()
    assert (steady["exposure_stops"] == steady["exposure_stops"][:, :1]).all()


def test_a_batch_is_what_it_says() -> None:
    (batch,) = taken(settings(), 0, 1)
    assert batch.rgb.shape == (2, 2, 3, 8, 16)
    assert 0.0 <= float(batch.rgb.min()) <= float(batch.rgb.max()) <= 1.0
    assert batch.disparity_100_per_m.shape == (2, 2, 8, 16)
    assert float(batch.disparity_100_per_m.min()) >= 0.0


def test_the_network_is_given_what_its_encoder_was_first_trained_on() -> None:
    rgb = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert float(network_input(rgb).abs().max()) < 1e-6
    white = network_input(torch.ones(2, 1, 3, 1, 1))
    assert white.flatten(2)[1, 0].tolist() == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-4)
