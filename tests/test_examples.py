"""The examples, run as anyone would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from conftest import environment
from render_kit import AS_STORED, RenderKit, header_of

from flashdepth_vfx import FarmPlan

ROOT = Path(__file__).resolve().parents[1]


def shots_from_csv(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "shots_from_csv.py"), "shots.csv", "depth", *more],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT), CUDA_VISIBLE_DEVICES=""),
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_a_table_of_shots_is_rendered_and_reported(kit: RenderKit) -> None:
    for name in ("sh010", "sh020"):
        kit.shot(range(1001, 1004), f"plates/{name}/plate.####.exr")
    table = kit.folder / "shots.csv"
    table.write_text(
        f"shot,plates,colorspace,frames\nsh010,plates/sh010/plate.####.exr,{AS_STORED},\n"
        "sh020,plates/sh020,,1002-1003\n"
    )
    saved = shots_from_csv(kit.folder, "--save", "plan.json", "--mode", "chain")
    assert saved.returncode == 0, saved.stderr
    assert len(FarmPlan.load(kit.folder / "plan.json").shots) == 2
    ended = shots_from_csv(kit.folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    names = sorted(p.name for p in (kit.folder / "depth").rglob("*.exr"))
    assert names == [
        *(f"sh010_depth_v001.{frame}.exr" for frame in (1001, 1002, 1003)),
        *(f"sh020_depth_v001.{frame}.exr" for frame in (1002, 1003)),
    ]
    header = header_of(kit.folder / "depth/sh010/sh010_depth_v001.1001.exr")
    assert AS_STORED in header["flashdepth/color"]
    assert len(list((kit.folder / "depth").rglob("report.html"))) == 2
    table.write_text("shot,plates,colorspace,frames\nsh030,nowhere/plate.####.exr,,\n")
    refused = shots_from_csv(kit.folder)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
