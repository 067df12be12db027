"""Plans on a real Slurm of two nodes: run, put back, cancelled, with a node that dies in the middle."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import environment
from render_kit import RenderKit, run, same
from slurm_kit import Cluster, cluster_of_two

from flashdepth_vfx import FarmPlan, plan
from flashdepth_vfx.farm import Requirements

ROOT = Path(__file__).resolve().parents[1]
#: Enough that a node can be caught in the middle of a part.
FRAMES = range(1, 121)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with cluster_of_two() as two:
        yield two


def submit(cluster: Cluster, made: FarmPlan, folder: Path, *options: str, command: str = "") -> str:
    (script,) = made.to_slurm(folder)
    flashdepth = command or f"{sys.executable} -m flashdepth_batch"
    here = environment()
    more = {"FLASHDEPTH_COMMAND": flashdepth, "PYTHONPATH": f"{ROOT}:{here.get('PYTHONPATH', '')}"}
    return cluster.submit(script, *options, **more, OMP_NUM_THREADS="1")


def two_shots(kit: RenderKit, mode: str, **how: object) -> FarmPlan:
    jobs = [
        kit.job(kit.shot(FRAMES, f"{name}/p.####.exr"), f"depth/{name}.####.exr") for name in "ab"
    ]
    needs = Requirements(gpus=1, cpu_cores=1, memory_mib=1500, device="h100")
    return plan(jobs, mode=mode, chunk_frames=40, requirements=needs, **how)  # type: ignore[arg-type]


def unbroken(kit: RenderKit, name: str) -> dict[int, object]:
    run(kit.job(str(kit.folder / f"{name}/p.####.exr"), f"whole/{name}.####.exr"))
    return dict(kit.depths(f"whole/{name}.####.exr"))


def logs(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted((folder / "logs").glob("*.log")))


def states(cluster: Cluster, folder: Path) -> list[str]:
    """How each element of the jobs of `folder` ended."""
    return [job["JobState"] for job in cluster.jobs() if job.get("WorkDir") == str(folder)]


def restarts(cluster: Cluster, folder: Path) -> int:
    """How often elements of the jobs of `folder` were put back."""
    return sum(int(j["Restarts"]) for j in cluster.jobs() if j.get("WorkDir") == str(folder))


def test_a_chain_is_the_unbroken_render_though_a_node_dies(
    cluster: Cluster, kit: RenderKit
) -> None:
    made, folder = two_shots(kit, "chain"), kit.folder / "job"
    assert "submitted 10 tasks as 5 arrays" in submit(cluster, made, folder)

    def in_a_part_on_n2() -> bool:
        # Frames of the chunk that the second node is at, and not all of them.
        told = re.findall(r"== ([ab])_p\.render\.(\d+)-(\d+) on n2", logs(folder))
        for name, first, last in told:
            there = [
                f
                for f in range(int(first), int(last) + 1)
                if kit.path(f, f"depth/{name}.####.exr").exists()
            ]
            if 2 < len(there) < 25:
                return True
        return False

    cluster.wait(in_a_part_on_n2, 90, "a part on the second node")
    cluster.kill_node("n2")
    cluster.wait(lambda: restarts(cluster, folder) > 0, 90, "the lost task to be put back")
    cluster.start_node("n2")
    cluster.wait_for_end()
    said = logs(folder)
    assert set(states(cluster, folder)) == {"COMPLETED"}, said
    for name in "ab":
        assert same(kit.depths(f"depth/{name}.####.exr"), unbroken(kit, name))
        assert (kit.folder / f"depth/{name}.flashdepth/report.html").is_file()
    assert set(re.findall(r" on (n\d), job", said)) == {"n1", "n2"}
    assert re.search(r"\.render\.\d+-\d+ on n\d, job \d+, restart 1", said)


def test_chunks_with_a_preroll_run_on_both_nodes_and_all_are_there(
    cluster: Cluster, kit: RenderKit
) -> None:
    made, folder = two_shots(kit, "preroll", preroll_frames=120), kit.folder / "job"
    submit(cluster, made, folder)
    cluster.wait_for_end()
    said = logs(folder)
    assert set(states(cluster, folder)) == {"COMPLETED"}, said
    assert len(states(cluster, folder)) == len(made.tasks) == 10
    for name in "ab":
        # A pre-roll as long as the shot.
        assert same(kit.depths(f"depth/{name}.####.exr"), unbroken(kit, name))
    assert set(re.findall(r" on (n\d), job", said)) == {"n1", "n2"}


def test_a_task_whose_time_is_nearly_over_saves_and_goes_on(
    cluster: Cluster, kit: RenderKit
) -> None:
    job = kit.job(kit.shot(range(1, 80), "c/p.####.exr"), "depth/c.####.exr")
    made, folder = plan(job, requirements=Requirements(gpus=1, cpu_cores=1)), kit.folder / "job"
    submit(cluster, made, folder)
    cluster.wait(lambda: kit.path(5, "depth/c.####.exr").exists(), 60, "the first frames")
    number = next(j["JobId"] for j in cluster.jobs() if j.get("WorkDir") == str(folder))
    # What `--signal=B:USR1@120` sends, when it is sent.
    cluster.command("scancel", "--batch", "--signal=USR1", number)
    cluster.wait(lambda: restarts(cluster, folder) == 1, 60, "the task to be put back")
    there = len(kit.depths("depth/c.####.exr"))
    assert 5 <= there < 79
    cluster.wait_for_end()
    said = logs(folder)
    assert "and is put back" in said
    assert f"{79 - there} written, {there} kept" in said
    assert set(states(cluster, folder)) == {"COMPLETED"}, said
    run(kit.job(str(kit.folder / "c/p.####.exr"), "whole/c.####.exr"))
    assert same(kit.depths("depth/c.####.exr"), kit.depths("whole/c.####.exr"))
    # What was counted is forgotten once it is done.
    assert not list((folder / "logs").glob("*.limits"))


def test_a_cancelled_job_saves_and_stays_cancelled(cluster: Cluster, kit: RenderKit) -> None:
    job = kit.job(kit.shot(range(1, 120), "c/p.####.exr"), "depth/c.####.exr")
    made, folder = plan(job, requirements=Requirements(cpu_cores=1)), kit.folder / "job"
    submit(cluster, made, folder)
    cluster.wait(lambda: kit.path(5, "depth/c.####.exr").exists(), 60, "the first frames")
    number = next(j["JobId"] for j in cluster.jobs() if j.get("WorkDir") == str(folder))
    cluster.command("scancel", number)
    cluster.wait_for_end(60)
    assert states(cluster, folder)[0] == "CANCELLED"
    assert restarts(cluster, folder) == 0
    assert "interrupted: " in logs(folder)
    there = len(kit.depths("depth/c.####.exr"))
    assert there < 119
    # Submitted again, it goes on.
    submit(cluster, made, folder)
    cluster.wait_for_end(120)
    assert f"{119 - there} written, {there} kept" in logs(folder)


ENDS = {
    # exit codes of one try after another: how it ends, how often it is put back
    "75 75 0": ("COMPLETED", 2),
    "1 0": ("COMPLETED", 1),
    "75 1 75 0": ("FAILED", 2),
    "2 0": ("FAILED", 0),
}


def test_a_task_is_tried_again_by_its_exit_code_and_no_more_often_than_planned(
    cluster: Cluster, kit: RenderKit
) -> None:
    # The command's place is taken by one that ends as it is told: the cluster, and what decides, are real.
    stand_in = kit.folder / "ends.sh"
    stand_in.write_text(
        "#!/bin/bash\n"
        'cd "$(dirname "$0")" && echo x >>"$3.count"\n'
        'exit "$(cut -d" " -f"$(wc -l <"$3.count")" "${3%%_*}")"\n'
    )
    stand_in.chmod(0o755)
    jobs = []
    for number, ends in enumerate(ENDS):
        (kit.folder / f"s{number}").write_text(f"{ends}\n")
        jobs.append(
            kit.job(kit.shot([1], f"plates/s{number}/p.####.exr"), f"depth/s{number}.####.exr")
        )
    made = plan(jobs, report=False, attempts=3, requirements=Requirements(cpu_cores=1))
    folder = kit.folder / "job"
    submit(cluster, made, folder, command=str(stand_in))
    cluster.wait_for_end(120)
    found = {
        int(job["ArrayTaskId"]): (job["JobState"], int(job["Restarts"]))
        for job in cluster.jobs()
        if job.get("WorkDir") == str(folder)
    }
    assert found == dict(enumerate(ENDS.values())), logs(folder)
