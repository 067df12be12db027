"""Which frames are written, and what the state passes through: ranges, sparse renders, holes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from render_kit import (
    RenderKit,
    Watcher,
    at,
    header_of,
    run,
    same,
    states_in,
    windows_of,
    write_plate,
)

from flashdepth_vfx.errors import FrameRangeError, MissingFrameError
from flashdepth_vfx.plate import Window


def test_the_state_matters_for_every_frame_but_the_first(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates))
    for frame in range(1, 5):
        run(kit.job(plates, "alone/shot.####.exr", frames=str(frame), sparse=True))
    whole, alone = kit.depths(), kit.depths("alone/shot.####.exr")
    assert [frame for frame in whole if np.array_equal(whole[frame], alone[frame])] == [1]


@pytest.mark.parametrize("frames", ["5", "1", "8", "2-7x2,8", "3,3,1"])
def test_frames_says_what_is_written_and_changes_no_pixel(kit: RenderKit, frames: str) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates))
    asked = kit.job(plates, "part/shot.####.exr", frames=frames)
    result = run(asked)
    assert asked.frame_range is not None
    assert result.frames_written == asked.frame_range.frames
    whole = kit.depths()
    assert same(kit.depths("part/shot.####.exr"), {f: whole[f] for f in asked.frame_range})


def test_one_frame_again_starts_from_the_nearest_checkpoint(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, checkpoint_interval_frames=2))
    whole = kit.depths()
    kit.path(6).unlink()
    watcher = Watcher()
    run(kit.job(plates, frames="6"), watcher)
    # The checkpoint that waits for 5 is the nearest: 5 is gone through, 6 is written.
    assert (watcher.passed, watcher.written) == ([5], [6])
    assert same(kit.depths(), whole)


def test_checkpoint_of_a_plate_that_was_replaced_is_passed_over(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    run(kit.job(plates, checkpoint_interval_frames=1))
    write_plate(at(plates, 3), 300)
    watcher = Watcher()
    run(kit.job(plates, frames="6"), watcher)
    assert watcher.passed == [3, 4, 5]
    run(kit.job(plates, "fresh/shot.####.exr"))
    assert np.array_equal(kit.depths()[6], kit.depths("fresh/shot.####.exr")[6])


def test_checkpoint_of_other_settings_is_passed_over(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 5))
    run(kit.job(plates, checkpoint_interval_frames=1))
    watcher = Watcher()
    run(kit.job(plates, frames="4", exposure_stops=-2.0, overwrite=True), watcher)
    assert watcher.passed == [1, 2, 3]
    run(kit.job(plates, "fresh/shot.####.exr", exposure_stops=-2.0))
    assert np.array_equal(kit.depths()[4], kit.depths("fresh/shot.####.exr")[4])


def test_damaged_checkpoint_is_passed_over(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    run(kit.job(plates, checkpoint_interval_frames=2))
    whole = kit.depths()
    states = kit.folder / "depth/shot.flashdepth"
    assert states_in(states) == [3, 5, 7]
    torn = states / "state.0000005.safetensors"
    torn.write_bytes(torn.read_bytes()[:-100])
    watcher = Watcher()
    run(kit.job(plates, frames="6"), watcher)
    assert watcher.passed == [3, 4, 5]
    assert same(kit.depths(), whole)


def test_sparse_shows_the_network_the_listed_frames_alone(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    watcher = Watcher()
    run(kit.job(plates, frames="2,5,6", sparse=True), watcher)
    assert (watcher.passed, watcher.written) == ([], [2, 5, 6])
    only_these = kit.shot((2, 5, 6), "few/shot.####.exr")
    run(kit.job(only_these, "few_depth/shot.####.exr", missing="skip"))
    assert same(kit.depths(), kit.depths("few_depth/shot.####.exr"))


def test_sparse_and_whole_renders_do_not_take_each_others_checkpoints(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 6))
    run(kit.job(plates, frames="1-2", checkpoint_interval_frames=1, sparse=True))
    watcher = Watcher()
    run(kit.job(plates, frames="4", overwrite=True), watcher)
    assert watcher.passed == [1, 2, 3]


def test_hole_is_an_error_that_names_frame_and_remedy(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 4))
    with pytest.raises(
        MissingFrameError, match=r"shot\.0003\.exr: frame 3 .*--missing hold"
    ) as raised:
        run(kit.job(plates))
    assert raised.value.frame == 3
    assert not (kit.folder / "depth").exists()


def test_hole_after_the_wanted_frames_does_not_matter(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 4))
    assert run(kit.job(plates, frames="2")).frames_written == (2,)


def test_hold_repeats_depth_and_windows_and_leaves_the_state(kit: RenderKit) -> None:
    display = Window(0, 0, 160, 96)
    plates = kit.shot((1, 2, 5, 6), display=display, data=Window(-8, -4, 176, 104))
    write_plate(at(plates, 2), 2, data=Window(4, 6, 100, 80), display=display)
    result = run(kit.job(plates, missing="hold"))
    run(kit.job(plates, "skipped/shot.####.exr", missing="skip"))
    held, skipped = kit.depths(), kit.depths("skipped/shot.####.exr")
    assert result.frames_written == (1, 2, 3, 4, 5, 6)
    for hole in (3, 4):
        assert np.array_equal(held[hole], held[2])
        assert windows_of(kit.path(hole)) == windows_of(at(plates, 2))
        assert header_of(kit.path(hole))["flashdepth/heldFrom"] == 2
        assert header_of(kit.path(hole))["flashdepth/frame"] == hole
    assert list(skipped) == [1, 2, 5, 6]
    assert all(np.array_equal(held[frame], skipped[frame]) for frame in skipped)
    assert "flashdepth/heldFrom" not in header_of(kit.path(5))


def test_held_frame_does_not_claim_the_time_of_the_one_it_repeats(kit: RenderKit) -> None:
    plates = kit.shot((1, 3), timeCode=OpenEXR.TimeCode(*[1] * 18), owner="somebody")
    run(kit.job(plates, missing="hold"))
    assert "timeCode" in header_of(kit.path(1))
    assert "timeCode" not in header_of(kit.path(2))
    assert header_of(kit.path(2))["owner"] == "somebody"


def test_skip_carries_the_state_over_the_hole(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 5))
    watcher = Watcher()
    run(kit.job(plates, missing="skip"), watcher)
    assert (watcher.written, watcher.passed) == ([1, 2, 5], [3, 4])
    closed_up = kit.shot((1, 2), "closed/shot.####.exr")
    write_plate(at(closed_up, 3), 5)
    run(kit.job(closed_up, "closed_depth/shot.####.exr"))
    assert np.array_equal(kit.depths()[5], kit.depths("closed_depth/shot.####.exr")[3])


@pytest.mark.parametrize("frames", ["1-5", "1,3"])
def test_hold_on_the_first_frame_is_an_error(kit: RenderKit, frames: str) -> None:
    plates = kit.shot((3, 4, 5))
    with pytest.raises(MissingFrameError, match="frame 1 "):
        run(kit.job(plates, frames=frames, missing="hold"))
    assert not (kit.folder / "depth").exists()


def test_one_held_frame_alone_equals_the_whole_render(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 4))
    run(kit.job(plates, missing="hold", checkpoint_interval_frames=1))
    whole = kit.depths()
    run(kit.job(plates, "alone/shot.####.exr", frames="3", missing="hold"))
    assert same(kit.depths("alone/shot.####.exr"), {3: whole[3]})
    # Beside checkpoints too: one that waits for the hole has not seen the frame that it repeats.
    kit.path(3).unlink()
    run(kit.job(plates, frames="3", missing="hold"))
    assert same(kit.depths(), whole)


@pytest.mark.parametrize("sparse", [False, True])
def test_range_with_no_frame_on_disk_is_refused_whatever_missing_says(
    kit: RenderKit, sparse: bool
) -> None:
    plates = kit.shot((5, 6))
    with pytest.raises(FrameRangeError, match="5-6"):
        run(kit.job(plates, frames="1-3", missing="skip", sparse=sparse))
    assert not (kit.folder / "depth").exists()


def test_chunk_that_is_all_hole_writes_nothing_and_succeeds(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 5))
    assert run(kit.job(plates, frames="3-4", missing="skip")).frames_written == ()
    assert kit.depths() == {}


def test_negative_frames_render_in_order(kit: RenderKit) -> None:
    plates = str(kit.folder / "plates/shot.####.exr")
    for frame in (-2, -1, 0, 1):
        name = f"{frame:0{5 if frame < 0 else 4}d}"
        write_plate(Path(plates.replace("####", name)), frame)
    assert run(kit.job(plates, frames="-2-1")).frames_written == (-2, -1, 0, 1)
    assert (kit.folder / "depth/shot.-0002.exr").is_file()
    assert run(kit.job(plates, resume=True)).frames_kept == (-2, -1, 0, 1)


def test_still_is_a_shot_of_one_frame(kit: RenderKit) -> None:
    still = write_plate(kit.folder / "still.exr", 1)
    result = run(kit.job(str(still), "depth/still_depth.exr"))
    assert result.frames_written == (1,)
    assert (kit.folder / "depth/still_depth.exr").is_file()
