"""From an artist's choices to the renderer's job: names, defaults and choices are the renderer's own."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashdepth_vfx import Convention, RenderJob, RenderSettings, SceneUnit, Upsampling, farm
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.host import fields
from flashdepth_vfx.host.errors import Refusal
from flashdepth_vfx.host.paths import beside_plates, frames_there, numbered, spans, version_up
from flashdepth_vfx.host.shot import Anchor, Plates, frames_of, job_of, known_of, request_of
from flashdepth_vfx.io.exr_writer import COMPRESSIONS
from flashdepth_vfx.protocol import Shot, parse_request

PLATES = Plates("plates/plate.####.exr", 1001, 1100)


def _values(**more: Any) -> dict[str, Any]:
    return {**fields.defaults(), **more}


def test_choices_are_the_renderers() -> None:
    choices = {field.name: field.choices for field in fields.FIELDS if field.choices}
    assert choices["convention"] == tuple(Convention)
    assert choices["scene_unit"] == tuple(SceneUnit)
    assert set(choices["upsampling"]) == set(Upsampling)
    assert choices["mode"] == tuple(farm.Mode)
    assert set(choices["compression"]) <= set(COMPRESSIONS)
    assert all(COMPRESSIONS[one].lossless for one in choices["compression"])


def test_what_is_chosen_by_nobody_is_the_renderers_own() -> None:
    job = RenderJob.from_dict(job_of(_values(), PLATES, (1001, 1100)))
    # A node has always been told where cuts are: a film is not looked through behind an artist's back.
    assert job.settings == dataclasses.replace(RenderSettings(), cuts="none")
    assert (job.shot.input, job.frames, job.resume) == (PLATES.input, "1001-1100", True)
    assert job.output == "plates/depth/plate_depth_v001.####.exr"


def test_every_choice_reaches_the_job() -> None:
    other = {
        "text": "other",
        "int": 7,
        "number": 2.5,
        "flag": True,
        "file": "/show/x_v002.####.exr",
    }
    plain = json.dumps(request_of(_values(), PLATES, (1001, 1100)))
    special = {"resolution": "native", "weights": "file", "far": 9.0, "near": 1.0}
    farms = {"engine", "mode", "chunk", "job_dir", "handles"}
    for field in fields.FIELDS:
        if field.name in farms:
            continue
        changed = special.get(field.name, other.get(field.kind) or field.choices[-1])
        together = {"near": 1.0, "far": 9.0} if field.name in ("near", "far") else {}
        if field.name.startswith("weights"):
            together = {"weights": "file", "weights_file": "mine.safetensors"}
        values = _values(**{field.name: changed, **together})
        assert json.dumps(request_of(values, PLATES, (1001, 1100))) != plain, field.name


def test_a_request_is_one_that_the_worker_reads() -> None:
    anchors = (Anchor(10.5, 20, 1001, 3.0), Anchor(90, 30, 1002, 7.5))
    for values in (_values(), _values(near=1.0, far=9.0, convention="normalised_near_white")):
        request = {**request_of(values, PLATES, (1001, 1100), anchors), "id": "a"}
        read = parse_request(json.dumps(request).encode())
        assert isinstance(read, Shot)
        RenderJob.from_dict(read.job)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"file": "depth/d.exr"}, "place for the frame's number"),
        ({"file": "depth/d.####.png"}, "end the name in .exr"),
        ({"weights": "file"}, "name the file"),
        ({"resolution": "big"}, "give pixels"),
        ({"near": 2.0}, "go together"),
        ({"near": 9.0, "far": 2.0}, "0 < near < far"),
    ],
)
def test_what_no_render_could_use_is_refused_at_once(values: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        request_of(_values(**values), PLATES, (1001, 1100))


def test_distances_are_told_once() -> None:
    anchors = (Anchor(1, 2, 1001, 3.0),)
    with pytest.raises(Refusal, match="give one of them"):
        known_of(_values(near=1.0, far=9.0), anchors)
    assert known_of(_values(), ()) is None
    with pytest.raises(Refusal, match="room for"):
        known_of(_values(), anchors * 5)


whole = st.integers(-2000, 2000)


@given(whole, st.integers(0, 500), st.none() | whole, st.none() | whole, st.integers(0, 50))
def test_frames_are_those_asked_for_and_handles_as_far_as_there_are_plates(
    begin: int, length: int, first: int | None, last: int | None, handles: int
) -> None:
    plates = Plates("p.####.exr", begin, begin + length)
    asked = range(begin if first is None else first, (plates.last if last is None else last) + 1)
    there = range(plates.first, plates.last + 1)
    if not set(asked) & set(there):
        with pytest.raises(Refusal):
            frames_of(plates, first, last, handles)
        return
    found = frames_of(plates, first, last, handles)
    wanted = {f for f in there if asked[0] - handles <= f <= asked[-1] + handles}
    assert found == (min(wanted), max(wanted))


@given(st.lists(whole, max_size=40))
def test_spans_are_the_frames_again(frames: list[int]) -> None:
    runs = spans(frames)
    assert [f for first, last in runs for f in range(first, last + 1)] == sorted(set(frames))
    assert all(later > last + 1 for (_, last), (later, _) in itertools.pairwise(runs))


@pytest.mark.parametrize(
    ("name", "following"),
    [
        ("a_v001.####.exr", "a_v002.####.exr"),
        ("v009/a_v009.####.exr", "v010/a_v010.####.exr"),
        ("v002/a_v009.####.exr", "v002/a_v010.####.exr"),
        ("a_V99.####.exr", "a_V100.####.exr"),
        ("cave_v01_v003.####.exr", "cave_v01_v004.####.exr"),
        ("dev1/a_v1.####.exr", "dev1/a_v2.####.exr"),
    ],
)
def test_a_version_goes_up(name: str, following: str) -> None:
    assert version_up(name) == following


def test_a_name_without_a_version_is_refused() -> None:
    with pytest.raises(Refusal, match="no version"):
        version_up("wave1/dev2.####.exr")


@pytest.mark.parametrize(
    ("plates", "depth"),
    [
        ("/show/sh010_plate.####.exr", "/show/depth/sh010_plate_depth_v001.####.exr"),
        ("/show/sh010.%04d.dpx", "/show/depth/sh010_depth_v001.####.exr"),
        ("/show/sh010_%V_%04d.exr", "/show/depth/sh010_depth_v001.%V.####.exr"),
        ("/show/$F4.exr", "/show/depth/plate_depth_v001.####.exr"),
        ("/show/take 1.mov", "/show/depth/take 1_depth_v001.####.exr"),
        ("still.exr", "depth/still_depth_v001.####.exr"),
    ],
)
def test_depth_lies_beside_its_plates_with_a_version(plates: str, depth: str) -> None:
    assert beside_plates(plates) == depth
    assert numbered(depth)
    assert version_up(depth) == depth.replace("v001", "v002")


@given(st.sets(st.integers(0, 99_999), max_size=6), st.sampled_from(["####", "%04d", "$F4"]))
def test_frames_on_disk_are_those_that_the_renderer_finds(
    tmp_path_factory: pytest.TempPathFactory, frames: set[int], number: str
) -> None:
    folder = tmp_path_factory.mktemp("there")
    for frame in frames:
        (folder / f"a.{frame:04d}.exr").touch()
    for stranger in ("a.exr", "a.x.exr", "ab.0001.exr", "a.0001.exr.tmp"):
        (folder / stranger).touch()
    found = frames_there(f"{folder.as_posix()}/a.{number}.exr")
    assert found == tuple(sorted(frames))
    if frames:
        assert found == FrameSequence.parse(f"{folder.as_posix()}/a.{number}.exr").frames_on_disk()


def test_views_on_disk_and_folders_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "a.0001.exr").touch()
    assert frames_there(f"{tmp_path}/%V/a.####.exr", "left") == (1,)
    assert frames_there(f"{tmp_path}/%V/a.####.exr", "right") == ()
    assert frames_there(f"{tmp_path}/left/a.0001.exr/b.####.exr") == ()
    assert frames_there(f"{tmp_path}/left/a.0001.exr") == ()
