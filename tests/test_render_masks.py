"""Renders with masks: what is ignored has no say in any pixel, wherever a render begins, stops and goes on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mask_kit import BARS, LOG_BLACK, WINDOW, letterboxed, scene, undistorted, write_shot
from plates import write_exr
from render_checks import short_queue, stop_after  # noqa: F401 - a fixture
from render_kit import Probe, RenderKit, at, header_of, run, run_with, same

from flashdepth_vfx import Convention, ConvertJob, Upsampling, convert_depth
from flashdepth_vfx.errors import (
    CalibrationError,
    MissingFrameError,
    OutputExistsError,
    SettingsError,
    StateMismatchError,
)
from flashdepth_vfx.plate import FloatArray, Window

pytestmark = pytest.mark.usefixtures("short_queue")

RIG = np.zeros(WINDOW.shape, np.float32)
RIG[30:60, 50:100] = 1
FRAMES = range(1, 7)


def with_rig(color: float) -> Callable[[int], FloatArray]:
    """The scene with a rig in it of one colour."""

    def make(frame: int) -> FloatArray:
        return np.where(RIG[..., None] > 0, np.float32(color), scene(frame))

    return make


def mattes(kit: RenderKit, matte: FloatArray = RIG, frames: range = FRAMES) -> str:
    pattern = str(kit.folder / "mattes/rig.####.exr")
    for frame in frames:
        write_exr(at(pattern, frame), {"A": matte}, data=WINDOW, display=WINDOW)
    return pattern


def render(
    kit: RenderKit, make: Callable[[int], FloatArray], name: str, **settings: Any
) -> dict[int, FloatArray]:
    run(kit.job(write_shot(kit.folder / name, make, FRAMES), f"{name}/d.####.exr", **settings))
    return kit.depths(f"{name}/d.####.exr")


@pytest.mark.parametrize("upsampling", Upsampling)
@pytest.mark.parametrize("resolution", ["native", 100])
def test_what_a_matte_covers_changes_no_bit_of_depth(
    kit: RenderKit, upsampling: Upsampling, resolution: str | int
) -> None:
    given: dict[str, Any] = {"upsampling": upsampling, "resolution": resolution}
    given["matte_input"] = mattes(kit)
    red, white = (render(kit, with_rig(c), str(c), **given) for c in (0.1, 1.0))
    assert same(red, white)
    given["matte_input"] = None
    assert not same(render(kit, with_rig(1.0), "bare", **given), white)


def test_bars_have_no_say_whatever_their_black_is(kit: RenderKit) -> None:
    zero = render(kit, letterboxed, "zero")
    log = render(kit, partial(letterboxed, value=LOG_BLACK), "log")
    assert same(zero, log)
    assert (
        header_of(kit.path(3, "zero/d.####.exr"))["flashdepth/empty"] == "bars around 160x72+0+12"
    )
    assert not same(render(kit, letterboxed, "seen", empty="seen"), zero)


def test_bars_are_not_shown_to_the_network_and_their_depth_goes_on(kit: RenderKit) -> None:
    answer = torch.full((96, 160), 20.0)
    answer[:BARS] = answer[-BARS:] = 900.0
    probe = Probe(answer)
    run_with(probe, kit.job(write_shot(kit.folder, letterboxed, FRAMES)))
    assert all(shown.min() > 0.015 for shown in probe.shown)
    assert np.allclose(kit.depths()[3], 0.2)


def test_black_edges_that_breathe_have_no_say(kit: RenderKit) -> None:
    render(kit, undistorted, "lens")
    header = header_of(kit.path(2, "lens/d.####.exr"))
    assert header["flashdepth/empty"] == "black edges"
    shares = {
        header_of(kit.path(frame, "lens/d.####.exr"))["flashdepth/ignored"].partition(" %")[0]
        for frame in FRAMES
    }
    assert len(shares) > 2
    probe = Probe()
    run_with(probe, kit.job(write_shot(kit.folder, undistorted, FRAMES), "probe/d.####.exr"))
    assert all(shown.min() > 0.015 for shown in probe.shown)


@pytest.mark.parametrize("make", [letterboxed, undistorted])
def test_a_resumed_render_equals_an_unbroken_one(
    kit: RenderKit, make: Callable[[int], FloatArray]
) -> None:
    given = {"matte_input": mattes(kit), "checkpoint_interval_frames": 2}
    plates = write_shot(kit.folder, make, FRAMES)
    run(kit.job(plates, "whole/d.####.exr", **given))
    stop_after(kit, plates, 3, **given)
    assert len(kit.depths()) < len(FRAMES)
    run(kit.job(plates, resume=True, **given))
    assert same(kit.depths(), kit.depths("whole/d.####.exr"))
    for frame in FRAMES:
        one, other = (
            header_of(kit.path(frame, o)) for o in ("depth/shot.####.exr", "whole/d.####.exr")
        )
        assert one["flashdepth/ignored"] == other["flashdepth/ignored"]


@pytest.mark.parametrize("make", [letterboxed, undistorted])
def test_what_was_found_is_handed_on_to_plates_that_do_not_show_it(
    kit: RenderKit, make: Callable[[int], FloatArray]
) -> None:
    """The last task has one frame: black, of which nothing can be told."""
    plates = write_shot(kit.folder, lambda f: make(f) * (f < 6), FRAMES)
    run(kit.job(plates, "whole/d.####.exr"))
    run(kit.job(plates, frames="1-5", state_out="s.safetensors"))
    for frame in range(1, 6):
        at(plates, frame).unlink()
    run(kit.job(plates, frames="6", state_in="s.safetensors"))
    assert same(kit.depths(), kit.depths("whole/d.####.exr"))


def test_a_part_of_the_shot_decides_as_all_of_it(kit: RenderKit) -> None:
    plates = write_shot(kit.folder, lambda f: letterboxed(f) * (f not in (1, 2)), FRAMES)
    run(kit.job(plates, "whole/d.####.exr"))
    run(kit.job(plates, frames="1-2"))
    whole = kit.depths("whole/d.####.exr")
    assert same(kit.depths(), {frame: whole[frame] for frame in (1, 2)})


def test_frames_of_a_matte_that_was_replaced_are_made_again(kit: RenderKit) -> None:
    plates, given = write_shot(kit.folder, with_rig(1.0), FRAMES), mattes(kit)
    run(kit.job(plates, matte_input=given))
    before = kit.depths()
    mattes(kit, np.roll(RIG, 20, axis=1), range(4, 5))
    result = run(kit.job(plates, matte_input=given, resume=True))
    assert result.frames_kept == (1, 2, 3)
    assert result.frames_written == (4, 5, 6)
    assert not np.array_equal(kit.depths()[4], before[4])


def test_other_masks_are_other_settings(kit: RenderKit) -> None:
    plates, given = write_shot(kit.folder, with_rig(1.0), FRAMES), mattes(kit)
    run(kit.job(plates, matte_input=given, state_out="s.safetensors", frames="1-3"))
    for change in ({}, {"matte_input": given, "matte_threshold": 0.5}):
        with pytest.raises(OutputExistsError, match=r"matte A of rig\.####\.exr, above 0\.1, not "):
            run(kit.job(plates, resume=True, **change))
        with pytest.raises(StateMismatchError, match="matte is A of rig"):
            run(kit.job(plates, "o/d.####.exr", frames="4-6", state_in="s.safetensors", **change))
    with pytest.raises(OutputExistsError, match="empty none, not seen"):
        run(kit.job(plates, resume=True, matte_input=given, empty="seen"))


def test_a_matte_that_is_missing_stops_before_anything_is_written(kit: RenderKit) -> None:
    given = mattes(kit, frames=range(1, 5))
    with pytest.raises(MissingFrameError, match=r"frame 5 of .*rig.*a black one ignores nothing"):
        run(kit.job(write_shot(kit.folder, scene, FRAMES), matte_input=given))
    assert not (kit.folder / "depth").exists()


def test_mattes_are_never_written_over(kit: RenderKit) -> None:
    given = mattes(kit)
    before = at(given, 2).read_bytes()
    with pytest.raises(SettingsError, match="the output is a plate of the input"):
        run(
            kit.job(
                write_shot(kit.folder, scene, FRAMES),
                "mattes/rig.####.exr",
                matte_input=given,
                overwrite=True,
            )
        )
    assert at(given, 2).read_bytes() == before


def test_a_held_frame_ignores_what_the_frame_that_it_holds_does(kit: RenderKit) -> None:
    plates = write_shot(kit.folder, with_rig(1.0), FRAMES)
    at(plates, 4).unlink()
    run(kit.job(plates, matte_input=mattes(kit), missing="hold"))
    held, before = header_of(kit.path(4)), header_of(kit.path(3))
    assert held["flashdepth/heldFrom"] == 3
    assert held["flashdepth/ignored"] == before["flashdepth/ignored"]


def measured(kit: RenderKit, **settings: Any) -> ConvertJob:
    """Depth of a rig at disparity 900 before a wall at 10 to 50, in the middle of which it stands."""
    answer = torch.linspace(10, 50, 160).expand(96, 160).clone()
    answer[RIG > 0] = 900.0
    run_with(Probe(answer), kit.job(write_shot(kit.folder, with_rig(1.0), FRAMES), **settings))
    return ConvertJob(
        input=str(kit.folder / "depth/shot.####.exr"),
        output=str(kit.folder / "white/shot.####.exr"),
        convention=Convention.NORMALISED_NEAR_WHITE,
    )


def test_the_range_of_a_shot_does_not_know_what_is_ignored(kit: RenderKit) -> None:
    span = convert_depth(measured(kit, matte_input=mattes(kit))).span
    assert span is not None
    counted = torch.linspace(10, 50, 160).expand(96, 160).numpy()[RIG == 0]
    low, high = np.percentile(counted, (0.1, 99.9)) / 100
    assert (span.far_per_m, span.near_per_m) == pytest.approx((low, high), rel=1e-5)
    header = header_of(kit.path(2, "white/shot.####.exr"))
    assert header["flashdepth/ignored"] == header_of(kit.path(2))["flashdepth/ignored"]


def test_a_range_without_a_matte_knows_the_rig(kit: RenderKit) -> None:
    span = convert_depth(measured(kit)).span
    assert span is not None
    assert span.near_per_m == pytest.approx(9.0, rel=1e-3)


def test_no_distance_is_measured_on_what_is_ignored(kit: RenderKit) -> None:
    job = measured(kit, matte_input=mattes(kit))
    anchors = ("75,50,2=3", "10,50,2=9")
    known = ConvertJob(input=job.input, output=job.output, anchors=anchors)
    with pytest.raises(CalibrationError, match="on ignored pixels"):
        convert_depth(known)


def test_a_reference_has_no_say_where_depth_is_ignored(kit: RenderKit) -> None:
    job = measured(kit, matte_input=mattes(kit))
    pattern = str(kit.folder / "cg/shot.####.exr")
    truth = 200 / torch.linspace(10, 50, 160).expand(96, 160).numpy()
    truth[RIG > 0] = 0.001
    for frame in FRAMES:
        write_exr(
            at(pattern, frame), {"RGB": scene(frame), "Z": truth}, data=WINDOW, display=WINDOW
        )
    found = convert_depth(ConvertJob(input=job.input, output=job.output, reference=pattern))
    assert found.calibration is not None
    assert found.calibration.worst < 1e-4


def test_a_data_window_of_its_own_is_told_in_its_own_pixels(kit: RenderKit) -> None:
    data = Window(20, 10, 120, 80)
    plates = str(kit.folder / "cg/shot.####.exr")
    for frame in FRAMES:
        write_exr(at(plates, frame), {"RGB": scene(frame, data)}, data=data, display=WINDOW)
    answer = torch.linspace(10, 50, 160).expand(96, 160).clone()
    answer[RIG > 0] = 900.0
    run_with(Probe(answer), kit.job(plates, matte_input=mattes(kit)))
    job = ConvertJob(
        input=str(kit.folder / "depth/shot.####.exr"),
        output=str(kit.folder / "white/shot.####.exr"),
        convention=Convention.NORMALISED_NEAR_WHITE,
    )
    span = convert_depth(job).span
    assert span is not None
    counted = torch.linspace(10, 50, 160).expand(96, 160).numpy()[data.slices_in(WINDOW)]
    counted = counted[RIG[data.slices_in(WINDOW)] == 0]
    assert span.near_per_m == pytest.approx(np.percentile(counted, 99.9) / 100, rel=1e-4)


def test_a_frame_that_is_all_matte_is_sky_and_the_next_is_not(
    kit: RenderKit, tmp_path: Path
) -> None:
    given = mattes(kit)
    mattes(kit, RIG * 0 + 1, range(3, 4))
    run(kit.job(write_shot(tmp_path, scene, FRAMES), matte_input=given))
    assert not kit.depths()[3].any()
    assert kit.depths()[4].all()
