"""The resident worker, as a real process: every message that it takes and gives."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import run_command
from worker_kit import Plates, Worker, changed_worker, depth_files, job, start, worker

import flashdepth_vfx
from flashdepth_vfx.lines import MAX_LINE_BYTES
from flashdepth_vfx.protocol import PROTOCOL, Request

__all__ = ["start", "worker"]

ROOT = Path(__file__).resolve().parents[1]


def test_it_says_who_it_is_and_answers_at_once(worker: Worker) -> None:
    ready = worker.until("ready")
    assert ready["version"] == flashdepth_vfx.__version__
    assert ready["pid"] == worker.process.pid
    assert ready["protocol"] == PROTOCOL
    worker.send(type="ping")
    assert worker.until("pong") == {"type": "pong", "id": None, "running": None, "waiting": []}
    worker.send(type="schema")
    as_sent = json.loads(json.dumps(flashdepth_vfx.job_schema()))
    assert worker.until("schema")["schema"] == as_sent
    worker.end_stdin()
    assert worker.exit_code() == 0


def test_a_render_tells_its_way_and_equals_the_commands(
    worker: Worker, plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    pattern = plates(3)
    worker.send(type="render", id="a", job=job(pattern, "out/", nano_weights))
    assert worker.until("queued")["id"] == "a"
    started = worker.until("started")
    assert started["frames_to_write"] == 3
    assert "device" in started["facts"]
    frames = [worker.until("progress")["frame"] for _ in range(3)]
    finished = worker.until("finished")
    assert frames == [1001, 1002, 1003]
    assert finished["id"] == "a"
    assert finished["result"]["frames_written"] == frames
    asked = ["render", pattern, "-o", "command/", "--weights", str(nano_weights), "--device", "cpu"]
    assert run_command(asked, tmp_path).returncode == 0
    assert depth_files(tmp_path / "out") == depth_files(tmp_path / "command")
    assert len(depth_files(tmp_path / "out")) == 3


def test_the_network_stays_loaded_and_renders_go_in_order(
    worker: Worker, plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    passing = tmp_path / "passing.safetensors"
    passing.write_bytes(nano_weights.read_bytes())
    pattern = plates(2)
    worker.send(type="render", id="a", job=job(pattern, "a/", passing))
    assert worker.until("finished", "error")["type"] == "finished"
    # Weights that are on disk no more can only come from memory.
    passing.unlink()
    for name in ("b", "c"):
        worker.send(type="render", id=name, job=job(pattern, f"{name}/", passing))
    ends = [worker.until("finished", "error") for _ in range(2)]
    assert [(end["type"], end["id"]) for end in ends] == [("finished", "b"), ("finished", "c")]
    assert depth_files(tmp_path / "a") == depth_files(tmp_path / "c")


def test_cancel_saves_the_running_render_and_drops_a_waiting_one(
    worker: Worker, plates: Plates, nano_weights: Path, tmp_path: Path
) -> None:
    pattern = plates(60)
    worker.send(type="render", id="a", job=job(pattern, "a/", nano_weights))
    worker.send(type="render", id="b", job=job(pattern, "b/", nano_weights))
    worker.until("progress")
    worker.send(type="ping")
    pong = worker.until("pong")
    assert (pong["running"], pong["waiting"]) == ("a", ["b"])
    worker.send(type="cancel", id="b")
    assert worker.until("cancelled")["id"] == "b"
    worker.send(type="cancel", id="a")
    assert worker.until("cancelled")["id"] == "a"
    half = depth_files(tmp_path / "a")
    assert 0 < len(half) < 60
    worker.send(type="render", id="a", job=job(pattern, "a/", nano_weights, resume=True))
    assert "starts at the head" not in worker.until("started")["facts"]["state"]
    rest = worker.until("finished")["result"]
    assert len(rest["frames_written"]) == 60 - len(half)
    worker.send(type="render", id="c", job=job(pattern, "c/", nano_weights))
    worker.until("finished")
    assert depth_files(tmp_path / "a") == depth_files(tmp_path / "c")
    assert not (tmp_path / "b").exists()
    worker.end_stdin()
    assert worker.exit_code() == 0


BAD_LINES = {
    b"hello": "not a request",
    b"[]": "not a request",
    b'{"type": "sing", "id": "a"}': "sing",
    b'{"id": "a"}': "type",
    b'{"type": "render", "id": "a"}': "job",
    b'{"type": "render", "id": 7, "job": {}}': "id",
    b'{"type": "render", "id": "a", "job": {}}': "shot",
    b'{"type": "render", "id": "a", "job": {"shot": {"input": "x"}, "output": "y", "z": 1}}': "z",
    b'{"type": "ping", "extra": 1}': "extra",
    b'{"type": "cancel", "id": "nobody"}': "nobody",
    b"\xff\xfe\x00": "not a request",
    b"[" * 100_000: "not a request",
    b" " * (MAX_LINE_BYTES + 1): "too long",
    b'{"type": "ping"}' + b" " * 2 * MAX_LINE_BYTES: "too long",
}


def test_bad_lines_are_answered_and_it_goes_on(worker: Worker) -> None:
    for line, says in BAD_LINES.items():
        worker.send_raw(line + b"\n")
        error = worker.until("error", "pong")
        assert error["type"] == "error", line[:80]
        assert error["class"] == "UsageError"
        assert error["exit_code"] == 2
        assert says in error["message"]
        assert error["id"] in (None, "a", "nobody")
    worker.send_raw(b"\n   \n")
    worker.send(type="ping")
    assert worker.until("error", "pong")["type"] == "pong"


def test_a_render_that_fails_says_why_and_the_next_one_runs(
    worker: Worker, plates: Plates, nano_weights: Path
) -> None:
    worker.send(type="render", id="a", job=job("none.####.exr", "out/", nano_weights))
    error = worker.until("error", "finished")
    assert (error["id"], error["class"], error["exit_code"]) == ("a", "PlateError", 1)
    worker.send(type="render", id="b", job=job(plates(1), "out/", nano_weights))
    assert worker.until("error", "finished")["type"] == "finished"


def test_an_id_in_use_is_refused(worker: Worker, plates: Plates, nano_weights: Path) -> None:
    pattern = plates(30)
    worker.send(type="render", id="a", job=job(pattern, "a/", nano_weights))
    worker.until("queued")
    worker.send(type="render", id="a", job=job(pattern, "b/", nano_weights))
    assert "already" in worker.until("error")["message"]
    assert worker.until("finished")["id"] == "a"


def test_nothing_but_messages_reaches_stdout(
    start: Callable[..., Worker], plates: Plates, nano_weights: Path
) -> None:
    noise = "print('loud'); os.write(1, b'louder\\n'); os.system('echo loudest; cat')"
    worker = start(command=changed_worker(noise, 60))
    worker.send(type="render", id="a", job=job(plates(1), "out/", nano_weights))
    assert worker.until("finished", "error")["type"] == "finished"
    worker.end_stdin()
    assert worker.exit_code() == 0
    assert worker.process.stderr is not None
    said = worker.process.stderr.read()
    assert all(word in said for word in (b"loud\n", b"louder\n", b"loudest\n"))
    assert all(json.loads(line)["type"] for line in worker.lines)


@pytest.mark.parametrize("debug", [False, True])
def test_a_defect_in_one_render_spares_the_next_and_shows_where_with_debug_only(
    debug: bool, start: Callable[..., Worker], plates: Plates, nano_weights: Path
) -> None:
    defect = "assert not settings.exposure_stops, 'a defect'"
    worker = start(command=changed_worker(defect, 60, debug=debug))
    bad = job(plates(1), "out/", nano_weights)
    bad["settings"]["exposure_stops"] = 1.0
    worker.send(type="render", id="a", job=bad)
    error = worker.until("error", "finished")
    assert (error["class"], error["message"], error["exit_code"]) == (
        "AssertionError",
        "a defect",
        1,
    )
    worker.send(type="render", id="b", job=job(plates(1), "out/", nano_weights))
    assert worker.until("error", "finished")["type"] == "finished"
    worker.end_stdin()
    assert worker.exit_code() == 0
    assert worker.process.stderr is not None
    assert (b"Traceback" in worker.process.stderr.read()) == debug


def test_the_manual_lists_every_message_and_no_other() -> None:
    manual = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    asked, answered, *_ = manual.partition("## Requests")[2].split("## ")
    requests = [request.__struct_config__.tag for request in typing.get_args(Request)]
    row = re.compile(r"^\| `([a-z]+)`", re.MULTILINE)
    assert row.findall(asked) == ["type", *requests]
    source = (ROOT / "flashdepth_vfx" / "worker.py").read_text(encoding="utf-8")
    kinds = set(re.findall(r'(?:_send\(|kind(?:, facts)? = )"([a-z]+)"', source))
    assert set(row.findall(answered)) == {"type", *kinds}
