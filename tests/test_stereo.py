"""Several views in one render: each with its own state, and what they share decided once for all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from beside_kit import chunks_of, pixels_by_openexr, pixels_by_openimageio
from plates import shared_plates, write_exr_parts
from render_kit import WINDOW, RenderKit, Watcher, at, picture, run, same, states_in
from render_kit import write_plate as write_mono
from stereo_kit import (
    BY_VIEW,
    KINDS,
    ONE,
    VIEWS,
    depths_of,
    eye,
    places,
    stereo,
    stereo_shot,
)
from test_render_cuts import edit_frames

from flashdepth_vfx import (
    StereoResult,
    result_to_plain,
)
from flashdepth_vfx.errors import (
    Interrupted,
    NoSuchChannelError,
    OutputExistsError,
    SettingsError,
)
from flashdepth_vfx.io.exr_header import read_headers
from flashdepth_vfx.plate import Window


@pytest.mark.parametrize("kind", KINDS)
def test_each_view_is_rendered_as_if_it_were_alone(kind: str, kit: RenderKit) -> None:
    plates, frames = stereo_shot(kit, range(1, 4), kind), range(1, 4)
    alone = {}
    for view in VIEWS:
        run(kit.job(plates, f"alone/{view}.####.exr", view=view))
        alone[view] = kit.depths(f"alone/{view}.####.exr")
    assert not same(alone["left"], alone["right"])
    for out in places(kind):
        result = stereo(kit, plates, out, overwrite=True)
        assert {v: r.frames_written for v, r in result.views.items()} == dict.fromkeys(
            VIEWS, (1, 2, 3)
        )
        for view in VIEWS:
            assert same(depths_of(kit, out, view, frames), alone[view])


def test_one_file_has_a_part_a_view_named_as_the_plate_names_its_own(kit: RenderKit) -> None:
    for kind in ("parts", "one part"):
        out = f"{kind}/shot.####.exr"
        stereo(kit, stereo_shot(kit, (1,), kind), out)
        path = kit.path(1, out)
        headers = read_headers(path)
        assert [h["name"] for h in headers] == ["depth.left", "depth.right"]
        views = [h.get("view") for h in headers]
        assert views == (["left", "right"] if kind == "parts" else [None, None])
        names = [c.name for h in headers for c in h["channels"]]
        assert names == (["depth.Z"] * 2 if kind == "parts" else ["depth.left.Z", "depth.right.Z"])
        by_one = [list(part.values()) for part in pixels_by_openexr(path)]
        assert by_one == pixels_by_openimageio(path)


def test_depth_of_all_views_stands_beside_the_plate(kit: RenderKit) -> None:
    for kind in ("parts", "one part"):
        plates, out = stereo_shot(kit, (1, 2), kind), f"{kind}/shot.####.exr"
        stereo(kit, plates, f"alone {kind}/shot.####.exr")
        stereo(kit, plates, out, append_part=True)
        for frame in (1, 2):
            plate, copy = at(plates, frame), kit.path(frame, out)
            assert chunks_of(copy)[:-2] == chunks_of(plate)
            assert chunks_of(copy)[-2:] == chunks_of(kit.path(frame, f"alone {kind}/shot.####.exr"))
            assert pixels_by_openexr(copy)[:-2] == pixels_by_openexr(plate)
            assert pixels_by_openimageio(copy)[:-2] == pixels_by_openimageio(plate)


def test_the_canvas_holds_the_windows_of_all_views(kit: RenderKit) -> None:
    window = Window(-16, 0, 192, 96)
    plates = stereo_shot(kit, (1,), right_window=window)
    stereo(kit, plates, ONE)
    left, right = read_headers(kit.path(1, ONE))
    assert left["flashdepth/canvas"] == right["flashdepth/canvas"] == str(window)
    assert left["flashdepth/networkSize"] == right["flashdepth/networkSize"]
    assert str(left["dataWindow"]) != str(right["dataWindow"])


@pytest.mark.parametrize("hero", VIEWS)
@pytest.mark.parametrize("kind", ["parts", "files"])
def test_the_hero_decides_the_cuts_of_all(hero: str, kind: str, kit: RenderKit) -> None:
    pattern = stereo_shot(kit, (), kind)
    (kit.folder / "plates").mkdir(exist_ok=True)
    for frame, rgb in enumerate(edit_frames()[:12], start=1):
        steady = picture(0)
        seen = {"left": rgb, "right": steady}
        if kind == "files":
            for view, pixels in seen.items():
                write_mono(at(pattern.replace("%V", view), frame), frame, rgb=pixels)
        else:
            parts = [({"name": v, "view": v}, {"RGB": pixels}) for v, pixels in seen.items()]
            write_exr_parts(at(pattern, frame), parts)
    other = VIEWS[1 - VIEWS.index(hero)]
    result = stereo(kit, pattern, BY_VIEW, view=f"{hero},{other}", cuts="auto")
    for one in result.views.values():
        manifest = json.loads(one.manifest.read_text())
        assert manifest["cuts"] == ([7] if hero == "left" else [])
    again = stereo(kit, pattern, BY_VIEW, view=f"{hero},{other}", cuts="auto", resume=True)
    assert again.views[other].frames_kept == tuple(range(1, 13))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [2, 6])
def test_a_stopped_render_goes_on_in_whichever_view_it_was(
    kind: str, after: int, kit: RenderKit
) -> None:
    plates, frames = stereo_shot(kit, range(1, 5), kind), range(1, 5)
    for out in places(kind):
        stereo(kit, plates, f"whole/{out}")
        with pytest.raises(Interrupted):
            run(kit.job(plates, out, view="left,right"), Watcher(stop_after=after))
        result = stereo(kit, plates, out, resume=True)
        assert len(result.views["left"].frames_kept) >= min(after, 4)
        for view in VIEWS:
            assert same(
                depths_of(kit, out, view, frames), depths_of(kit, f"whole/{out}", view, frames)
            )
        again = stereo(kit, plates, out, resume=True)
        assert not any(one.frames_written for one in again.views.values())


def test_a_plate_that_was_replaced_is_rendered_again_in_every_view(kit: RenderKit) -> None:
    plates = stereo_shot(kit, range(1, 4))
    stereo(kit, plates, ONE)
    moved = stereo_shot(kit, (40,))
    at(moved, 40).replace(at(plates, 3))
    result = stereo(kit, plates, ONE, resume=True)
    for one in result.views.values():
        assert (one.frames_kept, one.frames_written) == ((1, 2), (3,))
    stereo(kit, plates, "whole/shot.####.exr")
    for view in VIEWS:
        found = depths_of(kit, ONE, view, range(1, 4))
        assert same(found, depths_of(kit, "whole/shot.####.exr", view, range(1, 4)))


def test_one_view_that_is_lost_is_made_again_and_the_other_stays(kit: RenderKit) -> None:
    plates = stereo_shot(kit, (1, 2))
    stereo(kit, plates, ONE)
    before = chunks_of(kit.path(2, ONE))
    kit.path(2, ONE).unlink()
    run(kit.job(plates, "left/shot.####.exr", view="left"))
    stereo(kit, plates, ONE, resume=True)
    assert chunks_of(kit.path(2, ONE)) == before


def test_views_in_one_file_have_checkpoints_of_their_own(kit: RenderKit) -> None:
    stereo(kit, stereo_shot(kit, (1, 2)), ONE)
    for view in VIEWS:
        assert states_in(kit.folder / "depth/shot.flashdepth" / view) == [3]


def test_a_state_is_handed_on_for_each_view(kit: RenderKit) -> None:
    plates = stereo_shot(kit, range(1, 5))
    stereo(kit, plates, "whole/shot.####.exr")
    states = "states/%V.safetensors"
    stereo(kit, plates, ONE, frames="1-2", state_out=states)
    assert (kit.folder / "states/left.safetensors").exists()
    stereo(kit, plates, ONE, frames="3-4", state_in=states)
    for view in VIEWS:
        whole = depths_of(kit, "whole/shot.####.exr", view, range(1, 5))
        assert same(depths_of(kit, ONE, view, range(1, 5)), whole)
    with pytest.raises(SettingsError, match="put %V into it"):
        stereo(kit, plates, ONE, state_out="one.safetensors")


def test_all_is_every_view_the_default_first(kit: RenderKit) -> None:
    for kind in ("parts", "one part"):
        plates = stereo_shot(kit, (1,), kind, hero="right")
        result = stereo(kit, plates, f"{kind}/shot.####.exr", view="all")
        assert tuple(result.views) == ("right", "left")
        plain = result_to_plain(result)
        assert tuple(plain["views"]) == ("right", "left")
        assert json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize(
    ("kind", "view", "out", "says"),
    [
        ("parts", "left,left", ONE, "once"),
        ("parts", "left,", ONE, "once"),
        ("parts", "left,middle", ONE, "no view 'middle'"),
        ("parts", "middle,left", BY_VIEW, "no view 'middle'"),
        ("files", "all", BY_VIEW, "name them"),
        ("files", "left,right", ONE, "put %V into the output"),
        ("parts", "left,leftmost", "depth/%v.####.exr", "the same for two"),
        ("mono", "all", ONE, "no view 'all'"),
    ],
)
def test_what_cannot_be_is_one_error_and_nothing_is_written(
    kind: str, view: str, out: str, says: str, kit: RenderKit
) -> None:
    plates = kit.shot((1, 2)) if kind == "mono" else stereo_shot(kit, (1, 2), kind)
    with pytest.raises((SettingsError, NoSuchChannelError), match=says) as raised:
        run(kit.job(plates, out, view=view))
    assert "\n" not in str(raised.value)
    assert not (kit.folder / "depth").exists()


def test_a_layer_that_a_later_view_has_is_told_before_the_first(kit: RenderKit) -> None:
    plates = stereo_shot(kit, (1, 2))
    depth = np.ones(WINDOW.shape, np.float32)
    parts = [({"name": f"rgba.{v}", "view": v}, {"RGB": eye(v, 2)}) for v in VIEWS]
    taken = {"name": "depth.right", "view": "right"}, {"Z": depth}
    write_exr_parts(at(plates, 2), [*parts, taken])
    with pytest.raises(SettingsError, match="--depth-layer NAME"):
        stereo(kit, plates, ONE, append_part=True)
    assert not (kit.folder / "depth").exists()


def test_depth_of_one_view_is_not_taken_for_that_of_all(kit: RenderKit) -> None:
    plates = stereo_shot(kit, (1, 2))
    run(kit.job(plates, ONE))
    with pytest.raises(OutputExistsError):
        stereo(kit, plates, ONE, resume=True)


def test_real_stereo_plates_are_rendered_in_both_views(kit: RenderKit) -> None:
    plates = str(shared_plates("beachball") / "beachball.####.exr")
    job = kit.job(plates, ONE, frames="1-2", view="all", resolution=128)
    result = run(job)
    assert isinstance(result, StereoResult)
    assert tuple(result.views) == ("right", "left")
    assert result.mismatches[0].frames == (1, 2)
    for frame in (1, 2):
        names = [h["name"] for h in read_headers(kit.path(frame, ONE))]
        assert names == ["depth.right", "depth.left"]
