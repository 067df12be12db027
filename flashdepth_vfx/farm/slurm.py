"""A plan as Slurm job arrays: what waits for what is Slurm's to know, and a thousand shots are a few calls of sbatch.

    DIR/submit.sh        sbatch, once for each array; what it is given is given to every sbatch
    DIR/task.sh          what an element of an array runs
    DIR/plan.json        what `flashdepth task` is given
    DIR/arrays/NAME      the tasks of an array by index, one a line

An element's index is the number of its shot. Tasks of the same kind and place in their shots are one array, and an
element waits for those of its own index (`aftercorr`), which are its own shot's.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from flashdepth_vfx.farm.arrays import TABLES, TaskArray, task_arrays, write_tables
from flashdepth_vfx.farm.tasks import FarmPlan, Requirements
from flashdepth_vfx.io.atomic import atomic_write_bytes

__all__ = ["write_slurm"]

_PLAN = "plan.json"
#: Before its time is over a task has so long to finish its frame and save its state.
_NOTICE_SECONDS = 120
#: A task is put back at most so often for having run out of time: each time it gets further.
_MOST_LIMITS = 200

_SUBMIT = """\
#!/bin/bash
# Submits all of it. Options for every job go here: ./submit.sh --partition=gpu --account=show --time=2:00:00
# Done twice it does no harm: tasks that are done do nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$here/logs"
sent=()
undo() {{
    [ $? = 0 ] && return
    echo "submit.sh: not all could be submitted; what was is cancelled: ${{sent[*]-nothing}}" >&2
    [ ${{#sent[@]}} = 0 ] || scancel "${{sent[@]}}"
}}
trap undo EXIT
common=(--parsable --requeue --open-mode=append --kill-on-invalid-dep=yes --signal=B:USR1@{notice}
    --chdir="$here" --output="$here/logs/%x.%a.log" "$@")
network=({network})
files=({files})
submit() {{ # NAME INDICES DEPENDENCY OPTIONS...; leaves the job's number in $job
    job=$(sbatch "${{common[@]}}" --job-name="$1" --array="$2" ${{3:+--dependency="$3"}} "${{@:4}}" \\
        "$here/task.sh" "$here" "$1")
    job=${{job%%;*}} # on several clusters its name follows
    sent+=("$job")
}}
{calls}
echo "submitted {count} tasks as ${{#sent[@]}} arrays: ${{sent[*]}}"
"""
_TASK = """\
#!/bin/bash
# One task of the plan: task.sh FOLDER ARRAY, as an element of a Slurm array.
# Slurm signals this script and not what it runs, so it hands signals on: USR1 says that the time is nearly over,
# TERM that the job was cancelled, or is put back by someone else. Whether a task is tried again is decided here, and
# not by a cluster's RequeueExit: the exit code that such a setting waits for (75) never leaves this script.
here=$1
signal= child=
trap 'signal=USR1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' USR1
trap 'signal=TERM; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM
task=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$here/{tables}/$2")
tries="$here/logs/$task.tries" limits="$here/logs/$task.limits"
# All tasks of a shot on as many cores: pixels depend on it.
export OMP_NUM_THREADS=${{OMP_NUM_THREADS:-${{SLURM_CPUS_PER_TASK:-1}}}}
node=${{SLURMD_NODENAME:-$(hostname)}}
echo "== $task on $node, job $SLURM_JOB_ID, restart ${{SLURM_RESTART_COUNT:-0}}, $(date -u +%FT%TZ)"
${{FLASHDEPTH_COMMAND:-flashdepth}} task "$here/{plan}" "$task" --progress plain &
child=$!
[ -z "$signal" ] || kill -TERM $child
wait $child
code=$?
# A signal ends the waiting, and not the task.
while kill -0 $child 2>/dev/null; do
    wait $child
    code=$?
done
again() {{ # FILE MOST: counts, and puts the job back unless that was the last time
    echo "$SLURM_JOB_ID exit $code" >>"$1"
    if [ "$(wc -l <"$1")" -lt "$2" ]; then
        echo "== $task ended with $code, and is put back"
        scontrol requeue "$SLURM_JOB_ID" && exit 0
    fi
    echo "== $task ended with $code, for the last time"
}}
case $code in
0) rm -f "$tries" "$limits" ;;
2) ;; # What was asked for cannot be.
143) [ "$signal" = USR1 ] && again "$limits" {limits} ;;
*) [ "$signal" = TERM ] || again "$tries" {attempts} ;;
esac
[ $code = 75 ] && code=1
exit $code
"""


def write_slurm(plan: FarmPlan, folder: Path) -> tuple[Path, ...]:
    """Write the scripts of a plan to `folder`, and return the one that submits it. Raises `OutputError`."""
    arrays = task_arrays(plan)
    plan.save(folder / _PLAN)
    write_tables(arrays, folder)
    task = _TASK.format(plan=_PLAN, tables=TABLES, attempts=plan.attempts, limits=_MOST_LIMITS)
    submit = _SUBMIT.format(
        notice=_NOTICE_SECONDS,
        network=_quoted((*_machine(plan.requirements), *_gpu(plan.requirements))),
        files=_quoted(_machine(plan.requirements)),
        calls="\n".join(_calls(arrays)),
        count=len(plan.tasks),
    )
    for name, text in (("task.sh", task), ("submit.sh", submit)):
        atomic_write_bytes(folder / name, text.encode())
        (folder / name).chmod(0o755)
    return (folder / "submit.sh",)


def _calls(arrays: Sequence[TaskArray]) -> list[str]:
    variables = {array.name: f"j{number}" for number, array in enumerate(arrays, 1)}
    calls = []
    for array in arrays:
        waits = ":".join(f"${variables[need]}" for need in array.needs)
        dependency = f'"aftercorr:{waits}"' if waits else '""'
        options = '"${network[@]}"' if array.runs_network else '"${files[@]}"'
        options += f" --licenses={array.licence}:1" if array.licence else ""
        indices = array.indices.replace("x", ":")
        calls.append(
            f"submit {array.name} {indices} {dependency} {options}; {variables[array.name]}=$job"
        )
    return calls


def _machine(needs: Requirements) -> tuple[str, ...]:
    return ("--ntasks=1", f"--cpus-per-task={needs.cpu_cores}", f"--mem={needs.memory_mib}M")


def _gpu(needs: Requirements) -> tuple[str, ...]:
    """Slurm knows no common word for a GPU's memory: a site's own is `--device-class`."""
    gpus = (f"--gres=gpu:{needs.gpus}",) if needs.gpus else ()
    return (*gpus, f"--constraint={needs.device}") if needs.device else gpus


def _quoted(options: Sequence[str]) -> str:
    return shlex.join(options)
