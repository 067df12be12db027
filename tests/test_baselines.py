"""`benchmarks/baselines.py` in its smallest form: contestants at equal cost, taught alike, in one table."""

from __future__ import annotations

import contextlib
import io
import json
import runpy
from pathlib import Path

import pytest

from flashdepth_vfx.training import load_checkpoint

BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "baselines.py"
EQUAL = {"nano", "base", "base-guided", "learned", "hybrid"}
CHEAPER = {"bilinear", "guided"}
TRAINED = ("hybrid", "base", "learned")


def run(*arguments: object) -> tuple[int, str]:
    """Its exit code, and what it told."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        code = runpy.run_path(str(BENCHMARK))["main"](["--device", "cpu", *map(str, arguments)])
    return code, told.getvalue()


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a run, and what it told."""
    folder = tmp_path_factory.mktemp("baselines")
    arguments = ["--steps", 1, "--sets", "made", "--runs", folder / "runs"]
    code, told = run(*arguments, "--json", folder / "it.json")
    assert code == 0, told
    return folder, told


def test_what_should_cost_the_same_does_and_all_see_the_same_pictures(
    trial: tuple[Path, str],
) -> None:
    record = json.loads((trial[0] / "it.json").read_text())
    rows = {row["contestant"]: row for row in record["rows"]}
    assert set(rows) == {"constant", "ramp"} | EQUAL | CHEAPER
    whole = rows["hybrid"]["gflops"]
    for name in EQUAL:
        assert rows[name]["gflops"] == pytest.approx(whole, rel=0.05), name
    for name in CHEAPER:
        # what the learned one starts from
        assert (
            rows[name]["working_px"] == rows["learned"]["working_px"] < rows["hybrid"]["working_px"]
        )
        assert rows[name]["gflops"] < 0.5 * whole
    for name in EQUAL | CHEAPER:
        assert rows[name]["ms"] > 0
        for measure in ("delta1", "abs_rel", "boundary_f1"):
            assert rows[name][measure] is not None, (name, measure)
    assert rows["guided"]["boundary_f1"] != rows["bilinear"]["boundary_f1"]
    assert rows["base"]["sha256"] != rows["nano"]["sha256"]


def test_all_are_trained_on_the_same_frames_and_kept(trial: tuple[Path, str]) -> None:
    histories = [load_checkpoint(trial[0] / "runs" / f"{name}.pt").history[-1] for name in TRAINED]
    assert {history["frames_seen"] for history in histories} == {1}
    data = [history["settings"]["data"] for history in histories]
    assert data[0] == data[1] == data[2]
    assert json.loads((trial[0] / "it.json").read_text())["settings"]["frames_trained"] == 1
    for name in ("hybrid", "base"):
        assert (trial[0] / "runs" / f"{name}.safetensors").is_file()


def test_a_result_is_printed_again_as_it_was(trial: tuple[Path, str]) -> None:
    code, told = run("--table", trial[0] / "it.json")
    assert code == 0
    assert "| hybrid | 128 |" in told
    assert trial[1].endswith(told)


def test_where_no_sizes_are_equal_nothing_is_trained(tmp_path: Path) -> None:
    code, told = run("--width-px", 96, "--height-px", 64, "--runs", tmp_path / "runs")
    assert code == 1
    assert "--tolerance" in told
    assert not (tmp_path / "runs").exists()
