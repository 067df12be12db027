"""Renders of shots with cuts: the state begins anew there, wherever a render begins, stops and goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from edit_kit import flash, joined, take
from plates import write_movie
from render_checks import short_queue, stop_after  # noqa: F401 - a fixture
from render_kit import RenderKit, Watcher, at, depths, header_of, run, same, write_plate
from test_batch_info import Run
from test_cuts_listed import clip, edit, track

from flashdepth_vfx import FrameWritten, Shot, find_cuts
from flashdepth_vfx.errors import CorruptPlateError, OutputExistsError, SettingsError
from flashdepth_vfx.plate import FloatArray
from flashdepth_vfx.state import load_state

pytestmark = pytest.mark.usefixtures("short_queue")

#: Takes of 6, 6 and 5 frames; the second has a flash of two.
CUTS = [7, 13]
LAST = 17


def edit_frames() -> list[FloatArray]:
    """At the size of the smallest plate."""
    takes = [take(30, 6), flash(take(33, 6), 2, 2, 5.0, 0.4), take(36, 5)]
    stacked = torch.from_numpy(np.stack(joined(takes).frames)).permute(0, 3, 1, 2)
    larger = torch.nn.functional.interpolate(stacked, size=(96, 160), mode="bilinear")
    return list(larger.permute(0, 2, 3, 1).contiguous().numpy())


def plates_of(
    kit: RenderKit, frames: range = range(1, LAST + 1), without: tuple[int, ...] = ()
) -> str:
    pattern = str(kit.folder / "plates/shot.####.exr")
    for frame, rgb in enumerate(edit_frames(), start=1):
        if frame in frames and frame not in without:
            write_plate(at(pattern, frame), frame, rgb=rgb)
    return pattern


def manifest_of(kit: RenderKit, out: str = "depth") -> dict[str, Any]:
    """The one there is."""
    (path,) = (kit.folder / out / "shot.flashdepth").glob("manifest.*.json")
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest


def whole_of(kit: RenderKit, plates: str, **settings: Any) -> dict[int, FloatArray]:
    run(kit.job(plates, "whole/shot.####.exr", **({"cuts": "auto"} | settings)))
    return kit.depths("whole/shot.####.exr")


def test_every_take_is_rendered_as_if_it_were_alone(kit: RenderKit) -> None:
    plates = plates_of(kit)
    run(kit.job(plates, cuts="auto"))
    manifest = manifest_of(kit)
    assert manifest["cuts"] == CUTS
    assert manifest["resets"] == [1, *CUTS]
    assert [f["frame"] for f in manifest["frames"] if f["cut"]] == CUTS
    whole = kit.depths()
    for first, last in ((1, 6), (7, 12), (13, LAST)):
        out = f"alone{first}/shot.####.exr"
        run(kit.job(plates, out, frames=f"{first}-{last}", sparse=True))
        assert same(kit.depths(out), {f: whole[f] for f in range(first, last + 1)})
    header = header_of(kit.path(7))
    assert (header["flashdepth/cut"], header["flashdepth/reset"]) == (1, 1)
    assert header["flashdepth/cuts"] == "auto/1"
    assert "flashdepth/cut" not in header_of(kit.path(1))


def test_log_and_events_say_why_the_state_was_reset(kit: RenderKit) -> None:
    watcher = Watcher()
    run(kit.job(plates_of(kit), cuts="auto"), watcher)
    assert [e.frame for e in watcher.events if isinstance(e, FrameWritten) and e.cut] == CUTS
    log = (kit.folder / f"depth/shot.flashdepth/render.1-{LAST}.log").read_text()
    assert log.count("cut: state reset") == len(CUTS)
    assert "cuts: auto/1" in log


def test_sequences_have_no_cuts_unless_asked_and_movies_do(kit: RenderKit) -> None:
    plates = plates_of(kit)
    run(kit.job(plates))
    assert (manifest_of(kit)["resets"], manifest_of(kit)["cuts"]) == ([1], [])
    movie = str(write_movie(kit.folder / "shot.mkv", edit_frames()))
    run(kit.job(movie, "movie/shot.####.exr"))
    assert manifest_of(kit, "movie")["cuts"] == CUTS
    run(kit.job(movie, "one/shot.####.exr", cuts="none"))
    assert manifest_of(kit, "one")["cuts"] == []


def test_compressed_movie_has_the_same_cuts_numbered_as_its_frames(kit: RenderKit) -> None:
    path = kit.folder / "shot.mp4"
    write_movie(path, edit_frames(), codec="libx264", pixel_format="yuv420p", options={"crf": "28"})
    assert find_cuts(Shot(input=str(path))) == tuple(CUTS)
    assert find_cuts(Shot(input=str(path), start_frame=1001)) == tuple(1000 + c for c in CUTS)
    assert find_cuts(Shot(input=str(path)), "none") == ()


def test_listed_cuts_give_the_pixels_of_those_that_were_found(kit: RenderKit) -> None:
    plates = plates_of(kit)
    whole = whole_of(kit, plates)
    (kit.folder / "cuts.txt").write_text("7\n13 # the rain\n")
    run(kit.job(plates, cuts=str(kit.folder / "cuts.txt")))
    assert manifest_of(kit)["cuts"] == CUTS
    assert same(kit.depths(), whole)
    path = edit(kit.folder, track(clip(6), clip(6), clip(5)))
    run(kit.job(plates, "edit/shot.####.exr", cuts=str(path)))
    assert same(kit.depths("edit/shot.####.exr"), whole)


def test_edit_of_another_length_is_one_error_and_nothing_is_written(kit: RenderKit) -> None:
    path = edit(kit.folder, track(clip(6), clip(6)))
    plates = plates_of(kit)
    with pytest.raises(SettingsError, match="12 frames long and the shot 17"):
        run(kit.job(plates, cuts=str(path)))
    assert not (kit.folder / "depth").exists()


@pytest.mark.parametrize("frames", ["7", "13", "5-7", "1-6", "1-7", "8-12", "6,14"])
def test_part_of_a_shot_is_cut_as_the_whole_is(kit: RenderKit, frames: str) -> None:
    plates = plates_of(kit)
    whole = whole_of(kit, plates)
    run(kit.job(plates, frames=frames, cuts="auto"))
    part = kit.depths()
    assert same(part, {frame: whole[frame] for frame in part})
    last = max(part)
    # Also those that were only passed through.
    assert manifest_of(kit)["cuts"] == [c for c in CUTS if c <= last]


@pytest.mark.parametrize("count", [1, 4, 5, 6, 7, 8, 12, 13])
@pytest.mark.parametrize("interval", [1, 4])
def test_resumed_around_a_cut_equals_unbroken(kit: RenderKit, count: int, interval: int) -> None:
    plates = plates_of(kit)
    whole = whole_of(kit, plates)
    stop_after(kit, plates, count, cuts="auto", checkpoint_interval_frames=interval)
    assert 0 < len(kit.depths()) < LAST
    run(kit.job(plates, resume=True, cuts="auto", checkpoint_interval_frames=interval))
    assert same(kit.depths(), whole)
    assert manifest_of(kit)["cuts"] == CUTS
    assert manifest_of(kit)["resets"] == [1, *CUTS]


def test_resumed_movie_equals_unbroken(kit: RenderKit) -> None:
    movie = str(write_movie(kit.folder / "shot.mkv", edit_frames()))
    whole = whole_of(kit, movie)
    stop_after(kit, movie, 6)
    run(kit.job(movie, resume=True))
    assert same(kit.depths(), whole)


@pytest.mark.parametrize("last", [5, 6, 7, 8, 10, 12, 13])
def test_tasks_that_hand_the_state_on_cut_as_one(kit: RenderKit, last: int) -> None:
    """Also where the plates behind the first task are gone: what decides is in the state."""
    plates = plates_of(kit)
    whole = whole_of(kit, plates)
    run(
        kit.job(
            plates, "a/shot.####.exr", frames=f"1-{last}", cuts="auto", state_out="s.safetensors"
        )
    )
    for frame in range(1, last + 1):
        at(plates, frame).unlink()
    rest = f"{last + 1}-{LAST}"
    run(kit.job(plates, "b/shot.####.exr", frames=rest, cuts="auto", state_in="s.safetensors"))
    assert same(kit.depths("a/shot.####.exr") | kit.depths("b/shot.####.exr"), whole)
    assert len(load_state(kit.folder / "s.safetensors").decisions["cuts"]) < 20_000


@pytest.mark.parametrize("missing", ["hold", "skip"])
@pytest.mark.parametrize("holes", [(5,), (6, 8), (7,), (12, 13), (14,)])
@pytest.mark.parametrize("listed", [False, True])
def test_holes_around_a_cut(
    kit: RenderKit, missing: str, holes: tuple[int, ...], listed: bool
) -> None:
    plates = plates_of(kit, without=holes)
    text = kit.folder / "cuts.txt"
    text.write_text("7,13")
    how = {"cuts": str(text) if listed else "auto", "missing": missing}
    whole = whole_of(kit, plates, **how)
    begins = [next(f for f in range(cut, LAST) if f not in holes) for cut in CUTS]
    assert manifest_of(kit, "whole")["cuts"] == begins
    stop_after(kit, plates, 6, checkpoint_interval_frames=1, **how)
    run(kit.job(plates, resume=True, checkpoint_interval_frames=1, **how))
    assert same(kit.depths(), whole)


def test_frames_of_other_cuts_are_in_the_way(kit: RenderKit) -> None:
    plates = plates_of(kit)
    stop_after(kit, plates, 8, cuts="auto")
    with pytest.raises(OutputExistsError, match="cuts auto/1, not none"):
        run(kit.job(plates, resume=True))
    run(kit.job(plates, overwrite=True))
    assert manifest_of(kit)["cuts"] == []


@pytest.mark.parametrize("torn", [8, 9, 10])
def test_torn_plate_behind_a_cut_stops_what_it_decides(kit: RenderKit, torn: int) -> None:
    plates = plates_of(kit)
    whole = whole_of(kit, plates)
    content = at(plates, torn).read_bytes()
    at(plates, torn).write_bytes(content[:-200])
    with pytest.raises(CorruptPlateError, match=rf"shot\.{torn:04d}\.exr"):
        run(kit.job(plates, cuts="auto"))
    # Frame 7 could not be decided without it; all before it are there.
    assert same(kit.depths(), {frame: whole[frame] for frame in range(1, 7)})
    at(plates, torn).write_bytes(content)
    run(kit.job(plates, resume=True, cuts="auto"))
    assert same(kit.depths(), whole)


def test_plate_replaced_behind_a_cut_is_decided_again(kit: RenderKit) -> None:
    """Frame 9 is of the first take now, so that 7 and 8 pass for a flash: their depth is stale."""
    plates = plates_of(kit)
    run(kit.job(plates, cuts="auto", checkpoint_interval_frames=1))
    write_plate(at(plates, 9), 9, rgb=edit_frames()[5])
    run(kit.job(plates, resume=True, cuts="auto", checkpoint_interval_frames=1))
    assert manifest_of(kit)["cuts"] == [13]
    assert same(kit.depths(), whole_of(kit, plates))


def test_sparse_frames_are_cut_among_themselves(kit: RenderKit) -> None:
    plates = plates_of(kit)
    run(kit.job(plates, frames="1-4,13-17", sparse=True, cuts="auto"))
    found = manifest_of(kit)["cuts"]
    assert found == [13]


def test_info_lists_cuts_when_asked(kit: RenderKit, flashdepth: Run, tmp_path: Path) -> None:
    plates = plates_of(kit)
    told = flashdepth(
        "info", plates, "--cuts", "auto", "--colorspace", "sRGB Encoded Rec.709 (sRGB)"
    )
    assert told.returncode == 0, told.stderr
    assert ["cuts", "7 13"] in [line.split(None, 1) for line in told.stdout.splitlines()]
    facts = json.loads(flashdepth("info", plates, "--cuts", "auto", "--json").stdout)
    assert facts["cuts"] == CUTS
    assert "cuts" not in json.loads(flashdepth("info", plates, "--json").stdout)
    nothing = flashdepth("info", plates, "--cuts", "none")
    assert ["cuts", "none"] in [line.split() for line in nothing.stdout.splitlines()]
    (tmp_path / "cuts.txt").write_text("99")
    refused = flashdepth("info", plates, "--cuts", "cuts.txt")
    assert refused.returncode == 2
    assert "frame 99 lies outside the shot, 1-17" in refused.stderr
    assert depths(str(tmp_path / "depth/shot.####.exr")) == {}
