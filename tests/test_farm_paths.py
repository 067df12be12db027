"""Where a machine of the farm has what a plan names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_farm_plan import job_of, plates

from flashdepth_vfx import plan
from flashdepth_vfx.errors import PlanError
from flashdepth_vfx.farm import PathMapping


def test_paths_are_those_of_this_machine(tmp_path: Path) -> None:
    job = job_of(plates(tmp_path / "show", 1, 2), str(tmp_path / "show/d/s.####.exr"), cuts="auto")
    job = replace(
        job, settings=replace(job.settings, weights="nano", ocio=str(tmp_path / "show/c.ocio"))
    )
    planned = plan(replace(job, settings=replace(job.settings, convention="normalised_near_black")))
    mapping = PathMapping.parse((f"{tmp_path}=/far", f"{tmp_path}/show=/srv/show"))
    here = mapping.apply(planned).shots[0]
    assert here.job.shot.input == "/srv/show/plate.####.exr"
    assert here.job.output == "/srv/show/d/inverse_z/s.####.exr"
    assert here.job.settings.ocio == "/srv/show/c.ocio"
    assert (here.job.settings.weights, here.job.settings.cuts) == ("nano", "auto")
    assert here.convert is not None
    assert here.convert.output == "/srv/show/d/s.####.exr"
    assert here.report is not None
    assert here.report.sources == ("/srv/show/d/s.####.exr",)
    assert here.report.page == "/srv/show/d/s.flashdepth/report.html"


def test_rules_of_open_job_description_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text(
        '{"version": "pathmapping-1.0", "path_mapping_rules": [{"source_path_format": "WINDOWS",'
        ' "source_path": "z:\\\\show", "destination_path": "/srv/show"}]}'
    )
    mapping = PathMapping.load(path)
    assert mapping("Z:\\Show\\sh010\\p.####.exr") == "/srv/show/sh010/p.####.exr"
    assert mapping("z:/show/depth/") == "/srv/show/depth/"
    assert mapping("Z:\\Showreel\\p.exr") == "Z:\\Showreel\\p.exr"
    path.write_text("{}")
    assert PathMapping.load(path)("/a") == "/a"
    for wrong in ("[]", "x", '{"version": "2"}', '{"version": "pathmapping-1.0"}'):
        path.write_text(wrong)
        with pytest.raises(PlanError, match=r"rules\.json"):
            PathMapping.load(path)
    for text in ("/a", "=/b", "/a="):
        with pytest.raises(PlanError, match="write it as"):
            PathMapping.parse((text,))


def test_paths_of_a_plan_are_good_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plates(tmp_path / "in", 1, 2)
    (tmp_path / "cuts.txt").write_text("2")
    monkeypatch.chdir(tmp_path)
    files = {"cuts": "cuts.txt", "weights": "show.safetensors", "ocio": "ocio://default"}
    (shot,) = plan(job_of("in/plate.####.exr", "out/", **files)).shots
    assert (shot.job.shot.input, shot.job.output) == (
        str(tmp_path / "in/plate.####.exr"),
        str(tmp_path / "out") + "/",
    )
    settings = shot.job.settings
    assert (settings.cuts, settings.weights) == (
        str(tmp_path / "cuts.txt"),
        str(tmp_path / "show.safetensors"),
    )
    assert settings.ocio == "ocio://default"
    (shot,) = plan(job_of("in/plate.####.exr", "out/", cuts="auto", weights="nano")).shots
    assert (shot.job.settings.cuts, shot.job.settings.weights) == ("auto", "nano")
