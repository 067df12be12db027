"""What a facility runs once depth is there."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from render_kit import RenderKit
from stereo_kit import ONE, stereo_shot

from flashdepth_batch import main as batch_main
from flashdepth_vfx import FarmPlan, plan
from flashdepth_vfx.errors import HookError
from flashdepth_vfx.farm import Kind, run_task
from flashdepth_vfx.farm.paths import PathMapping
from flashdepth_vfx.hook import run_hook


def hook(folder: Path, body: str = "") -> Path:
    """One that takes notes of its arguments."""
    path = folder / "a hook.sh"
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>"{folder}/notes"\n{body}\n')
    path.chmod(0o755)
    return path


def notes(folder: Path) -> list[str]:
    path = folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


def test_it_is_given_the_manifest_once_all_is_there(kit: RenderKit) -> None:
    (kit.folder / "job.json").write_text(kit.job(kit.shot(range(1, 4))).to_json())
    asked = ["render", "--job", str(kit.folder / "job.json"), "--hook", str(hook(kit.folder))]
    assert batch_main.main(asked) == 0
    (manifest,) = notes(kit.folder)
    assert json.loads(Path(manifest).read_text())["outcome"] == "done"


def test_of_several_views_it_is_given_each_one_s(kit: RenderKit) -> None:
    job = kit.job(stereo_shot(kit, range(1, 3)), ONE, view="left,right")
    (kit.folder / "job.json").write_text(job.to_json())
    asked = ["render", "--job", str(kit.folder / "job.json"), "--hook", str(hook(kit.folder))]
    assert batch_main.main(asked) == 0
    assert [Path(path).parent.name for path in notes(kit.folder)] == ["left", "right"]


def test_a_render_that_failed_is_not_published(kit: RenderKit) -> None:
    job = kit.job(kit.shot(range(1, 4)))
    plate = kit.folder / "plates/shot.0002.exr"
    plate.write_bytes(plate.read_bytes()[:700])
    (kit.folder / "job.json").write_text(job.to_json())
    asked = ["render", "--job", str(kit.folder / "job.json"), "--hook", str(hook(kit.folder))]
    assert batch_main.main(asked) == 1
    assert notes(kit.folder) == []


def test_a_hook_that_fails_fails_the_command_and_leaves_the_depth(
    kit: RenderKit, capfd: pytest.CaptureFixture[str]
) -> None:
    (kit.folder / "job.json").write_text(kit.job(kit.shot(range(1, 4))).to_json())
    failing = hook(kit.folder, "echo no database; exit 3")
    asked = ["render", "--job", str(kit.folder / "job.json"), "--hook", str(failing)]
    assert batch_main.main(asked) == 1
    assert "ended with 3: no database; the depth is there" in capfd.readouterr().err
    assert len(kit.depths()) == 3
    with pytest.raises(HookError, match="cannot be started"):
        run_hook(str(kit.folder / "nowhere"), [])


def test_what_a_hook_leaves_running_is_not_waited_for(kit: RenderKit) -> None:
    began = time.monotonic()
    run_hook(str(hook(kit.folder, "sleep 10 &")), [])
    assert time.monotonic() - began < 8


def test_it_is_the_last_task_of_a_shot_and_given_all_its_manifests(kit: RenderKit) -> None:
    made = plan(
        kit.job(kit.shot(range(1, 7))), mode="chain", chunk_frames=3, hook=str(hook(kit.folder))
    )
    assert [task.kind for task in made.tasks[-2:]] == [Kind.REPORT, Kind.PUBLISH]
    assert made.tasks[-1].needs == (made.tasks[-2].id,)
    assert FarmPlan.from_json(made.to_json()) == made
    for task in made.tasks:
        run_task(made, task)
    names = [Path(path).name for path in notes(kit.folder)]
    assert names == ["manifest.1-3.json", "manifest.4-6.json"]
    here = PathMapping.parse((f"{kit.folder}=/srv",)).apply(made)
    assert here.shots[0].hook == "/srv/a hook.sh"


def test_a_name_is_looked_for_and_a_path_is_made_whole(
    kit: RenderKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kit.folder)
    job = kit.job(kit.shot([1]))
    assert plan(job, hook="publish").shots[0].hook == "publish"
    assert plan(job, hook="bin/publish").shots[0].hook == str(kit.folder / "bin/publish")
    monkeypatch.setenv("FLASHDEPTH_HOOK", "publish")
    asked = ["plan", job.shot.input, "-o", "d/", "--save", "plan.json"]
    assert batch_main.main(asked) == 0
    assert FarmPlan.load(Path("plan.json")).shots[0].hook == "publish"
