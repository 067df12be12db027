"""Batches of data sets: by their step alone, one set in turn, one crop a clip, and none of a file that is torn."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import paper_kit
import pytest
import torch

from flashdepth_vfx.errors import PlateError, SettingsError, UsageError
from flashdepth_vfx.training.data import Batch
from flashdepth_vfx.training.datasets import Fault, open_dataset
from flashdepth_vfx.training.paper.sets import SetOfStage, SetsSettings, set_batches

SETTINGS = SetsSettings(
    seed=3, clips=2, frames=3, height_px=40, width_px=56, crop="random",
    sets=(SetOfStage("mvs-synth", 1), SetOfStage("tartanair", 2)),
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paper_kit.write_sets(tmp_path_factory.mktemp("sets"))


def taken(
    root: Path, count: int, first: int = 0, rank: int = 0, ranks: int = 1,
    told: list[Fault] | None = None, **changes: Any,
) -> list[Batch]:  # fmt: skip
    """`count` batches from step `first` on."""
    settings = dataclasses.replace(SETTINGS, **changes)
    sets = {one.name: open_dataset(one.name, root) for one in settings.sets}
    unread = ([] if told is None else told).append
    source = set_batches(settings, sets, first, torch.device("cpu"), rank, ranks, unread)
    return list(itertools.islice(source, count))


def assert_same(one: Batch, two: Batch) -> None:
    assert torch.equal(one.rgb, two.rgb)
    assert torch.equal(one.disparity_100_per_m, two.disparity_100_per_m)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_step_is_the_same_wherever_training_begins(root: Path, workers: int) -> None:
    whole = taken(root, 7)
    for at, batch in enumerate(taken(root, 3, first=4, workers=workers)):
        assert_same(batch, whole[4 + at])
    assert not torch.equal(whole[0].rgb, whole[2].rgb)
    assert whole[0].rgb.shape == (2, 3, 3, 40, 56)
    assert whole[0].disparity_100_per_m.shape == (2, 3, 40, 56)


def test_ranks_together_see_what_one_with_as_many_clips_sees(root: Path) -> None:
    together = taken(root, 4)
    apart = [taken(root, 4, rank=rank, ranks=2, clips=1) for rank in (0, 1)]
    for whole, one, two in zip(together, *apart, strict=True):
        assert torch.equal(whole.rgb, torch.cat([one.rgb, two.rgb]))


def test_sets_take_turns_and_leaving_one_out_changes_nothing_of_the_other(root: Path) -> None:
    both, alone = taken(root, 4), taken(root, 2, sets=SETTINGS.sets[1:])
    for mixed, own in zip(both[1::2], alone, strict=True):
        assert_same(mixed, own)


def test_depth_is_100_over_metres_under_the_picture_that_shows_it(root: Path) -> None:
    for batch in taken(root, 4):
        inverse = batch.disparity_100_per_m / 100.0
        shown = (batch.rgb[:, :, 0] * 255.0 - 20.0) / 500.0
        sky = inverse == 0.0
        assert bool(sky.any() | (inverse > 0.0).all())
        # TartanAir is scaled by nothing here, and MVS-Synth neither: each pixel is one of the files'
        assert float((inverse - shown).abs().max()) < 2e-3


def test_a_clip_has_one_crop(tmp_path: Path) -> None:
    root = paper_kit.write_sets(tmp_path)
    folder = root / "mvs" / "GTAV_1080"
    for scene, length in zip(("0000", "0001"), paper_kit.LENGTHS["mvs-synth"], strict=True):
        for kind in ("images", "depths"):
            still = min((folder / scene / kind).iterdir())
            for frame in range(1, length):
                (still.with_stem(f"{frame:04d}")).write_bytes(still.read_bytes())
    batches = taken(root, 6, sets=SETTINGS.sets[:1], clips=1, frames=5)
    for batch in batches:
        assert torch.equal(batch.rgb, batch.rgb[:, :1].expand_as(batch.rgb)), "nothing moves"
    assert not torch.equal(batches[0].rgb, batches[1].rgb)


def test_a_torn_file_is_named_and_another_clip_taken(tmp_path: Path) -> None:
    root = paper_kit.write_sets(tmp_path)
    torn = root / "mvs" / "GTAV_1080" / "0000" / "depths" / "0004.exr"
    whole = taken(root, 8)
    torn.write_bytes(torn.read_bytes()[:80])
    told: list[Fault] = []
    batches = taken(root, 8, told=told)
    assert {fault.path for fault in told} == {str(torn)}
    changed = [not torch.equal(a.rgb, b.rgb) for a, b in zip(batches, whole, strict=True)]
    assert any(changed[::2])
    assert not any(changed[1::2]), "the other set is as it was"
    for one, two in zip(batches, taken(root, 8), strict=True):
        assert_same(one, two)


def test_a_set_with_nothing_to_give_ends_it_by_name(tmp_path: Path) -> None:
    root = paper_kit.write_sets(tmp_path)
    for path in (root / "mvs").rglob("*.exr"):
        path.write_bytes(b"")
    with pytest.raises(PlateError, match=r"\.exr"):
        taken(root, 1)


def test_unknown_and_sky_stay_apart_through_the_whole_way(tmp_path: Path) -> None:
    root = paper_kit.write_sets(tmp_path)
    for path in (root / "tartan").rglob("*_depth.npy"):
        depth = np.load(path)
        depth[:, 40:] = np.nan
        depth[:, 42:44] = -5.0
        np.save(path, depth)
    batch = taken(root, 1, sets=SETTINGS.sets[1:], height_px=32, width_px=40, crop="centre")[0]
    disparity = batch.disparity_100_per_m
    assert bool((disparity[..., 20:] == -100.0).all())
    assert bool((disparity[..., :20] >= 0.0).all())
    surfaces = disparity[disparity > 0.0]
    assert 5.0 - 1e-3 <= float(surfaces.min()) <= float(surfaces.max()) <= 45.0 + 1e-3


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"sets": ()}, "at least one"), ({"sets": (SetOfStage("spring", 1),) * 2}, "each once"),
     ({"sets": (SetOfStage("spring", 0),)}, "spring: a stride of 0"), ({"clips": 0}, "clips of 0"),
     ({"workers": -1}, "-1 workers")],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        dataclasses.replace(SETTINGS, **changes)


def test_a_set_without_a_unit_is_not_trained_on(tmp_path: Path) -> None:
    folder = tmp_path / "UnrealStereo4K" / "00000"
    paper_kit.png(folder / "Image0" / "00000.png", np.full((8, 8), 0.1, np.float32))
    (folder / "Disp0").mkdir()
    np.save(folder / "Disp0" / "00000.npy", np.full((8, 8), 3.0, np.float32))
    with pytest.raises(UsageError, match="unreal4k: its depths have no unit"):
        taken(tmp_path, 1, sets=(SetOfStage("unreal4k", 1),))
