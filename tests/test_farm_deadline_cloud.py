"""A bundle of AWS Deadline Cloud, run by the reference runner and read by Deadline Cloud's own client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from render_kit import RenderKit, run, same
from test_farm_openjd import openjd
from test_farm_plan import job_of, plates

from flashdepth_vfx import plan
from flashdepth_vfx.farm import write_deadline_cloud

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the worker of a step needs --listen"
)

#: What `make engines` leaves; a failed installation leaves no file `installed`.
_MADE = Path(sys.prefix) / "deadline"
PYTHON = os.environ.get("DEADLINE_PYTHON") or (
    str(_MADE / "bin/python") if (_MADE / "installed").exists() else ""
)
CLIENT = """
import json, sys
from deadline.client.job_bundle.parameters import apply_job_parameters, read_job_bundle_parameters
from deadline.client.job_bundle.loader import read_yaml_or_json_object
from deadline.client.job_bundle.submission import AssetReferences, split_parameter_args
bundle = sys.argv[1]
parameters = read_job_bundle_parameters(bundle)
assets = AssetReferences.from_dict(read_yaml_or_json_object(bundle, "asset_references", False))
apply_job_parameters([], bundle, parameters, assets)
of_app, of_job = split_parameter_args(parameters, bundle)
told = {name: sorted(value) for name, value in vars(assets).items()}
print(json.dumps({"app": of_app, "job": of_job, **told}))
"""


@pytest.mark.skipif(
    not PYTHON, reason="NO DEADLINE CLOUD: its client reads no bundle; make engines brings it"
)
def test_client_of_deadline_cloud_takes_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "cuts.txt").write_text("5\n")
    job = job_of(
        plates(tmp_path / "in", *range(1, 9)),
        str(tmp_path / "d/s.####.exr"),
        cuts=str(tmp_path / "cuts.txt"),
        convention="normalised_near_white",
    )
    (bundle,) = write_deadline_cloud(plan(job, attempts=4), tmp_path / "job")
    ended = subprocess.run(
        [PYTHON, "-c", CLIENT, str(bundle)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["app"]["maxRetriesPerTask"] == 3
    assert told["input_filenames"] == [str(tmp_path / "cuts.txt"), str(bundle / "plan.json")]
    assert told["input_directories"] == [str(tmp_path / "in")]
    assert told["output_directories"] == [str(tmp_path / "d"), str(tmp_path / "d/inverse_z")]


def test_bundle_that_is_run_is_the_unbroken_render(kit: RenderKit) -> None:
    shot = kit.shot(range(1, 9))
    # A renderer, and a folder, whose names a shell takes for something else.
    folder = kit.folder / "it's 50% of $HOME"
    folder.mkdir()
    program = folder / "fl ash"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m flashdepth_batch "$@"\n')
    program.chmod(0o755)
    made = plan(kit.job(shot), mode="chain", chunk_frames=3)
    (bundle,) = write_deadline_cloud(made, folder / "job")
    ended = openjd("run", str(bundle / "template.yaml"), "-p", f"FlashdepthCommand={program}")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run(kit.job(shot, "whole/shot.####.exr"))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))
