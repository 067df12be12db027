"""Shots as tasks of a farm: one plan, and what runs it or writes it for an engine.

jobs ─▶ planning ─▶ FarmPlan ─▶ running: one task, here
                        │
                        └────▶ local, openjd, slurm, ...: all of them, there
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashdepth_vfx.lazy import public_names

if TYPE_CHECKING:
    from flashdepth_vfx.farm.at_once import render_shot as render_shot
    from flashdepth_vfx.farm.costs import PlanEstimate as PlanEstimate
    from flashdepth_vfx.farm.costs import estimate as estimate
    from flashdepth_vfx.farm.deadline import write_deadline as write_deadline
    from flashdepth_vfx.farm.deadline_cloud import write_deadline_cloud as write_deadline_cloud
    from flashdepth_vfx.farm.hands import devices_here as devices_here
    from flashdepth_vfx.farm.known import Known as Known
    from flashdepth_vfx.farm.local import LocalResult as LocalResult
    from flashdepth_vfx.farm.local import run_local as run_local
    from flashdepth_vfx.farm.modes import Mode as Mode
    from flashdepth_vfx.farm.opencue import write_opencue as write_opencue
    from flashdepth_vfx.farm.openjd import openjd_template as openjd_template
    from flashdepth_vfx.farm.openjd import write_openjd as write_openjd
    from flashdepth_vfx.farm.paths import PathMapping as PathMapping
    from flashdepth_vfx.farm.planning import plan as plan
    from flashdepth_vfx.farm.plates import PlatesStep as PlatesStep
    from flashdepth_vfx.farm.resident import run_by_worker as run_by_worker
    from flashdepth_vfx.farm.running import run_task as run_task
    from flashdepth_vfx.farm.simulation import Simulated as Simulated
    from flashdepth_vfx.farm.simulation import simulate as simulate
    from flashdepth_vfx.farm.slurm import write_slurm as write_slurm
    from flashdepth_vfx.farm.tasks import FarmPlan as FarmPlan
    from flashdepth_vfx.farm.tasks import Kind as Kind
    from flashdepth_vfx.farm.tasks import PlannedShot as PlannedShot
    from flashdepth_vfx.farm.tasks import Requirements as Requirements
    from flashdepth_vfx.farm.tasks import ShotPage as ShotPage
    from flashdepth_vfx.farm.tasks import Task as Task
    from flashdepth_vfx.farm.times import MeasuredTimes as MeasuredTimes
    from flashdepth_vfx.farm.tractor import write_tractor as write_tractor

_HOME = {
    "FarmPlan": "tasks",
    "Kind": "tasks",
    "Known": "known",
    "LocalResult": "local",
    "MeasuredTimes": "times",
    "Mode": "modes",
    "PathMapping": "paths",
    "PlanEstimate": "costs",
    "PlannedShot": "tasks",
    "PlatesStep": "plates",
    "Requirements": "tasks",
    "ShotPage": "tasks",
    "Simulated": "simulation",
    "Task": "tasks",
    "devices_here": "hands",
    "estimate": "costs",
    "openjd_template": "openjd",
    "plan": "planning",
    "render_shot": "at_once",
    "run_by_worker": "resident",
    "run_local": "local",
    "run_task": "running",
    "simulate": "simulation",
    "write_opencue": "opencue",
    "write_deadline": "deadline",
    "write_deadline_cloud": "deadline_cloud",
    "write_tractor": "tractor",
    "write_openjd": "openjd",
    "write_slurm": "slurm",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = public_names(__name__, _HOME)
