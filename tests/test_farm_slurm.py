"""A plan as Slurm job arrays: what the scripts say. `test_farm_slurm_cluster.py` runs them on a real cluster."""

from __future__ import annotations

import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_farm_plan import job_of, plates

import flashdepth_vfx
from flashdepth_vfx import FarmPlan, RenderJob, Shot, plan
from flashdepth_vfx.farm import Kind, Mode, PlannedShot, Requirements, Task
from flashdepth_vfx.farm import arrays as arrays_module
from flashdepth_vfx.farm.arrays import task_arrays


def planned(folder: Path, counts: dict[str, int], **how: Any) -> FarmPlan:
    """Shots of so many frames."""
    jobs = [
        job_of(plates(folder / name, *range(1, count + 1), name=name), str(folder / "d/{shot}/"))
        for name, count in counts.items()
    ]
    return plan(jobs, **how)


def written(folder: Path, made: FarmPlan) -> str:
    """The text of submit.sh."""
    (path,) = made.to_slurm(folder)
    return path.read_text()


def calls(text: str) -> list[list[str]]:
    """The words of each array's line."""
    return [shlex.split(line) for line in text.splitlines() if re.match(r"submit \d", line)]


@st.composite
def any_plan(draw: st.DrawFn) -> FarmPlan:
    """Shots whose tasks wait for any of those before them."""
    shots, tasks = [], []
    for number in range(draw(st.integers(1, 12))):
        name = f"s{number}"
        job = RenderJob(shot=Shot(input=f"/{name}.####.exr"), output=f"/d/{name}.####.exr")
        shots.append(PlannedShot(name=name, job=job, frames="1", frame_count=1))
        own: list[str] = []
        for count in range(draw(st.integers(1, 6))):
            kind = draw(st.sampled_from(Kind))
            waits = draw(st.lists(st.sampled_from(own), unique=True)) if own else []
            own.append(f"{name}.{kind}.{count}")
            tasks.append(Task(id=own[-1], shot=name, kind=kind, needs=tuple(waits)))
    return FarmPlan(mode=Mode.WHOLE, shots=tuple(shots), tasks=tuple(tasks))


@given(any_plan())
def test_an_element_waits_for_exactly_what_its_task_needs(made: FarmPlan) -> None:
    arrays = {array.name: array for array in task_arrays(made)}
    waits: dict[str, set[str]] = {}
    before: set[str] = set()
    for array in arrays.values():
        # Submitted in this order: a job's number is known before it is waited for.
        assert set(array.needs) <= before
        before.add(array.name)
        for index, task in array.tasks.items():
            assert task.id not in waits
            waits[task.id] = {arrays[need].tasks[index].id for need in array.needs}
            assert array.table.splitlines()[index] == task.id
    assert waits == {task.id: set(task.needs) for task in made.tasks}


def test_a_thousand_shots_are_a_few_calls(tmp_path: Path) -> None:
    counts = {f"sh{n:04d}": 3 + n % 4 for n in range(60)}
    text = written(tmp_path / "job", planned(tmp_path, counts, mode="chain", chunk_frames=2))
    # decide, three links, and a report for each number of links.
    assert len(calls(text)) == 1 + 3 + 2
    whole = written(tmp_path / "whole", planned(tmp_path, counts))
    assert [line[2] for line in calls(whole)] == ["0-59", "0-59"]


def test_no_index_is_beyond_what_a_cluster_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays_module, "_MOST_INDICES", 4)
    made = planned(tmp_path, {f"s{n}": 2 for n in range(10)}, report=False)
    arrays = task_arrays(made)
    assert [array.indices for array in arrays] == ["0-3", "0-3", "0-1"]
    assert sorted(t.id for a in arrays for t in a.tasks.values()) == sorted(
        t.id for t in made.tasks
    )


def test_indices_with_gaps_are_as_slurm_reads_them(tmp_path: Path) -> None:
    counts = {"a": 6, "b": 2, "c": 6, "d": 2, "e": 6, "f": 2, "g": 2, "h": 6}
    text = written(tmp_path / "j", planned(tmp_path, counts, mode="chain", chunk_frames=2))
    for line in calls(text):
        assert re.fullmatch(r"\d+(-\d+(:\d+)?)?(,\d+(-\d+(:\d+)?)?)*", line[2])


