"""A render job as JSON: equal after a round trip, held by its schema, and never read with a misspelling."""

from __future__ import annotations

import dataclasses
import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashdepth_vfx.errors import FrameRangeError, SettingsError, UsageError
from flashdepth_vfx.job import RenderJob, Shot, job_schema
from flashdepth_vfx.settings import Convention, MissingPolicy, RenderSettings, Upsampling

names = st.text(min_size=1, max_size=20)
jobs = st.builds(
    RenderJob,
    shot=st.builds(
        Shot,
        input=names,
        layer=st.none() | names,
        view=st.none() | names,
        start_frame=st.integers(-100, 10**6),
    ),
    output=names,
    frames=st.sampled_from([None, "1001-1100", "1-9x2,20", "-5--2"]),
    settings=st.builds(
        RenderSettings,
        weights=names,
        accept_license=st.lists(names, max_size=2).map(tuple),
        resolution=st.none() | st.just("native") | st.integers(1, 9000),
        convention=st.sampled_from(Convention),
        upsampling=st.sampled_from(Upsampling),
        missing=st.sampled_from(MissingPolicy),
        exposure_stops=st.floats(-30, 30) | st.just("auto"),
        checkpoint_interval_frames=st.integers(1, 1000),
    ),
    state_in=st.none() | names,
    resume=st.booleans(),
)


@given(jobs)
def test_a_job_comes_back_from_json_equal_and_fits_its_schema(job: RenderJob) -> None:
    assert RenderJob.from_json(job.to_json()) == job
    jsonschema.validate(json.loads(job.to_json()), job_schema())


def test_the_schema_names_every_field() -> None:
    definitions = job_schema()["$defs"]
    for kind in (RenderJob, Shot, RenderSettings):
        fields = {f.name for f in dataclasses.fields(kind)}
        assert set(definitions[kind.__name__]["properties"]) == fields
        assert definitions[kind.__name__]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"shot":{"input":"a"},"output":"b","wieghts":"s"}', "wieghts"),
        ('{"shot":{"input":"a","vieww":"l"},"output":"b"}', "vieww"),
        ('{"shot":{"input":"a"},"output":"b","settings":{"resolutoin":5}}', "resolutoin"),
        ('{"shot":{"input":"a"},"output":"b","settings":{"missing":"maybe"}}', "missing"),
        ('{"shot":{"input":"a"}}', "output"),
        ('{"shot":{"input":3},"output":"b"}', "input"),
        ("[1]", "array"),
        ("{", "truncated"),
        ("", "truncated"),
    ],
)
def test_a_job_that_cannot_be_read_names_what_is_wrong(text: str, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        RenderJob.from_json(text)


@pytest.mark.parametrize("frames", ["9-1", "a", "1-5x0", "", "1,,2"])
def test_an_unreadable_range_is_refused_when_the_job_is_made(frames: str) -> None:
    with pytest.raises(FrameRangeError):
        RenderJob(shot=Shot(input="a"), output="b", frames=frames)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match="--overwrite"):
        RenderJob(shot=Shot(input="a"), output="b", resume=True, overwrite=True)
    with pytest.raises(SettingsError, match="--frames"):
        RenderJob(shot=Shot(input="a"), output="b", settings=RenderSettings(sparse=True))
    with pytest.raises(SettingsError, match="--channels"):
        Shot(input="a", layer="l", channels=("R",))
    for wrong in (0, -5):
        with pytest.raises(SettingsError, match="resolution"):
            RenderSettings(resolution=wrong)


def test_the_channel_is_named_for_its_layer() -> None:
    assert RenderSettings().depth_channel == "depth.Z"
    assert RenderSettings(depth_layer="").depth_channel == "Z"
