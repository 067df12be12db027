"""What a render leaves on disk: headers, the folder beside the output, and what it must never touch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
from raw_plates import RawChannel, exr_attribute, write_raw_exr
from render_kit import (
    WINDOW,
    Probe,
    RenderKit,
    Watcher,
    at,
    header_of,
    picture,
    run,
    run_with,
    states_in,
    temporaries,
    write_plate,
)

from flashdepth_vfx import RenderJob
from flashdepth_vfx.io.atomic import process_space


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def manifest_of(kit: RenderKit, frames: str) -> dict[str, Any]:
    path = kit.folder / f"depth/shot.flashdepth/manifest.{frames}.json"
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def test_metadata_passes_through_less_what_would_lie(kit: RenderKit) -> None:
    timecode = OpenEXR.TimeCode(*range(1, 19))
    plates = kit.shot(
        (1,),
        timeCode=timecode,
        owner="the studio",
        focal=35.0,
        chromaticities=(0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329),
        **{"flashdepth/settings": "of an earlier depth", "flashdepth/heldFrom": 7},
    )
    run(kit.job(plates))
    header = header_of(kit.path(1))
    assert str(header["timeCode"]) == str(header_of(at(plates, 1))["timeCode"])
    assert (header["owner"], header["focal"]) == ("the studio", 35.0)
    assert "chromaticities" not in header
    assert "flashdepth/heldFrom" not in header
    assert len(header["flashdepth/settings"]) == 16


def test_flashdepth_block_says_what_made_the_frame(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    run(kit.job(plates, exposure_stops=0.5))
    first, second = (header_of(kit.path(frame)) for frame in (1, 2))
    block = {name for name in first if name.startswith("flashdepth/")}
    named = (
        "version weights weightsSha256 weightsLicense weightsCommercialUse device kernels color "
        "exposureStops networkSize canvas upsampling convention sceneUnit infiniteSky unit calibrated frame reset "
        "nanCount infCount past settings cuts beside stabilised matte empty"
    )
    assert {f"flashdepth/{name}" for name in named.split(" ")} == block
    assert first["flashdepth/exposureStops"] == 0.5
    assert (first["flashdepth/reset"], second["flashdepth/reset"]) == (1, 0)
    assert (first["flashdepth/frame"], second["flashdepth/frame"]) == (1, 2)
    assert "uncalibrated" in first["flashdepth/unit"]


def test_same_render_twice_gives_the_same_bytes(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 3))
    run(kit.job(plates))
    run(kit.job(plates, "again/shot.####.exr"))
    for frame in (1, 2, 3):
        again = kit.path(frame, "again/shot.####.exr")
        assert kit.path(frame).read_bytes() == again.read_bytes()


def test_the_manifest_of_a_resumed_shot_still_tells_its_holes(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 4, 5, 6, 7))
    run(kit.job(plates, missing="skip", checkpoint_interval_frames=2))
    kit.path(7).unlink()
    # It starts behind the hole.
    result = run(kit.job(plates, missing="skip", resume=True, checkpoint_interval_frames=2))
    assert json.loads(result.manifest.read_text())["holes"] == [3]


def test_an_attribute_that_exr_cannot_hold_is_left_out_and_told_once(kit: RenderKit) -> None:
    """A list without items: files can have one, and the library cannot write it."""
    plates = str(kit.folder / "plates/shot.####.exr")
    empty = exr_attribute("keywords", "stringvector", b"")
    for frame in (1, 2, 3):
        at(plates, frame).parent.mkdir(exist_ok=True)
        colour = picture(frame)
        channels = [RawChannel(name, colour[..., i]) for i, name in enumerate("RGB")]
        write_raw_exr(at(plates, frame), channels, WINDOW, extra=empty)
    watcher = Watcher()
    run(kit.job(plates), watcher)
    assert sum("keywords" in text for text in watcher.warnings) == 1
    assert "keywords" not in header_of(kit.path(1))
    assert list(kit.depths()) == [1, 2, 3]


def test_orphans_are_swept_and_what_lives_is_left(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    host = process_space()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for folder in (kit.folder / f for f in ("depth", "depth/shot.flashdepth", "states")):
        folder.mkdir()
        for number in (gone.pid, os.getpid()):
            (folder / f".shot.0001.exr.{host}.{number}.0123abcd.tmp").write_bytes(b"half")
    (kit.folder / "depth/.mine.tmp").write_bytes(b"not ours")
    run(kit.job(plates, state_out="states/s.safetensors"))
    mine = f".shot.0001.exr.{host}.{os.getpid()}.0123abcd.tmp"
    assert temporaries(kit.folder) == sorted([".mine.tmp", mine, mine, mine])


def test_folder_beside_the_output_holds_manifest_states_and_log(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 6))
    result = run(kit.job(plates, checkpoint_interval_frames=2))
    folder = kit.folder / "depth/shot.flashdepth"
    assert result.manifest == folder / "manifest.1-5.json"
    assert states_in(folder) == [3, 5, 6]
    log = (folder / "render.1-5.log").read_text()
    assert "weights: random_nano.safetensors" in log
    assert log.index("frame 1 ") < log.index("frame 5 ") < log.index("done: 5 written")
    assert len(list((kit.folder / "depth").iterdir())) == 6


def test_manifest_says_from_what_by_what_and_what_happened(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 5))
    rgb = np.full((96, 160, 3), 0.5, np.float32)
    rgb[3, 4], rgb[5, 6, 0] = np.nan, np.inf
    write_plate(at(plates, 2), 2, rgb=rgb)
    job = kit.job(plates, missing="hold")
    run(job)
    manifest = manifest_of(kit, "1-5")
    assert manifest["outcome"] == "done"
    assert RenderJob.from_dict(manifest["job"]) == job
    assert manifest["frames_written"] == [1, 2, 3, 4, 5]
    assert (manifest["holes"], manifest["resets"]) == ([3, 4], [1])
    assert (manifest["nan_count"], manifest["inf_count"]) == (3, 1)
    told = {record["frame"]: record for record in manifest["frames"]}
    assert sorted(told) == [1, 2, 3, 4]
    assert told[2]["nan_count"] == 3
    assert told[4]["held_from"] == 2
    assert manifest["settings_hash"] == header_of(kit.path(1))["flashdepth/settings"]
    assert manifest["weights"]["sha256"] == header_of(kit.path(1))["flashdepth/weightsSha256"]
    assert manifest["identity"]["canvas"]["window"] == {"x": 0, "y": 0, "width": 160, "height": 96}


def test_each_range_has_its_own_manifest_and_log(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 7))
    for frames in ("1-3", "4-6", "1-5x2"):
        run(kit.job(plates, frames=frames))
    folder = kit.folder / "depth/shot.flashdepth"
    names = {path.name for path in folder.iterdir() if not path.name.startswith("state")}
    kinds = {"manifest": "json", "render": "log"}
    assert names == {f"{k}.{r}.{s}" for k, s in kinds.items() for r in ("1-3", "4-6", "1-5x2")}
    assert manifest_of(kit, "4-6")["frames_written"] == [4, 5, 6]


def test_long_range_still_has_a_file_name(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 3))
    frames = ",".join(str(frame) for frame in [1, 2, *range(10, 900, 7)])
    result = run_with(Probe(), kit.job(plates, frames=frames, missing="skip"))
    assert result.manifest.is_file()


def test_events_tell_the_whole_story_in_order(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 4))
    watcher = Watcher()
    run(kit.job(plates, missing="skip", frames="2-4"), watcher)
    kinds = [type(event).__name__ for event in watcher.events]
    assert (kinds[0], kinds[-1]) == ("Started", "Finished")
    assert (watcher.passed, watcher.written) == ([1, 3], [2, 4])
    done = [e.steps_done for e in watcher.events if hasattr(e, "steps_done")]
    assert done == [1, 2, 3, 4]
