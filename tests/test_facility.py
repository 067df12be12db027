"""Settings of a site, a show and a shot: what goes over what, what is allowed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render_kit import RenderKit, header_of
from test_batch_jobs import parsed

from flashdepth_batch import main as batch_main
from flashdepth_vfx import Facility, RenderJob, UsageError
from flashdepth_vfx.errors import SettingsError

JOB = {"shot": {"input": "a.####.exr"}, "output": "d/"}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def job_by(*paths: Path, **more: object) -> RenderJob:
    return RenderJob.from_dict(Facility.load(paths).job_form({**JOB, **more}))


def test_a_shot_goes_over_its_show_and_a_show_over_its_site(tmp_path: Path) -> None:
    site = write(
        tmp_path / "site.toml",
        '[settings]\ncolorspace = "ACEScg"\nscene_unit = "cm"\nupsampling = "guided"\n',
    )
    show = write(
        tmp_path / "show/show.toml",
        'extends = "../site.toml"\nstall_timeout_seconds = 600\n[settings]\nscene_unit = "ft"\n',
    )
    shot = write(
        tmp_path / "show/sh010/shot.toml",
        'extends = "../show.toml"\n[settings]\nupsampling = "nearest"\n[shot]\nstart_frame = 1001\n',
    )
    job = job_by(shot)
    assert (job.settings.colorspace, job.settings.scene_unit) == ("ACEScg", "ft")
    assert (job.settings.upsampling, job.shot.start_frame) == ("nearest", 1001)
    assert job.stall_timeout_seconds == 600
    assert job_by(site, show, shot) == job
    # A job goes over all of them, field by field.
    over = job_by(shot, settings={"scene_unit": "mm"})
    assert (over.settings.scene_unit, over.settings.colorspace) == ("mm", "ACEScg")


FIELDS = st.dictionaries(
    st.sampled_from(["colorspace", "display_view", "weights", "depth_layer"]),
    st.sampled_from(["a", "b", "c"]),
)


@given(st.lists(FIELDS, max_size=4))
def test_of_several_files_the_last_that_says_it_decides(
    tmp_path_factory: pytest.TempPathFactory, tables: list[dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("settings")
    paths = [
        write(
            folder / f"{i}.toml", "[settings]\n" + "".join(f'{k} = "{v}"\n' for k, v in t.items())
        )
        for i, t in enumerate(tables)
    ]
    wanted: dict[str, str] = {}
    for table in tables:
        wanted |= table
    settings = job_by(*paths).settings
    assert {name: getattr(settings, name) for name in wanted} == wanted


def test_files_are_relative_to_the_one_that_names_them(tmp_path: Path) -> None:
    path = write(tmp_path / "show/s.toml", '[settings]\nocio = "config.ocio"\ncuts = "auto"\n')
    settings = job_by(path).settings
    assert (settings.ocio, settings.cuts) == (str(tmp_path / "show/config.ocio"), "auto")
    built_in = write(
        tmp_path / "b.toml", '[settings]\nocio = "ocio://default"\ncuts = "cuts.txt"\n'
    )
    settings = job_by(built_in).settings
    assert (settings.ocio, settings.cuts) == ("ocio://default", str(tmp_path / "cuts.txt"))


def test_a_show_cannot_allow_what_its_site_does_not(tmp_path: Path) -> None:
    write(tmp_path / "site.toml", '[policy]\nweights = ["nano", "s"]\n')
    show = write(tmp_path / "show.toml", 'extends = "site.toml"\n[policy]\nweights = ["s", "l"]\n')
    facility = Facility.load([show])
    assert facility.weights == {"s"}
    with pytest.raises(
        SettingsError, match=r"weights nano may not be used here: .*show.toml allows s"
    ):
        facility.require(RenderJob.from_dict(JOB))
    allowed = RenderJob.from_dict({**JOB, "settings": {"weights": "s"}})
    assert facility.require(allowed) == allowed
    assert Facility().require(allowed) == allowed


WRONG = [
    ("[settings", "is no TOML"),
    ("[settings]\ncolour = 1\n", r"no field 'colour' in \[settings\]"),
    ('output = "d/"\n', "no field 'output'"),
    ("[shot]\ninput = 'a'\n", r"no field 'input' in \[shot\]"),
    ("settings = 3\n", "is a table"),
    ("[settings]\nscene_unit = 'parsec'\n", "parsec"),
    ("[settings]\nresolution = true\n", "resolution"),
    ("[policy]\nweights = 'nano'\n", "a list of names"),
    ("[policy]\nhook = 'x'\n", "has weights alone"),
    ("extends = 'gone.toml'\n", "gone.toml: cannot be read"),
    ("extends = 'wrong.toml'\n", "extends itself"),
    ("extends = 3\n", "names one file"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_refused_by_file_and_field(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path / "wrong.toml", text)
    with pytest.raises(SettingsError, match=said) as refused:
        Facility.load([path])
    assert str(tmp_path) in str(refused.value)


def test_the_command_takes_them_and_the_environment_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = write(
        tmp_path / "site.toml", '[settings]\nscene_unit = "cm"\n[policy]\nweights = ["s"]\n'
    )
    show = write(tmp_path / "show.toml", '[settings]\nscene_unit = "ft"\nweights = "s"\n')
    plain = ["a.####.exr", "-o", "d/"]
    given_ = ["--settings", str(site), "--settings", str(show)]
    assert parsed([*plain, *given_]).settings.scene_unit == "ft"
    assert parsed([*plain, *given_, "--scene-unit", "mm"]).settings.scene_unit == "mm"
    monkeypatch.setenv("FLASHDEPTH_SETTINGS", f"{site}:{show}")
    assert parsed([*plain]).settings.scene_unit == "ft"
    with pytest.raises(UsageError, match="weights nano may not be used"):
        parsed([*plain, "--weights", "nano"])
    # Those that are named stand in for the environment's.
    other = write(tmp_path / "other.toml", '[settings]\nscene_unit = "km"\n')
    assert parsed([*plain, "--settings", str(other)]).settings.weights == "nano"


def test_a_render_and_a_plan_keep_to_them(
    kit: RenderKit, capfd: pytest.CaptureFixture[str]
) -> None:
    plates = kit.shot(range(1, 4))
    settings = write(
        kit.folder / "show.toml",
        f'[settings]\nweights = "{kit.weights}"\ncompression = "zip"\nscene_unit = "cm"\ndevice = "cpu"\n',
    )
    asked = [plates, "-o", str(kit.folder / "depth/shot.####.exr"), "--settings", str(settings)]
    assert batch_main.main(["render", *asked]) == 0
    assert header_of(kit.path(1))["flashdepth/sceneUnit"] == "cm"
    capfd.readouterr()
    assert batch_main.main(["plan", *asked, "--json"]) == 0
    (shot,) = json.loads(capfd.readouterr().out)["shots"]
    assert shot["job"]["settings"]["scene_unit"] == "cm"
    narrow = write(kit.folder / "site.toml", '[policy]\nweights = ["nano"]\n')
    for command in ("render", "plan", "decide"):
        assert batch_main.main([command, *asked, "--settings", str(narrow)]) == 2
