"""Which clips a step sees: drawn by seed and step, and mixed with made scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from studio_kit import H, W, clips_of, opened, write_shot, z_of

from flashdepth_vfx.errors import PlateError, SettingsError
from flashdepth_vfx.model import ModelConfig
from flashdepth_vfx.training.data import DataSettings
from flashdepth_vfx.training.studio import (
    ClipSettings,
    Mixture,
    whole_clip,
)
from flashdepth_vfx.training.studio.clips import draw_crop

CPU = torch.device("cpu")


def test_a_step_is_the_same_batch_whenever_it_is_loaded(tmp_path: Path) -> None:
    clips = clips_of(tmp_path)
    first, other, again = clips.batch(3, 2), clips.batch(4, 2), clips.batch(3, 2)
    assert first.rgb.shape == (2, 3, 3, 24, 32)
    assert first.disparity_100_per_m.shape == (2, 3, 24, 32)
    assert torch.equal(first.rgb, again.rgb)
    assert torch.equal(first.disparity_100_per_m, again.disparity_100_per_m)
    assert not torch.equal(first.disparity_100_per_m, other.disparity_100_per_m)


def test_a_clip_has_one_crop_one_flip_and_one_tone(tmp_path: Path) -> None:
    # the depth of the shot does not change in time, so neither may that of any clip
    clips = clips_of(tmp_path)
    for step in range(8):
        disparity = clips.batch(step, 1).disparity_100_per_m[0]
        assert torch.equal(disparity[0], disparity[1])
        assert torch.equal(disparity[0], disparity[2])
        red = clips.batch(step, 1).rgb[0, :, 0]
        assert torch.allclose(red[0], red[2], atol=1e-6), (
            "red tells the column, and no frame its own"
        )


def test_picture_and_depth_are_flipped_and_cut_together(tmp_path: Path) -> None:
    # red rises with the column as Z does, wherever the clip is cut and however it lies
    clips = clips_of(tmp_path, augment=False)
    flips = set()
    for step in range(12):
        batch = clips.batch(step, 1)
        z = 100.0 / batch.disparity_100_per_m[0, 0, 12].clamp_min(1e-6)
        red = batch.rgb[0, 0, 0, 12]
        inside = batch.disparity_100_per_m[0, 0, 12] > 0.0
        z, red = z[inside][1:-1], red[inside][1:-1]
        assert bool(((z[1:] - z[:-1] > 0) == (red[1:] - red[:-1] > 0)).all())
        flips.add(bool(z[-1] > z[0]))
    assert flips == {True, False}


def test_crops_fit_and_show_no_less_than_asked(tmp_path: Path) -> None:
    write_shot(tmp_path)
    shot = opened(tmp_path)
    settings = ClipSettings(0, 3, 16, 32, least_crop=0.5)
    rng = np.random.default_rng(0)
    windows = [draw_crop(rng, shot, settings).window for _ in range(50)]
    assert all(shot.window.contains(w) for w in windows)
    # as wide as the frame it is 64 x 32
    assert all(16 <= w.height <= 32 and abs(w.width - 2 * w.height) <= 1 for w in windows)
    assert len({(w.x, w.y) for w in windows}) > 20


def test_a_plate_is_not_blown_up_where_it_need_not_be(tmp_path: Path) -> None:
    write_shot(tmp_path)
    shot = opened(tmp_path)
    rng = np.random.default_rng(0)
    heights = [
        draw_crop(rng, shot, ClipSettings(0, 3, 40, 52, least_crop=0.1)).window.height
        for _ in range(30)
    ]
    assert min(heights) >= 40


def test_whole_clip_is_the_whole_frame_unflipped(tmp_path: Path) -> None:
    write_shot(tmp_path)
    shot = opened(tmp_path)
    clip = whole_clip(shot, 20, 128, ModelConfig.preset("nano"))
    assert clip.rgb.shape == (8, 3, 2 * H, 2 * W)
    whole = torch.from_numpy(100.0 / z_of(shot.window))
    twice = whole.repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert all(torch.equal(frame, twice) for frame in clip.truth_100_per_m)


def test_whole_clip_is_as_long_as_the_shot_has_frames_in_a_row(tmp_path: Path) -> None:
    write_shot(tmp_path)
    (tmp_path / "plate.1003.exr").unlink()
    clip = whole_clip(opened(tmp_path), 20, 128, ModelConfig.preset("nano"))
    assert len(clip.rgb) == 5


def test_a_frame_that_goes_away_is_one_clear_error(tmp_path: Path) -> None:
    clips = clips_of(tmp_path)
    for path in tmp_path.rglob("z.*.exr"):
        path.unlink()
    with pytest.raises(PlateError, match="is not on disk"):
        clips.batch(0, 1)


def mixture(folder: Path, share: float, workers: int = 2) -> Mixture:
    made = DataSettings(seed=1, clips=2, frames=3, height_px=24, width_px=32, flicker=0.0)
    return Mixture(clips_of(folder), made, share, workers, CPU)


def is_made(mix: Mixture, step: int) -> int:
    return mix.made_before(step + 1) - mix.made_before(step)


def test_the_share_of_made_scenes_is_kept_over_the_steps(tmp_path: Path) -> None:
    mix = mixture(tmp_path, 0.25)
    assert [is_made(mix, step) for step in range(8)] == [0, 1, 0, 1, 0, 1, 0, 1]
    assert mix.made_before(1000) == 500


def test_a_mixture_is_the_same_from_wherever_it_begins(tmp_path: Path) -> None:
    mix = mixture(tmp_path, 0.25)
    whole, resumed = mix(0), mix(2)
    batches = [next(whole) for _ in range(4)]
    for batch in batches[2:]:
        again = next(resumed)
        assert torch.equal(batch.rgb, again.rgb)
        assert torch.equal(batch.disparity_100_per_m, again.disparity_100_per_m)
    assert all(b.rgb.shape == (2, 3, 3, 24, 32) for b in batches)
    whole.close()  # type: ignore[attr-defined]
    resumed.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("share", [-0.1, 0.6, 1.0])
def test_every_batch_holds_a_studio_clip(tmp_path: Path, share: float) -> None:
    with pytest.raises(SettingsError, match="at least one"):
        mixture(tmp_path, share)