def test_only_what_runs_the_network_asks_for_a_gpu(tmp_path: Path) -> None:
    needs = Requirements(gpus=1, cpu_cores=4, memory_mib=9000, device="h100 sxm")
    made = planned(tmp_path, {"a": 4}, mode="chain", chunk_frames=2, requirements=needs, attempts=5)
    text = written(tmp_path / "job", made)
    network, files = (re.search(rf"^{n}=\((.*)\)$", text, re.M)[1] for n in ("network", "files"))
    assert shlex.split(network) == [
        "--ntasks=1", "--cpus-per-task=4", "--mem=9000M", "--gres=gpu:1", "--constraint=h100 sxm",
    ]  # fmt: skip
    assert shlex.split(files) == ["--ntasks=1", "--cpus-per-task=4", "--mem=9000M"]
    asked = {line[1].split(".")[1]: line[4].rstrip(";") for line in calls(text)}
    assert asked == {"decide": "${network[@]}", "render": "${network[@]}", "report": "${files[@]}"}
    assert 'again "$tries" 5' in (tmp_path / "job" / "task.sh").read_text()


def test_scripts_are_whole_and_can_be_run(tmp_path: Path) -> None:
    folder = tmp_path / "a job's folder"
    made = planned(tmp_path, {"a": 4, "b": 3}, mode="preroll", chunk_frames=2)
    written(folder, made)
    for name in ("submit.sh", "task.sh"):
        assert (folder / name).stat().st_mode & stat.S_IXUSR
        ended = subprocess.run(["bash", "-n", str(folder / name)], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        if shutil.which("shellcheck"):
            checked = subprocess.run(
                ["shellcheck", str(folder / name)], capture_output=True, text=True
            )
            assert checked.returncode == 0, checked.stdout
    assert FarmPlan.load(folder / "plan.json") == made


FAKE = """\
#!/bin/bash
[ "$(basename "$0")" = scancel ] && { echo "$@" >>"$LOG.cancelled"; exit; }
printf '%s\\n' "$*" >>"$LOG"
count=$(wc -l <"$LOG")
[ "$count" = "$FAIL_AT" ] && { echo "sbatch: error: no such partition" >&2; exit 1; }
echo "$((100 + count));cluster"
"""


def submitted(folder: Path, script: Path, fail_at: int = 0) -> tuple[int, list[str], str]:
    """How submit.sh ended, what sbatch was given, and what was cancelled: with stand-ins that only take notes."""
    (folder / "bin").mkdir()
    for name in ("sbatch", "scancel"):
        (folder / "bin" / name).write_text(FAKE)
        (folder / "bin" / name).chmod(0o755)
    log = folder / "sbatch.log"
    ended = subprocess.run(
        [str(script), "--partition=gpu", "--comment=two words"],
        env={"PATH": f"{folder}/bin:/usr/bin:/bin", "LOG": str(log), "FAIL_AT": str(fail_at)},
        capture_output=True,
        text=True,
        check=False,
    )
    cancelled = Path(f"{log}.cancelled")
    return (
        ended.returncode,
        log.read_text().splitlines(),
        cancelled.read_text() if cancelled.exists() else "",
    )


def test_what_submit_is_given_every_job_is_given(tmp_path: Path) -> None:
    made = planned(tmp_path, {"a": 4}, mode="chain", chunk_frames=2)
    code, given, cancelled = submitted(tmp_path, made.to_slurm(tmp_path / "job dir")[0])
    assert (code, cancelled) == (0, "")
    assert len(given) == 4
    assert all("--partition=gpu --comment=two words" in line for line in given)
    assert "--dependency" not in given[0]
    assert "--dependency=aftercorr:101 " in given[1]
    assert "--dependency=aftercorr:102 " in given[2]
    assert "--dependency=aftercorr:102:103 " in given[3]


def test_nothing_is_half_submitted(tmp_path: Path) -> None:
    made = planned(tmp_path, {"a": 4}, mode="chain", chunk_frames=2)
    code, given, cancelled = submitted(tmp_path, made.to_slurm(tmp_path / "job")[0], fail_at=3)
    assert code != 0
    assert len(given) == 3
    assert cancelled.split() == ["101", "102"]


def test_the_command_writes_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from flashdepth_batch import main as batch_main

    pattern, job = plates(tmp_path / "a", 1, 2, 3), str(tmp_path / "job")
    asked = ["submit", pattern, "-o", str(tmp_path / "d/"), "--to", "slurm", "--job-dir", job]
    assert batch_main.main([*asked, "--gpus", "2"]) == 0
    assert capfd.readouterr().out.strip() == f"{job}/submit.sh"
    assert "--gres=gpu:2" in Path(job, "submit.sh").read_text()
    assert flashdepth_vfx.FarmPlan.load(Path(job, "plan.json")).requirements.gpus == 2
