"""Parts of a shot as tasks of their own: from where a take begins, with a pre-roll, and decided once for all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from render_kit import RenderKit, Watcher, header_of, run, same, write_plate
from test_render_cuts import CUTS, LAST, plates_of, whole_of

from flashdepth_vfx import RenderJob, UsageError, decide_shot
from flashdepth_vfx.errors import OutputExistsError, StateError, StateMismatchError
from flashdepth_vfx.plate import FloatArray, Window

BEGINS = (1, *CUTS)


def cuts_file(kit: RenderKit) -> str:
    path = kit.folder / "cuts.txt"
    path.write_text("\n".join(map(str, CUTS)))
    return str(path)


def takes() -> list[str]:
    ends = [cut - 1 for cut in CUTS] + [LAST]
    return [f"{first}-{last}" for first, last in zip(BEGINS, ends, strict=True)]


def test_take_of_its_own_sees_no_frame_before_it_and_equals_the_whole(kit: RenderKit) -> None:
    plates, cuts = plates_of(kit), cuts_file(kit)
    whole = whole_of(kit, plates, cuts=cuts)
    for frames in reversed(takes()):
        watcher = Watcher()
        run(kit.job(plates, frames=frames, cuts=cuts), watcher)
        assert watcher.passed == []
    assert same(kit.depths(), whole)
    watcher = Watcher()
    run(kit.job(plates, cuts=cuts, resume=True), watcher)
    assert watcher.written == []


def test_middle_of_a_take_is_seen_from_its_first_frame(kit: RenderKit) -> None:
    plates, cuts = plates_of(kit), cuts_file(kit)
    whole = whole_of(kit, plates, cuts=cuts)
    watcher = Watcher()
    run(kit.job(plates, frames="10-11", cuts=cuts), watcher)
    assert watcher.passed == [7, 8, 9]
    assert same(kit.depths(), {f: whole[f] for f in (10, 11)})


def test_a_replaced_plate_of_an_earlier_take_makes_nothing_stale(kit: RenderKit) -> None:
    plates, cuts = plates_of(kit), cuts_file(kit)
    run(kit.job(plates, cuts=cuts))
    write_plate(Path(plates.replace("####", "0003")), 3)
    watcher = Watcher()
    run(kit.job(plates, cuts=cuts, resume=True), watcher)
    assert watcher.written == [3, 4, 5, 6]


def test_another_list_makes_again_only_the_frames_that_it_changes(kit: RenderKit) -> None:
    plates, cuts = plates_of(kit), cuts_file(kit)
    run(kit.job(plates, cuts=cuts))
    Path(cuts).write_text(f"{CUTS[0]}")
    watcher = Watcher()
    run(kit.job(plates, cuts=cuts, resume=True), watcher)
    assert watcher.written == list(range(CUTS[1], LAST + 1))
    assert any("made again" in text for text in watcher.warnings)
    assert same(kit.depths(), whole_of(kit, plates, cuts=cuts))


def test_preroll_sees_so_many_frames_before_its_own(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 13))
    watcher = Watcher()
    run(kit.job(plates, frames="9-12", preroll_frames=3), watcher)
    assert watcher.passed == [6, 7, 8]
    assert watcher.written == [9, 10, 11, 12]
    # The same as a shot that begins there.
    run(kit.job(plates, "alone/shot.####.exr", frames="6-12", sparse=True))
    alone = kit.depths("alone/shot.####.exr")
    assert same(kit.depths(), {f: alone[f] for f in (9, 10, 11, 12)})
    assert header_of(kit.path(9))["flashdepth/prerollFrames"] == 3


def test_preroll_as_long_as_the_shot_is_the_unbroken_render(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 9))
    run(kit.job(plates, "whole/shot.####.exr"))
    for frames in ("1-4", "5-8"):
        run(kit.job(plates, frames=frames, preroll_frames=8))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


def test_preroll_ends_at_the_head_of_a_take(kit: RenderKit) -> None:
    plates, cuts = plates_of(kit), cuts_file(kit)
    watcher = Watcher()
    run(kit.job(plates, frames="8-9", cuts=cuts, preroll_frames=5), watcher)
    assert watcher.passed == [7]


def test_preroll_counts_frames_that_are_there(kit: RenderKit) -> None:
    plates = kit.shot([1, 2, 3, 6, 7, 8])
    watcher = Watcher()
    run(kit.job(plates, frames="7-8", preroll_frames=2, missing="skip"), watcher)
    assert watcher.passed[0] == 3
    assert watcher.passed[-1] == 6


def test_chunks_with_a_preroll_pass_no_state_on_and_resume_by_themselves(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 13))
    settings: dict[str, Any] = {"checkpoint_interval_frames": 1}
    run(kit.job(plates, frames="1-8", preroll_frames=2, **settings))
    second = kit.job(plates, frames="9-12", preroll_frames=2, **settings)
    fresh = Watcher()
    run(second, fresh)
    # Not from the checkpoint that the first chunk left for frame 9.
    assert fresh.passed == [7, 8]
    made = kit.depths()
    kit.path(12).unlink()
    again = Watcher()
    run(replace(second, resume=True), again)
    assert (again.passed, again.written) == ([], [12])
    assert same(kit.depths(), made)


def test_frames_with_and_without_a_preroll_are_not_mixed(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 6))
    run(kit.job(plates, frames="4-5", preroll_frames=1))
    with pytest.raises(OutputExistsError, match="prerollFrames 1, not None"):
        run(kit.job(plates, resume=True))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"preroll_frames": -1, "frames": "1-2"}, "0 frames or more"),
        ({"preroll_frames": 4}, "needs --frames"),
        ({"preroll_frames": 4, "frames": "1-2", "sparse": True}, "--sparse both say"),
        ({"preroll_frames": 4, "frames": "1-2", "state_in": "a.safetensors"}, "--state-in both"),
    ],
)
def test_a_preroll_that_contradicts_is_refused(
    kit: RenderKit, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        kit.job("plates/shot.####.exr", **wrong)


def decided_of(job: RenderJob) -> dict[str, Any]:
    (path,) = decide_shot(job)
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def test_tasks_take_the_cuts_that_were_decided(kit: RenderKit) -> None:
    plates = plates_of(kit)
    whole = whole_of(kit, plates, cuts="auto")
    job = kit.job(plates, cuts="auto")
    assert decided_of(job)["cuts"] == CUTS
    for frames in reversed(takes()):
        watcher = Watcher()
        run(replace(job, frames=frames, decided=True), watcher)
        assert watcher.passed == []
    assert same(kit.depths(), whole)


def test_canvas_that_was_decided_holds_when_plates_are_gone(kit: RenderKit) -> None:
    small = Window(0, 0, 160, 96)
    large = Window(-20, -12, 200, 120)
    for frame in range(1, 7):
        write_plate(
            kit.folder / f"plates/shot.{frame:04d}.exr",
            frame,
            data=large if frame == 2 else small,
            display=small,
        )
    plates = str(kit.folder / "plates/shot.####.exr")
    run(kit.job(plates, "whole/shot.####.exr"))
    job = kit.job(plates)
    decide_shot(job)
    first = replace(job, frames="1-3", decided=True, state_out=str(kit.folder / "3.safetensors"))
    run(first)
    (kit.folder / "plates/shot.0002.exr").unlink()
    run(
        replace(
            job, frames="4-6", decided=True, state_in=str(kit.folder / "3.safetensors"), resume=True
        )
    )
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


def test_exposure_is_measured_once(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    job = kit.job(plates, exposure_stops="auto")
    stops = decided_of(job)["identity"]["exposure_stops"]
    dark: FloatArray = np.full((96, 160, 3), 0.002, np.float32)
    for frame in range(7, 40):
        write_plate(kit.folder / f"plates/shot.{frame:04d}.exr", frame, rgb=dark)
    run(replace(job, frames="2", decided=True))
    assert header_of(kit.path(2))["flashdepth/exposureStops"] == stops
    run(kit.job(plates, "own/shot.####.exr", frames="2", exposure_stops="auto"))
    assert header_of(kit.path(2, "own/shot.####.exr"))["flashdepth/exposureStops"] != stops


def test_a_render_that_was_decided_otherwise_is_refused(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 4))
    job = kit.job(plates)
    with pytest.raises(StateError, match="run flashdepth decide first"):
        run(replace(job, decided=True))
    decide_shot(job)
    other = kit.job(plates, decided=True, display_view="Un-tone-mapped")
    with pytest.raises(
        StateMismatchError, match=r"decided for another render: color is .*decides again"
    ):
        run(other)
    assert not list((kit.folder / "depth").glob("*.exr"))
    path = kit.folder / "depth/shot.flashdepth/decided.json"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(StateError, match="decides again"):
        run(replace(job, decided=True))


def test_another_class_of_device_is_refused_unless_allowed(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 4))
    job = kit.job(plates)
    decide_shot(job)
    path = kit.folder / "depth/shot.flashdepth/decided.json"
    path.write_text(path.read_text().replace("threads=1", "threads=64"))
    with pytest.raises(StateMismatchError, match=r"kernels is .*--allow-device-change"):
        run(replace(job, decided=True))
    allowed = replace(job.settings, allow_device_change=True)
    run(replace(job, decided=True, settings=allowed))
    assert len(kit.depths()) == 3


def test_deciding_again_changes_nothing(kit: RenderKit) -> None:
    plates = plates_of(kit)
    job = kit.job(plates, cuts="auto")
    (path,) = decide_shot(job)
    first = path.read_bytes()
    run(replace(job, frames="1-4", decided=True))
    decide_shot(job)
    assert path.read_bytes() == first


def test_new_plates_bring_new_cuts_and_make_nothing_stale(kit: RenderKit) -> None:
    plates = plates_of(kit, range(1, 12))
    job = kit.job(plates, cuts="auto")
    assert decided_of(job)["cuts"] == CUTS[:1]
    run(replace(job, decided=True))
    plates_of(kit, range(12, LAST + 1))
    assert decided_of(job)["cuts"] == CUTS
    watcher = Watcher()
    run(replace(job, decided=True, resume=True), watcher)
    assert watcher.written == list(range(12, LAST + 1))
    assert same(kit.depths(), whole_of(kit, plates))


def test_each_view_has_what_was_decided_for_all(kit: RenderKit) -> None:
    left, right = (plates_of(RenderKit(kit.weights, kit.folder / eye)) for eye in ("left", "right"))
    assert left.replace("left", "right") == right
    job = kit.job(
        left.replace("left", "%V"), "%V/depth/shot.####.exr", view="left,right", cuts="auto"
    )
    found = [json.loads(path.read_text()) for path in decide_shot(job)]
    assert [one["cuts"] for one in found] == [CUTS, CUTS]
    assert [one["identity"]["picture"] for one in found] == ["@left", "@right"]
    one = replace(job, shot=replace(job.shot, view="right"), frames="8-9", decided=True)
    watcher = Watcher()
    run(one, watcher)
    assert watcher.passed == [7]
