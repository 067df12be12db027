"""The oldest Python of a host runs what both hosts share: a shot from its plates to its depth, by the real worker."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import make_plates

ROOT = Path(__file__).resolve().parents[1]
_OLDEST = "3.9"

#: As it lies beside an installed plugin.
_IN_HOST = """
import json, sys
from pathlib import Path
from flashdepth_host import doctor, fields, install, paths, shot, submit
from flashdepth_host.finding import clean_environment, find_command
from flashdepth_host.session import Session
here, weights, pattern = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
session = Session(lambda: (find_command(here), clean_environment()))
plates = shot.Plates(pattern, 1001, 1002)
values = {**fields.defaults(), "weights": "file", "weights_file": weights, "device": "cpu"}
lines = []
result = session.ask(shot.request_of(values, plates, (1001, 1002)), lines.append)
print(json.dumps({
    "python": list(sys.version_info[:2]),
    "there": paths.frames_there(result["output"][0]),
    "told": [line["type"] for line in lines],
    "well": [finding.is_well for finding in doctor.examine(here, session)],
}))
session.close()
"""


def _python() -> str:
    """An interpreter of that version: on the path, or among pyenv's."""
    named = [shutil.which(f"python{_OLDEST}")]
    named += [str(p) for p in sorted(Path.home().glob(f".pyenv/versions/{_OLDEST}.*/bin/python"))]
    for one in filter(None, named):
        asked = [one, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False)
        if said.stdout.strip() == _OLDEST:
            return one
    pytest.skip(f"NO PYTHON {_OLDEST}: what runs in a host is held to it by vermin alone")


def test_a_shot_from_a_host_s_oldest_python(tmp_path: Path, nano_weights: Path) -> None:
    python = _python()
    shutil.copytree(ROOT / "flashdepth_vfx" / "host", tmp_path / "flashdepth_host")
    command = json.dumps({"command": [sys.executable, "-m", "flashdepth_batch"]})
    (tmp_path / "flashdepth_host.json").write_text(command, encoding="utf-8")
    pattern = make_plates(tmp_path, 2)
    done = subprocess.run(
        [python, "-c", _IN_HOST, str(tmp_path), str(nano_weights), pattern],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(tmp_path),
            "FLASHDEPTH_ENV_PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["python"] == [3, 9]
    assert said["there"] == [1001, 1002]
    assert said["told"][:2] == ["queued", "started"]
    assert all(said["well"])
