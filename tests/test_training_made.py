"""Held-out made scenes: the same by number, and the same whatever flickers."""

from __future__ import annotations

import torch

from flashdepth_vfx.training.made import made_clips


def test_a_made_clip_is_the_same_alone_and_in_a_row() -> None:
    first, second = made_clips(0, 2, 2, 32, 48, flicker=0.0)
    (alone,) = made_clips(1, 1, 2, 32, 48, flicker=0.0)
    assert second.name == alone.name == "made-0001"
    assert not torch.allclose(first.truth_100_per_m, second.truth_100_per_m)
    torch.testing.assert_close(second.rgb, alone.rgb)
    torch.testing.assert_close(second.truth_100_per_m, alone.truth_100_per_m)


def test_flicker_changes_the_picture_and_not_what_it_shows() -> None:
    (still,) = made_clips(1, 1, 4, 32, 48, flicker=0.0)
    (flickering,) = made_clips(1, 1, 4, 32, 48, flicker=1.0)
    torch.testing.assert_close(still.truth_100_per_m, flickering.truth_100_per_m)
    assert not torch.allclose(still.rgb, flickering.rgb, atol=0.01)
    assert still.cameras is not None
    assert still.cameras.eye_turn.shape == (4, 3, 3)
