"""The frames of OpenCue's job, each run by its real rqd from PyPI; what hands them out is ours."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import environment
from render_kit import RenderKit, run, same

from flashdepth_vfx import plan
from flashdepth_vfx.farm import write_opencue

ROOT = Path(__file__).resolve().parents[1]


def rqd_python() -> str:
    """A Python that has it: its packages want versions of their own, so it need not be this one."""
    named = os.environ.get("FLASHDEPTH_RQD_PYTHON")
    if named is None and importlib.util.find_spec("rqd") is not None:
        named = sys.executable
    if named is None or not Path("/usr/bin/time").exists():
        pytest.skip(
            "NO RQD HERE: no frame is run by OpenCue's rqd (a venv with opencue-rqd, named by FLASHDEPTH_RQD_PYTHON, "
            "and /usr/bin/time)"
        )
    return named


def test_frames_of_the_job_are_run_by_a_real_rqd(kit: RenderKit) -> None:
    python = rqd_python()
    made = plan(kit.job(kit.shot(range(1, 5))), mode="chain", chunk_frames=2, report=False)
    write_opencue(made, kit.folder / "a job")
    command = kit.folder / "bin" / "flashdepth"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m flashdepth_batch "$@"\n')
    command.chmod(0o755)
    here = environment(PATH=f"{command.parent}:{os.environ['PATH']}", PYTHONPATH=str(ROOT))
    for layer in ElementTree.parse(kit.folder / "a job" / "job.xml").getroot().iter("layer"):
        folder = kit.folder / f"rqd.{layer.get('name')}"
        folder.mkdir()
        line = (layer.findtext("cmd") or "").replace("#IFRAME#", "0")
        asked = [python, str(ROOT / "tests" / "rqd_frame.py"), line, str(folder)]
        ended = subprocess.run(asked, env=here, capture_output=True, text=True, timeout=240)
        log = "".join(path.read_text() for path in (folder / "logs").glob("*.rqlog"))
        assert "exit status 0" in ended.stdout, ended.stderr + log
    run(kit.job(str(kit.folder / "plates/shot.####.exr"), "whole/shot.####.exr"))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))
