"""`--append-part`: copies of the plates with the depth as one more part, rendered, resumed and refused."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from beside_kit import chunks_of, pixels_by_openexr, pixels_by_openimageio
from plates import picture as picture_of
from plates import shared_plates, write_exr, write_image
from render_kit import RenderKit, Watcher, at, run, same, temporaries, write_plate

from flashdepth_vfx import Convention, ConvertJob, RenderJob, RenderSettings, Shot, convert_depth
from flashdepth_vfx.beside import require_space
from flashdepth_vfx.errors import (
    DiskFullError,
    OutputExistsError,
    PlateError,
    SettingsError,
)
from flashdepth_vfx.events import FrameWritten, RenderEvent
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.exr_beside import Expected
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.io.exr_writer import ExrDepthWriter
from flashdepth_vfx.plate import FloatArray, Window

OUT = "with/shot.####.exr"
DATA, DISPLAY = Window(8, 4, 120, 80), Window(0, 0, 160, 96)


def depth_part(path: Path) -> tuple[dict[str, Any], FloatArray]:
    """Header and pixels of the last part."""
    part = OpenEXR.File(str(path), separate_channels=True).parts[-1]
    (channel,) = part.channels.values()
    return dict(part.header), channel.pixels


def beside(kit: RenderKit, frames: range, out: str = OUT) -> dict[int, FloatArray]:
    return {frame: depth_part(kit.path(frame, out))[1] for frame in frames}


def test_the_depth_is_that_of_a_file_of_its_own_and_the_plate_is_the_plate(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 5), data=DATA, display=DISPLAY, owner="the show")
    run(kit.job(plates))
    result = run(kit.job(plates, OUT, append_part=True))
    assert result.frames_written == (1, 2, 3, 4)
    assert same(beside(kit, range(1, 5)), kit.depths())
    for frame in range(1, 5):
        plate, copy = at(plates, frame), kit.path(frame, OUT)
        assert chunks_of(copy)[:-1] == chunks_of(plate)
        assert pixels_by_openexr(copy)[:-1] == pixels_by_openexr(plate)
        assert pixels_by_openimageio(copy)[:-1] == pixels_by_openimageio(plate)
        alone, header = read_headers(kit.path(frame))[0], depth_part(copy)[0]
        differs = {"flashdepth/settings", "flashdepth/besidePlate", "chunkCount"}
        assert header.keys() - alone.keys() == {"flashdepth/besidePlate", "chunkCount"}
        for name in alone.keys() - differs:
            assert str(header[name]) == str(alone[name]), name


def test_a_resumed_render_keeps_what_is_whole_and_of_these_plates(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 6))
    run(kit.job(plates, OUT, append_part=True))
    whole = beside(kit, range(1, 6))
    kit.path(2, OUT).unlink()
    os.truncate(kit.path(4, OUT), kit.path(4, OUT).stat().st_size - 100)
    result = run(kit.job(plates, OUT, append_part=True, resume=True))
    assert (result.frames_kept, result.frames_written) == ((1, 3, 5), (2, 4))
    assert same(beside(kit, range(1, 6)), whole)
    write_plate(at(plates, 4), 40)
    result = run(kit.job(plates, OUT, append_part=True, resume=True))
    assert (result.frames_kept, result.frames_written) == ((1, 2, 3), (4, 5))
    assert chunks_of(kit.path(4, OUT))[:-1] == chunks_of(at(plates, 4))


def test_a_stopped_render_goes_on_as_an_unbroken_one(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 6))
    run(kit.job(plates, "whole/shot.####.exr", append_part=True))
    with pytest.raises(Exception, match="--resume"):
        run(kit.job(plates, OUT, append_part=True), Watcher(stop_after=2))
    run(kit.job(plates, OUT, append_part=True, resume=True))
    assert same(beside(kit, range(1, 6)), beside(kit, range(1, 6), "whole/shot.####.exr"))
    assert not temporaries(kit.folder)


@pytest.mark.parametrize("first", [True, False])
def test_depth_alone_and_depth_beside_are_not_taken_for_each_other(
    first: bool, kit: RenderKit
) -> None:
    plates = kit.shot((1, 2))
    run(kit.job(plates, OUT, append_part=first))
    job = kit.job(plates, OUT, append_part=not first, resume=True)
    with pytest.raises(OutputExistsError, match="besidePlate"):
        run(job)
    run(dataclasses.replace(job, resume=False, overwrite=True))
    assert len(read_headers(kit.path(1, OUT))) == 1 + (not first)


@pytest.mark.parametrize("overwrite", [True, False])
def test_the_plates_are_never_the_output(overwrite: bool, kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    before = [at(plates, frame).read_bytes() for frame in (1, 2)]
    (kit.folder / "link").symlink_to(kit.folder / "plates")
    for out in ("plates/shot.####.exr", "link/shot.####.exr"):
        with pytest.raises(SettingsError, match="is a plate of the input"):
            run(kit.job(plates, out, append_part=True, overwrite=overwrite))
    assert [at(plates, frame).read_bytes() for frame in (1, 2)] == before


def test_another_file_in_the_way_stays(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    write_plate(kit.path(2, OUT), 7)
    with pytest.raises(OutputExistsError, match="is not depth of ours"):
        run(kit.job(plates, OUT, append_part=True))
    assert not kit.path(1, OUT).exists()


def test_what_cannot_be_is_said_at_once() -> None:
    for wrong in ({"depth_layer": ""}, {"missing": "hold"}):
        with pytest.raises(SettingsError, match="--append-part"):
            RenderSettings(append_part=True, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", ["dpx", "png", "tif"])
def test_plates_without_parts_are_refused(suffix: str, kit: RenderKit) -> None:
    pixels = (picture_of(96, 160) * 255).astype(np.uint8)
    plates = kit.folder / f"plates/shot.0001.{suffix}"
    write_image(plates, pixels)
    with pytest.raises(SettingsError, match="needs EXR plates") as raised:
        run(kit.job(str(plates).replace("0001", "####"), OUT, append_part=True))
    assert "\n" not in str(raised.value)
    assert not (kit.folder / "with").exists()


def test_one_plate_of_many_that_has_the_layer_stops_the_shot_before_its_first(
    kit: RenderKit,
) -> None:
    plates = kit.shot((1, 2, 3))
    depth = np.ones((96, 160), np.float32)
    write_exr(at(plates, 3), {"RGB": np.dstack([depth] * 3), "depth.Z": depth})
    with pytest.raises(SettingsError, match="--depth-layer NAME") as raised:
        run(kit.job(plates, OUT, append_part=True))
    assert str(at(plates, 3)) in str(raised.value)
    assert not (kit.folder / "with").exists()
    run(kit.job(plates, OUT, append_part=True, depth_layer="flashdepth"))
    assert depth_part(kit.path(3, OUT))[0]["name"] == "flashdepth"


def test_a_copy_is_a_plate_again(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    run(kit.job(plates, OUT, append_part=True))
    again = kit.job(
        str(kit.folder / OUT), "twice/shot.####.exr", append_part=True, depth_layer="more"
    )
    run(again)
    path = kit.path(1, "twice/shot.####.exr")
    assert [h["name"] for h in read_headers(path)] == ["rgba", "depth", "more"]
    assert chunks_of(path)[:-1] == chunks_of(kit.path(1, OUT))


def test_copies_that_do_not_fit_are_told_before_the_first(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 3))
    try:
        # A hole at its end, which no disk of today could take: of what is copied, its size alone counts.
        os.truncate(at(plates, 3), 14 << 40)
    except OSError:
        pytest.skip("this file system has no files of that size")
    with pytest.raises(DiskFullError, match="3 frames take") as raised:
        run(kit.job(plates, OUT, append_part=True))
    assert raised.value.exit_code == 75
    assert "free" in str(raised.value)
    assert not (kit.folder / "with").exists()
    run(kit.job(plates, OUT, append_part=True, frames="1-2"))


def test_frames_that_are_there_need_no_room(tmp_path: Path) -> None:
    out = ExrDepthWriter(FrameSequence.parse(str(tmp_path / "not yet" / "shot.####.exr")))
    expected = {1: Expected(1 << 60, ""), 2: Expected(1000, "")}
    require_space(out, expected, frozenset((1,)))
    require_space(out, expected, frozenset((1, 2)))
    with pytest.raises(DiskFullError, match="2 frames take"):
        require_space(out, expected, frozenset())


def test_a_disk_that_fills_up_leaves_whole_frames_and_resume_goes_on(
    kit: RenderKit, small_disk: Path
) -> None:
    plates, out = kit.shot(range(1, 5)), "disk/shot.####.exr"
    subprocess.run(["mount", "-o", "remount,size=1300k", str(small_disk)], check=True)
    run(kit.job(plates, OUT, append_part=True))

    class _Other(Watcher):
        def __call__(self, event: RenderEvent) -> None:
            super().__call__(event)
            if isinstance(event, FrameWritten) and not (small_disk / "other").exists():
                (small_disk / "other").write_bytes(bytes(_free(small_disk) - 20_000))

    with pytest.raises(DiskFullError):
        run(kit.job(plates, out, append_part=True), _Other())
    assert temporaries(small_disk) == []
    (small_disk / "other").unlink()
    subprocess.run(["mount", "-o", "remount,size=5m", str(small_disk)], check=True)
    found = sorted(int(p.name.split(".")[1]) for p in small_disk.glob("shot.*.exr"))
    assert 0 < len(found) < 4
    result = run(kit.job(plates, out, append_part=True, resume=True))
    assert list(result.frames_kept) == found
    assert same(beside(kit, range(1, 5), out), beside(kit, range(1, 5)))


def _free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def test_convert_reads_the_part(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 3))
    run(kit.job(plates))
    run(kit.job(plates, OUT, append_part=True))
    for source, out in (("depth/shot.####.exr", "a/shot.####.exr"), (OUT, "b/shot.####.exr")):
        job = ConvertJob(
            input=str(kit.folder / source),
            output=str(kit.folder / out),
            convention=Convention.NORMALISED_NEAR_WHITE,
        )
        convert_depth(job)
    assert same(kit.depths("a/shot.####.exr"), kit.depths("b/shot.####.exr"))
    with pytest.raises(PlateError, match="is not depth of ours"):
        convert_depth(dataclasses.replace(job, depth_layer="rgba", input=plates))


def test_the_command_takes_it_and_the_manifest_says_so(
    plates: Callable[..., str], flashdepth: Callable[..., Any], nano_weights: Path, tmp_path: Path
) -> None:
    pattern = plates(2)
    out = str(tmp_path / "with" / "plate.####.exr")
    ended = flashdepth(
        "render", pattern, "-o", out, "--append-part", "--weights", str(nano_weights), "--device", "cpu",
        "--json",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    manifest = json.loads(Path(json.loads(ended.stdout)["manifest"]).read_text())
    assert manifest["job"]["settings"]["append_part"] is True
    path = tmp_path / "with" / "plate.1001.exr"
    assert [h["name"] for h in read_headers(path)] == ["rgba", "depth"]
    again = flashdepth(
        "render", pattern, "-o", pattern, "--append-part", "--weights", str(nano_weights)
    )
    assert again.returncode == 2
    assert again.stderr.startswith("error: ")


def test_the_job_travels_as_json(kit: RenderKit) -> None:
    job = kit.job(str(kit.folder / "plates/shot.####.exr"), append_part=True)
    assert RenderJob.from_json(job.to_json()) == job


@pytest.mark.parametrize("view", [None, "left", "right"])
def test_real_stereo_plates(view: str | None, kit: RenderKit) -> None:
    plates = str(shared_plates("beachball") / "beachball.####.exr")
    job = kit.job(plates, OUT, append_part=True, frames="1-2", resolution=96)
    run(dataclasses.replace(job, shot=Shot(input=plates, view=view)))
    for frame in (1, 2):
        plate, copy = at(plates, frame), kit.path(frame, OUT)
        assert chunks_of(copy)[:-1] == chunks_of(plate)
        assert pixels_by_openexr(copy)[:-1] == pixels_by_openexr(plate)
        assert pixels_by_openimageio(copy)[:-1] == pixels_by_openimageio(plate)
        assert depth_part(copy)[0]["name"] == f"depth.{view or 'right'}"
