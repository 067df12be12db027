"""A step that makes plates, as each engine is given it: it alone holds the licence, and it asks for no GPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import plates_host
import pytest
import yaml
from conftest import environment
from engines_kit import ENGINES, in_order
from render_kit import RenderKit, run, same
from test_farm_plan import job_of
from test_farm_slurm import calls

from flashdepth_batch import main as batch_main
from flashdepth_vfx import FarmPlan, plan
from flashdepth_vfx.errors import PlanError
from flashdepth_vfx.farm import (
    PlatesStep,
    Requirements,
    write_deadline,
    write_deadline_cloud,
    write_opencue,
    write_openjd,
    write_slurm,
    write_tractor,
)

NEEDS = Requirements(gpus=1, cpu_cores=4, memory_mib=9000, gpu_memory_mib=8000, device="h100")


def made_in(folder: Path, licence: str = "nuke_r", **how: Any) -> FarmPlan:
    """A chain of three chunks, of plates that are not there."""
    source, output = str(folder / "p/plate.####.exr"), str(folder / "d/s.####.exr")
    step = PlatesStep(("nuke", "-x", "/show/it's a $comp; {x}.nk"), licence)
    given = {"mode": "chain", "chunk_frames": 3, "requirements": NEEDS, **how}
    return plan(job_of(source, output, frames="1-8"), plates=step, **given)


def of_slurm(folder: Path, made: FarmPlan) -> dict[str, tuple[str, bool]]:
    (path,) = write_slurm(made, folder)
    found = {}
    for line in calls(path.read_text()):
        options = [word.rstrip(";") for word in line[4:-1]]
        licences = [word for word in options if word.startswith("--licenses=")]
        assert all(one.endswith(":1") for one in licences)
        word = licences[0].removeprefix("--licenses=").removesuffix(":1") if licences else ""
        found[line[1]] = (word, "${network[@]}" in options)
    return found


def of_opencue(folder: Path, made: FarmPlan) -> dict[str, tuple[str, bool]]:
    write_opencue(made, folder)
    found = {}
    for layer in ElementTree.parse(folder / "job.xml").getroot().iter("layer"):
        tags = [element.tag for element in layer]
        if "limits" in tags:
            # The order of cjsl 1.12: after the tags, before the environment.
            assert tags[-3:] == ["limits", "env", "services"]
        limits = [limit.text or "" for limit in layer.findall("limits/limit")]
        gpu = "gpus" in tags
        found[layer.attrib["name"]] = (",".join(limits), gpu)
        assert gpu is ("render" in layer.attrib["name"] or "decide" in layer.attrib["name"])
        assert ("tags" in tags) is ("plates" not in layer.attrib["name"])
    return found


def of_deadline(folder: Path, made: FarmPlan) -> dict[str, tuple[str, bool]]:
    write_deadline(made, folder)
    found = {}
    for path in folder.glob("*.job"):
        facts = dict(line.partition("=")[::2] for line in path.read_text().splitlines())
        found[path.stem] = (facts.get("LimitGroups", ""), "Group" in facts)
    return found


def of_template(template: Path) -> dict[str, tuple[str, bool]]:
    found = {}
    for step in yaml.safe_load(template.read_text())["steps"]:
        amounts = {
            one["name"]: one["min"] for one in step.get("hostRequirements", {}).get("amounts", [])
        }
        licences = [name for name in amounts if not name.startswith("amount.worker.")]
        assert all(amounts[name] == 1 for name in licences)
        names = ",".join(name.removeprefix("amount.license.") for name in licences)
        found[step["name"]] = (names, "amount.worker.gpu" in amounts)
    return found


def of_openjd(folder: Path, made: FarmPlan) -> dict[str, tuple[str, bool]]:
    (template,) = write_openjd(made, folder)
    return of_template(template)


def of_deadline_cloud(folder: Path, made: FarmPlan) -> dict[str, tuple[str, bool]]:
    (bundle,) = write_deadline_cloud(made, folder)
    return of_template(bundle / "template.yaml")


def of_tractor(folder: Path, made: FarmPlan) -> dict[str, tuple[str, bool]]:
    (job,) = write_tractor(made, folder)
    found = {}
    for line in job.read_text().splitlines():
        if "RemoteCmd" in line:
            words = line.split()
            name = next(task.id for task in made.tasks if task.id in words)
            tags = words[words.index("-tags") + 1].strip("{}") if "-tags" in words else ""
            found[name] = (tags, words[words.index("-service") + 1] == NEEDS.device)
    return found


#: By name, the licence of each of its jobs, layers or steps, and whether it asks for the GPU's machine.
ASKED: dict[str, Callable[[Path, FarmPlan], dict[str, tuple[str, bool]]]] = {
    "slurm": of_slurm,
    "opencue": of_opencue,
    "deadline": of_deadline,
    "deadline cloud": of_deadline_cloud,
    "openjd": of_openjd,
    "tractor": of_tractor,
}


@pytest.mark.parametrize("engine", ASKED)
def test_the_plates_alone_hold_the_licence_and_ask_for_no_gpu(tmp_path: Path, engine: str) -> None:
    made = made_in(tmp_path)
    asked = ASKED[engine](tmp_path / "job", made)
    assert len(asked) == len(made.tasks) == 6
    assert [held for name, held in asked.items() if "plates" in name] == [("nuke_r", False)]
    assert {licence for name, (licence, _) in asked.items() if "plates" not in name} == {""}
    assert {name for name, (_, gpu) in asked.items() if gpu} == {
        name for name in asked if "render" in name or "decide" in name
    }


@pytest.mark.parametrize("engine", ASKED)
def test_a_host_that_takes_no_licence_is_tagged_with_none(tmp_path: Path, engine: str) -> None:
    asked = ASKED[engine](tmp_path / "job", made_in(tmp_path, licence=""))
    assert {licence for licence, _ in asked.values()} == {""}


def test_licences_of_other_letters_are_those_that_an_engine_can_write(tmp_path: Path) -> None:
    made = made_in(tmp_path, licence="nuke-r.13@flex")
    for engine in ("slurm", "opencue", "deadline", "tractor"):
        asked = ASKED[engine](tmp_path / engine, made)
        assert {licence for licence, _ in asked.values()} == {"", "nuke-r.13@flex"}
    for write in (write_openjd, write_deadline_cloud):
        with pytest.raises(PlanError, match="Open Job Description takes words of letters"):
            write(made, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("mode", ["whole", "chain", "preroll"])
def test_the_reference_runner_takes_the_amount(tmp_path: Path, mode: str) -> None:
    more = {} if mode == "whole" else {"chunk_frames": 3}
    made = made_in(tmp_path, **{"mode": mode, "chunk_frames": None, **more})
    (bundle,) = write_deadline_cloud(made, tmp_path / "bundle")
    asked = [sys.executable, "-m", "openjd", "check", str(bundle / "template.yaml")]
    ended = subprocess.run(asked, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_plates_that_a_job_makes_are_not_sent_with_it(tmp_path: Path) -> None:
    (bundle,) = write_deadline_cloud(made_in(tmp_path), tmp_path / "bundle")
    assets = yaml.safe_load((bundle / "asset_references.yaml").read_text())["assetReferences"]
    assert assets["inputs"]["directories"] == []
    written = [str(tmp_path / "d"), str(tmp_path / "p")]
    assert assets["outputs"]["directories"] == written


@pytest.mark.parametrize("engine", ENGINES)
def test_its_commands_in_its_order_are_the_plain_render(kit: RenderKit, engine: str) -> None:
    kit.shot(range(1, 9), "made/shot.####.exr")
    command = plates_host.command(kit.folder / "made", kit.folder / "plates")
    job = kit.job(str(kit.folder / "plates/shot.####.exr"), frames="1-8")
    made = plan(job, mode="chain", chunk_frames=4, plates=PlatesStep(command, "nuke_r"))
    read = ENGINES[engine](made, kit.folder / "job")
    assert len(read.commands) == len(made.tasks) == 5
    # The last that may be run comes first: what does not wait for the plates fails.
    for line in in_order(read):
        assert batch_main.main(line[1:]) == 0
    whole = str(kit.folder / "whole/shot.####.exr")
    run(
        replace(
            job, shot=replace(job.shot, input=str(kit.folder / "made/shot.####.exr")), output=whole
        )
    )
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))
