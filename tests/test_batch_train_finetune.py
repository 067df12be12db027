"""`flashdepth train fine-tune`: what it shows, what it writes, and one line for what it cannot use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from studio_kit import SECRET, write_shot, write_show

from flashdepth_batch.main import main
from flashdepth_vfx.weights import load

SMALL = [
    "--steps", "1", "--clips", "1", "--frames", "2", "--width-px", "96", "--height-px", "96",
    "--made-share", "0", "--judged-made-clips", "0", "--device", "cpu",
]  # fmt: skip


def test_check_shows_every_shot_and_trains_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_shot(tmp_path / "show" / "good")
    write_shot(tmp_path / "show" / "short", range(1001, 1004))
    assert main(["train", "fine-tune", "--data", str(tmp_path / "show"), "--check"]) == 0
    head, good, short = capfd.readouterr().out.splitlines()
    assert head.split()[:2] == ["shot", "frames"]
    assert good.split()[:3] == ["good", "8", "64x48"]
    assert "NOT USED: no 6 frames in a row" in short
    assert [path.name for path in tmp_path.iterdir()] == ["show"]


def test_check_as_json_takes_the_units_as_they_are_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_shot(tmp_path)
    arguments = ["--data", str(tmp_path), "--check", "--json"]
    for unit, near_m in ((), 10.0), (("--scene-unit-m", "0.01"), 0.1):
        assert main(["train", "fine-tune", *arguments, *unit]) == 0
        (report,) = json.loads(capfd.readouterr().out)
        assert (report["name"], report["problems"]) == (tmp_path.name, [])
        # the nearest pixel is at 10 units, the nearest hundredth ends within its row
        assert near_m <= report["near_m"] <= 7.0 * near_m


def test_it_writes_weights_and_tells_before_and_after(
    tmp_path: Path, nano_weights: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    show, out = write_show(tmp_path / "show", 2), tmp_path / "ours.safetensors"
    arguments = ["--data", str(show), "-o", str(out), "--weights", str(nano_weights), *SMALL]
    assert main(["train", "fine-tune", *arguments, "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["weights"] == str(out)
    assert (said["shots"], said["frames"]) == (1, 3)
    of_shot = [row for row in said["rows"] if row["held_out"] == f"{SECRET}_sh002"]
    assert [row["predictor"] for row in of_shot] == ["constant", "ramp", "before", "after"]
    assert load(out).entry.commercial_use == "not stated"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("-o", "a.pt"), ".safetensors"), ((), "-o FILE.safetensors"),
     (("-o", "a.safetensors", "--hold-out", "sh9"), "no usable shot has that name"),
     (("-o", "a.safetensors", "--scene-unit-m", "0"), "length in metres"),
     (("-o", "a.safetensors", "--made-share", "1"), "at least one")],
)  # fmt: skip
def test_what_cannot_be_is_one_line_and_exit_code_2(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], word: str
) -> None:
    show = write_show(tmp_path / "show", 2)
    paths = [str(tmp_path / a) if a.startswith("a.") else a for a in arguments]
    assert main(["train", "fine-tune", "--data", str(show), *SMALL, *paths]) == 2
    assert word in capfd.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["show"]
