"""What a mode of a plan guarantees is said, and by what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_farm_plan import job_of, plan, plates

from flashdepth_vfx.farm import modes

RESULT = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "preroll.json"


@pytest.mark.parametrize(
    ("frames", "said"), [(0, "4.8 %"), (16, "0.64 %"), (20, "0.64 %"), (99, "0.073 %")]
)
def test_a_plan_says_how_far_off_a_preroll_is(tmp_path: Path, frames: int, said: str) -> None:
    job = job_of(plates(tmp_path, *range(1, 9)))
    (note,) = plan(job, mode="preroll", chunk_frames=4, preroll_frames=frames).notes
    assert f"was {said} off on the mean" in note
    for mode in ("whole", "chain"):
        assert plan(job, mode=mode).notes == ()


def test_what_it_says_is_what_was_measured() -> None:
    rows = json.loads(RESULT.read_text())["rows"]
    measured = {
        r["preroll_frames"]: r["mean_percent"] for r in rows if r["source"] != "made scenes"
    }
    assert measured == pytest.approx(modes._OFF_PERCENT, rel=0.03)
