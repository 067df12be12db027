"""Where a render may write: never over plates, and over what lies there only when it is ours or asked."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import OpenEXR
import pytest
from render_kit import RenderKit, at, run, same, write_plate

from flashdepth_vfx.errors import OutputError, OutputExistsError, SettingsError


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def link(kind: str, plates: Path, depth: Path) -> None:
    """Make `depth` another name of the folder `plates`, or of one of its files."""
    if kind == "folder":
        depth.symlink_to(plates, target_is_directory=True)
        return
    depth.mkdir()
    target, name = plates / "shot.0002.exr", depth / "shot.0002.exr"
    if kind == "hard link":
        os.link(target, name)
    elif kind == "symlink":
        name.symlink_to(target)
    else:
        (depth / "between").symlink_to(target)
        name.symlink_to(depth / "between")


@pytest.mark.parametrize("kind", ["folder", "symlink", "symlink to symlink", "hard link"])
def test_output_that_is_the_input_by_another_name_is_refused(kit: RenderKit, kind: str) -> None:
    plates = kit.shot(range(1, 4))
    link(kind, kit.folder / "plates", kit.folder / "depth")
    before = bytes_of(kit.folder)
    for overwrite in (False, True):
        with pytest.raises(SettingsError, match="the output is a plate of the input"):
            run(kit.job(plates, overwrite=overwrite))
    assert bytes_of(kit.folder) == before


@pytest.mark.parametrize(
    "out", ["plates/shot.####.exr", "plates/../plates/shot.%04d.exr", "./plates//shot.$F4.exr"]
)
def test_output_same_as_input_is_refused(kit: RenderKit, out: str) -> None:
    plates = kit.shot(range(1, 4))
    before = bytes_of(kit.folder)
    with pytest.raises(SettingsError, match="the output is a plate of the input") as raised:
        run(kit.job(plates, out, overwrite=True))
    assert raised.value.exit_code == 2
    assert bytes_of(kit.folder) == before


@pytest.mark.parametrize("by", ["plain", "link"])
def test_depth_is_never_laid_into_a_hole_of_the_input(kit: RenderKit, by: str) -> None:
    """The next render would take it for a plate."""
    plates = kit.shot((1, 3))
    (kit.folder / "link").symlink_to(kit.folder / "plates")
    out = {"plain": "plates/shot.####.exr", "link": "link/shot.####.exr"}[by]
    with pytest.raises(SettingsError, match="the output is a plate of the input"):
        run(kit.job(plates, out, frames="2", missing="hold"))
    assert sorted(bytes_of(kit.folder / "plates")) == ["shot.0001.exr", "shot.0003.exr"]


def test_state_is_never_laid_over_a_plate(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    before = bytes_of(kit.folder)
    with pytest.raises(SettingsError, match="plate of the input"):
        run(kit.job(plates, state_out="plates/shot.0001.exr"))
    assert bytes_of(kit.folder) == before


def test_output_beside_the_input_is_allowed(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    run(kit.job(plates, "plates/shot_depth.####.exr"))
    assert len(list((kit.folder / "plates").glob("*.exr"))) == 4


@pytest.mark.parametrize(
    "other",
    [
        {"exposure_stops": 1.0},
        {"convention": "disparity"},
        {"upsampling": "nearest"},
        {"resolution": 320},
        {"colorspace": "ACEScg"},
        {"depth_layer": ""},
        {"compression": "zip"},
        {"sparse": True, "frames": "1-2"},
    ],
    ids=lambda other: next(iter(other)),
)
@pytest.mark.parametrize("resume", [False, True])
def test_frames_of_other_settings_are_refused(
    kit: RenderKit, other: dict[str, Any], resume: bool
) -> None:
    plates = kit.shot((1, 2))
    run(kit.job(plates))
    before = bytes_of(kit.folder)
    with pytest.raises(OutputExistsError, match=r"shot\.0001\.exr: .*other settings.*--overwrite"):
        run(kit.job(plates, resume=resume, **other))
    assert bytes_of(kit.folder) == before


def test_what_differs_is_named(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    run(kit.job(plates))
    with pytest.raises(OutputExistsError, match=r"exposureStops 0\.0, not 1\.0"):
        run(kit.job(plates, exposure_stops=1.0))
    with pytest.raises(OutputExistsError, match="of the channel, compression"):
        run(kit.job(plates, compression="zip"))


def test_another_rule_for_holes_alone_keeps_the_frames(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 4))
    run(kit.job(plates, missing="skip"))
    result = run(kit.job(plates, missing="hold", resume=True))
    assert (result.frames_kept, result.frames_written) == ((1, 2, 4), (3,))


def test_a_folder_with_a_dot_in_its_name_is_a_folder(kit: RenderKit) -> None:
    run(replace(kit.job(kit.shot([1])), output=str(kit.folder / "renders/v1.0") + "/"))
    assert (kit.folder / "renders/v1.0/shot_depth.0001.exr").is_file()


def test_a_file_that_is_not_ours_is_not_replaced_unasked(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    kit.path(2).parent.mkdir()
    kit.path(2).write_text("somebody's notes")
    for resume in (False, True):
        with pytest.raises(OutputExistsError, match=r"shot\.0002\.exr: is not depth of ours"):
            run(kit.job(plates, resume=resume))
    assert kit.path(2).read_text() == "somebody's notes"
    run(kit.job(plates, overwrite=True))
    assert list(kit.depths()) == [1, 2]


def test_a_whole_exr_of_another_program_is_told_to_be_that(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    kit.path(2).parent.mkdir()
    shutil.copy(at(plates, 2), kit.path(2))
    with pytest.raises(OutputExistsError, match=r"shot\.0002\.exr: is not depth of ours"):
        run(kit.job(plates))


def test_a_state_out_that_is_a_frame_of_the_output_is_refused(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    with pytest.raises(SettingsError, match="is a frame of the output"):
        run(kit.job(plates, state_out="depth/shot.0002.exr"))
    assert not (kit.folder / "depth").exists()


def test_a_state_out_that_cannot_be_written_is_told_before_the_frames(kit: RenderKit) -> None:
    (kit.folder / "file").write_text("no folder")
    with pytest.raises(OutputError, match="state"):
        run(kit.job(kit.shot((1, 2)), state_out="file/state"))
    assert kit.depths() == {}


def test_frames_of_other_weights_are_refused(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    run(kit.job(plates))
    kit.path(2).unlink()
    tampered = OpenEXR.File(str(kit.path(1)))
    tampered.parts[0].header["flashdepth/settings"] = "0" * 16
    tampered.write(str(kit.path(1)))
    with pytest.raises(OutputExistsError, match="other settings"):
        run(kit.job(plates, resume=True))


def test_frames_that_were_not_asked_for_may_be_of_other_settings(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    run(kit.job(plates, frames="1"))
    assert run(kit.job(plates, frames="2", exposure_stops=1.0)).frames_written == (2,)


def test_files_of_others_in_the_way_are_refused(kit: RenderKit) -> None:
    plates = kit.shot((1, 2))
    stranger = write_plate(kit.path(2), 2)
    before = stranger.read_bytes()
    with pytest.raises(OutputExistsError, match=r"shot\.0002\.exr"):
        run(kit.job(plates))
    assert stranger.read_bytes() == before
    assert not kit.path(1).exists()


def test_overwrite_replaces_frames_of_other_settings(kit: RenderKit) -> None:
    plates = kit.shot((1, 2, 3))
    run(kit.job(plates, "fresh/shot.####.exr", exposure_stops=1.0))
    run(kit.job(plates, checkpoint_interval_frames=1))
    run(kit.job(plates, exposure_stops=1.0, overwrite=True))
    assert same(kit.depths(), kit.depths("fresh/shot.####.exr"))
