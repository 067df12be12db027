"""FlashDepth for VFX: plates in, float depth EXRs out, with a state that is carried from frame to frame.

    from flashdepth_vfx import RenderJob, Shot, render

    render(RenderJob(shot=Shot(input="plate.####.exr"), output="depth/plate_depth.####.exr"))

Public names load on first use: importing this package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashdepth_vfx.lazy import public_names
from flashdepth_vfx.version import VERSION

if TYPE_CHECKING:
    from flashdepth_vfx import bench as bench
    from flashdepth_vfx import evaluation as evaluation
    from flashdepth_vfx import farm as farm
    from flashdepth_vfx import live as live
    from flashdepth_vfx import plugins as plugins
    from flashdepth_vfx import review as review
    from flashdepth_vfx import training as training
    from flashdepth_vfx import weights as weights
    from flashdepth_vfx.converter import ConvertResult as ConvertResult
    from flashdepth_vfx.converter import convert_depth as convert_depth
    from flashdepth_vfx.deciding import decide_shot as decide_shot
    from flashdepth_vfx.engine import DepthEngine as DepthEngine
    from flashdepth_vfx.errors import FlashDepthError as FlashDepthError
    from flashdepth_vfx.errors import Interrupted as Interrupted
    from flashdepth_vfx.errors import StallError as StallError
    from flashdepth_vfx.errors import UsageError as UsageError
    from flashdepth_vfx.events import Finished as Finished
    from flashdepth_vfx.events import FramePassed as FramePassed
    from flashdepth_vfx.events import FrameWritten as FrameWritten
    from flashdepth_vfx.events import Observer as Observer
    from flashdepth_vfx.events import RenderEvent as RenderEvent
    from flashdepth_vfx.events import Started as Started
    from flashdepth_vfx.events import Waiting as Waiting
    from flashdepth_vfx.events import Warned as Warned
    from flashdepth_vfx.events import to_line as to_line
    from flashdepth_vfx.events import to_plain as to_plain
    from flashdepth_vfx.facility import Facility as Facility
    from flashdepth_vfx.farm import FarmPlan as FarmPlan
    from flashdepth_vfx.farm import plan as plan
    from flashdepth_vfx.frames import FrameRange as FrameRange
    from flashdepth_vfx.frames import FrameSequence as FrameSequence
    from flashdepth_vfx.hook import run_hook as run_hook
    from flashdepth_vfx.job import ConvertJob as ConvertJob
    from flashdepth_vfx.job import RenderJob as RenderJob
    from flashdepth_vfx.job import Shot as Shot
    from flashdepth_vfx.job import job_schema as job_schema
    from flashdepth_vfx.live import DepthStream as DepthStream
    from flashdepth_vfx.live import FlashDepthProcessor as FlashDepthProcessor
    from flashdepth_vfx.plate import DepthFrame as DepthFrame
    from flashdepth_vfx.plate import Plate as Plate
    from flashdepth_vfx.plate import Window as Window
    from flashdepth_vfx.renderer import RenderResult as RenderResult
    from flashdepth_vfx.results import result_to_plain as result_to_plain
    from flashdepth_vfx.serve import run_listener as run_listener
    from flashdepth_vfx.serve import run_worker as run_worker
    from flashdepth_vfx.settings import Convention as Convention
    from flashdepth_vfx.settings import Empty as Empty
    from flashdepth_vfx.settings import MissingPolicy as MissingPolicy
    from flashdepth_vfx.settings import RenderSettings as RenderSettings
    from flashdepth_vfx.settings import SceneUnit as SceneUnit
    from flashdepth_vfx.settings import Space as Space
    from flashdepth_vfx.settings import Upsampling as Upsampling
    from flashdepth_vfx.shotcuts import find_cuts as find_cuts
    from flashdepth_vfx.shotinfo import ShotInfo as ShotInfo
    from flashdepth_vfx.shotinfo import inspect_shot as inspect_shot
    from flashdepth_vfx.state import ShotState as ShotState
    from flashdepth_vfx.views import StereoResult as StereoResult
    from flashdepth_vfx.views import render as render

__version__ = VERSION

_HOME = {
    "Convention": "settings",
    "ConvertJob": "job",
    "ConvertResult": "converter",
    "DepthEngine": "engine",
    "DepthFrame": "plate",
    "Empty": "settings",
    "Facility": "facility",
    "DepthStream": "live",
    "FarmPlan": "farm",
    "FlashDepthProcessor": "live",
    "Finished": "events",
    "FlashDepthError": "errors",
    "FramePassed": "events",
    "FrameRange": "frames",
    "FrameSequence": "frames",
    "FrameWritten": "events",
    "Interrupted": "errors",
    "MissingPolicy": "settings",
    "Observer": "events",
    "Plate": "plate",
    "RenderEvent": "events",
    "RenderJob": "job",
    "RenderResult": "renderer",
    "RenderSettings": "settings",
    "SceneUnit": "settings",
    "Shot": "job",
    "ShotInfo": "shotinfo",
    "ShotState": "state",
    "Space": "settings",
    "StallError": "errors",
    "Started": "events",
    "StereoResult": "views",
    "Upsampling": "settings",
    "UsageError": "errors",
    "Waiting": "events",
    "Warned": "events",
    "Window": "plate",
    "convert_depth": "converter",
    "decide_shot": "deciding",
    "find_cuts": "shotcuts",
    "inspect_shot": "shotinfo",
    "job_schema": "job",
    "plan": "farm",
    "render": "views",
    "result_to_plain": "results",
    "run_hook": "hook",
    "run_listener": "serve",
    "run_worker": "serve",
    "to_line": "events",
    "to_plain": "events",
}
#: Rooms with public names of their own.
_MODULES = ("bench", "evaluation", "farm", "live", "plugins", "review", "training", "weights")

__all__ = [*sorted((*_HOME, *_MODULES)), "__version__"]

__getattr__, __dir__ = public_names(__name__, _HOME, _MODULES)
