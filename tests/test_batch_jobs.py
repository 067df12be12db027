"""What a person types, what a job file says, and the `RenderJob` that comes of it."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flashdepth_vfx
from flashdepth_batch import convert as convert_command
from flashdepth_batch import jobs
from flashdepth_batch import main as batch_main
from flashdepth_batch import plan as plan_command
from flashdepth_batch import render as render_command
from flashdepth_batch import submit as submit_command
from flashdepth_vfx import ConvertJob, RenderJob, RenderSettings, Shot
from flashdepth_vfx.io.exr_writer import COMPRESSIONS
from flashdepth_vfx.wording import words_of

ROOT = Path(__file__).resolve().parents[1]


def all_fields() -> set[str]:
    names: set[str] = set()
    for kind in (Shot, RenderSettings, RenderJob):
        names |= {field.name for field in dataclasses.fields(kind)}
    return names - {"shot", "settings"}


def test_every_field_of_a_job_has_an_option_and_every_option_a_field() -> None:
    options = {parameter.name for parameter in render_command.command.params}
    assert (
        options - {"job", "progress", "as_json", "debug", "help", "settings_files", "hook"}
        == all_fields()
    )
    options = {parameter.name for parameter in convert_command.command.params}
    fields = {field.name for field in dataclasses.fields(ConvertJob)}
    assert options - {"as_json", "debug", "help"} == fields


TEXT = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
MAYBE_TEXT = st.none() | TEXT


@st.composite
def any_job(draw: st.DrawFn) -> RenderJob:
    picture = draw(st.sampled_from(["layer", "channels", "neither"]))
    shot = Shot(
        input=draw(TEXT),
        layer=draw(TEXT) if picture == "layer" else None,
        channels=("a.R", "a.G", "B") if picture == "channels" else None,
        view=draw(MAYBE_TEXT),
        start_frame=draw(st.integers(-10, 2000)),
    )
    settings = RenderSettings(
        weights=draw(TEXT),
        accept_license=tuple(draw(st.lists(TEXT, max_size=2))),
        resolution=draw(st.sampled_from([None, "native", 518])),
        convention=draw(st.sampled_from(flashdepth_vfx.Convention)),
        upsampling=draw(st.sampled_from(flashdepth_vfx.Upsampling)),
        depth_layer=draw(st.sampled_from(["", "depth", "left"])),
        colorspace=draw(MAYBE_TEXT),
        ocio=draw(MAYBE_TEXT),
        exposure_stops=draw(st.floats(-30, 30) | st.just("auto")),
        device=draw(st.sampled_from(["auto", "cpu", "cuda:1"])),
        scan=draw(st.sampled_from(["auto", "torch", "mamba_ssm"])),
        missing=draw(st.sampled_from(flashdepth_vfx.MissingPolicy)),
        checkpoint_interval_frames=draw(st.integers(1, 99)),
        allow_device_change=draw(st.booleans()),
    )
    return RenderJob(
        shot=shot,
        output=draw(TEXT),
        frames=draw(st.sampled_from([None, "1001-1100,1200-1210x2"])),
        settings=settings,
        state_in=draw(MAYBE_TEXT),
        state_out=draw(MAYBE_TEXT),
        resume=draw(st.booleans()),
        wait_for_frames_seconds=draw(st.sampled_from([None, 0.5, 600.0]))
        if settings.missing == "error"
        else None,
        stall_timeout_seconds=draw(st.sampled_from([None, 0.5, 600.0])),
    )


def as_arguments(job: RenderJob) -> list[str]:
    """What a person would type for `job`, every option spelt out."""
    plain = json.loads(job.to_json())
    given_ = {**plain.pop("shot"), **plain.pop("settings"), **plain}
    arguments = []
    for option in render_command.command.params:
        value = given_.get(option.name)
        if option.name == "input":
            arguments.append(value)
        elif value is None or value is False or value == []:
            continue
        elif value is True:
            arguments.append(option.opts[-1])
        elif option.name == "channels":
            arguments.append(f"{option.opts[-1]}={','.join(value)}")
        else:
            values = value if isinstance(value, list) else [value]
            arguments += [f"{option.opts[-1]}={one}" for one in values]
    return arguments


def parsed(arguments: list[str]) -> RenderJob:
    """The job that the command would render."""
    context = render_command.command.make_context("render", arguments)
    extra = {"progress", "as_json", "job", "hook"}
    given_ = {name: value for name, value in context.params.items() if name not in extra}
    return jobs.job_from(context.params["job"], given_)


@given(any_job())
def test_a_job_survives_being_typed(job: RenderJob) -> None:
    assert parsed(as_arguments(job)) == job


@given(any_job())
def test_a_job_survives_being_put_into_words(job: RenderJob) -> None:
    words = shlex.split(words_of(job))
    assert words[:2] == ["flashdepth", "render"]
    assert parsed(words[2:]) == job


def test_words_leave_out_what_nobody_would_type() -> None:
    job = RenderJob(shot=Shot(input="my plates/a.####.exr"), output="-out/", frames="1-3")
    words = "flashdepth render 'my plates/a.####.exr' --output=-out/ --frames 1-3"
    assert words_of(job) == words


@given(any_job())
def test_a_job_survives_its_file(tmp_path_factory: pytest.TempPathFactory, job: RenderJob) -> None:
    path = tmp_path_factory.getbasetemp() / "job.json"
    path.write_text(job.to_json())
    assert parsed(["--job", str(path)]) == job


def test_options_replace_what_a_job_file_says(tmp_path: Path) -> None:
    job = RenderJob(
        shot=Shot(input="a.####.exr"),
        output="b/",
        frames="1-9",
        settings=RenderSettings(weights="s", exposure_stops=2.0),
    )
    path = tmp_path / "job.json"
    path.write_text(job.to_json())
    over = parsed(["--job", str(path), "--frames", "5", "--exposure", "-1", "--resume"])
    settings = dataclasses.replace(job.settings, exposure_stops=-1.0)
    assert over == dataclasses.replace(job, frames="5", settings=settings, resume=True)


def test_what_is_not_given_keeps_the_dataclasses_default() -> None:
    assert parsed(["in.exr", "-o", "out.exr"]) == RenderJob(
        shot=Shot(input="in.exr"), output="out.exr"
    )


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", "[" * 100_000, '{"shot": 7, "output": "b"}', '{"colour": 1}']
)
def test_a_bad_job_file_is_a_usage_error(
    text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "job.json").write_text(text)
    arguments = ["render", "in.exr", "-o", "out.exr", "--job", str(tmp_path / "job.json")]
    assert batch_main.main(arguments) == 2
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ['{"shot": 5}', '{"shot": null}', '{"shot": [], "output": "b"}'])
def test_a_shot_that_is_no_object_is_a_usage_error(
    text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "job.json").write_text(text)
    assert batch_main.main(["render", "--job", str(tmp_path / "job.json")]) == 2
    said = capfd.readouterr().err
    assert said.startswith("error: --job: 'shot' is not a JSON object")
    assert said.count("\n") == 1


@pytest.mark.parametrize(("command", "part"), [(render_command, 0), (convert_command, 1)])
def test_the_manual_lists_every_option_and_no_other(command: Any, part: int) -> None:
    manual = (ROOT / "docs" / "command.md").read_text(encoding="utf-8").split("## `convert`")[part]
    rows = [line.split(" | ")[0] for line in manual.splitlines() if line.startswith("| `-")]
    listed = {word for row in rows for word in re.findall(r"--[a-z-]+", row)}
    options = {
        name
        for parameter in command.command.params
        if isinstance(parameter, click.Option)
        for name in parameter.opts
        if name.startswith("--")
    }
    assert listed == options


def test_the_manual_lists_what_plan_and_submit_take_beside_a_render() -> None:
    def options(command: Any) -> set[str]:
        named = (p for p in command.command.params if isinstance(p, click.Option))
        return {one for p in named for one in (*p.opts, *p.secondary_opts) if one[:2] == "--"}

    manual = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    rows = {
        name: set(re.findall(r"--[a-z-]+", line))
        for line in manual.splitlines()
        for name in ("plan", "submit")
        if line.startswith(f"| `{name} INPUT")
    }
    assert options(plan_command) - options(render_command) <= rows["plan"] <= options(plan_command)
    assert options(submit_command) - options(plan_command) <= rows["submit"]


def test_help_and_manual_name_every_compression_and_say_which_lose() -> None:
    (option,) = (p for p in render_command.command.params if p.name == "compression")
    assert isinstance(option, click.Option)
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == list(COMPRESSIONS)
    manual = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    (row,) = (line for line in manual.splitlines() if line.startswith("| `--compression"))
    for text in (option.help or "", row.replace("`", "")):
        named = re.findall(r"\b([a-z][a-z0-9]+)( \(lossy\))?(?=[,.;])", text.partition(":")[2])
        assert {name: not lossy for name, lossy in named} == {
            name: kind.lossless for name, kind in COMPRESSIONS.items()
        }
