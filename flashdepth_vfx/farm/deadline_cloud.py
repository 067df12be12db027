"""A plan as job bundles of AWS Deadline Cloud: the jobs of Open Job Description, and what its submitter reads beside.

DIR/template.yaml, DIR/plan.json
DIR/parameter_values.yaml        priority, attempts
DIR/asset_references.yaml        the folders that are read, and those that are written
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from flashdepth_vfx.farm.openjd import write_jobs
from flashdepth_vfx.farm.plates import PlatesStep
from flashdepth_vfx.farm.tasks import FarmPlan, PlannedShot

__all__ = ["write_deadline_cloud"]

_PRIORITY = 50


def write_deadline_cloud(plan: FarmPlan, folder: Path) -> tuple[Path, ...]:
    """Write a bundle for each shot, as `write_jobs` does, and return their folders. Raises `OutputError`."""
    return write_jobs(plan, folder, lambda shot: _beside(plan, shot))


def _beside(plan: FarmPlan, shot: PlannedShot) -> dict[str, bytes]:
    told = {"parameter_values.yaml": _parameters(plan), "asset_references.yaml": _assets(shot)}
    return {name: yaml.safe_dump(plain, sort_keys=False).encode() for name, plain in told.items()}


def _parameters(plan: FarmPlan) -> dict[str, Any]:
    values = {
        "deadline:priority": _PRIORITY,
        "deadline:maxRetriesPerTask": plan.attempts - 1,
        "deadline:targetTaskRunStatus": "READY",
    }
    return {"parameterValues": [{"name": name, "value": value} for name, value in values.items()]}


def _assets(shot: PlannedShot) -> dict[str, Any]:
    settings, job = shot.job.settings, shot.job
    files = [settings.ocio, settings.cuts, settings.matte_input]
    named = [
        one for one in (*files, settings.weights) if one is not None and Path(one).is_absolute()
    ]
    plates = Path(job.shot.input)
    read = [str(_above_views(plates.parent if plates.suffix else plates))]
    outputs = [job.output] if shot.convert is None else [job.output, shot.convert.output]
    if isinstance(shot.plates, PlatesStep):
        # Nothing is there to be sent: the job's own first step makes them.
        read, outputs = [], [job.shot.input, *outputs]
    written = {
        str(_above_views(Path(path).parent if Path(path).suffix else Path(path)))
        for path in outputs
    }
    return {
        "assetReferences": {
            "inputs": {"filenames": sorted(named), "directories": read},
            "outputs": {"directories": sorted(written)},
            "referencedPaths": [],
        }
    }


def _above_views(folder: Path) -> Path:
    """The folder that holds those of all views."""
    while "%v" in str(folder).lower() and folder != folder.parent:
        folder = folder.parent
    return folder
