"""The worker that listens: one client after another, weights loaded once, and every way to end it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import command_line, environment
from render_kit import AS_STORED, RenderKit, Watcher, run, same

from flashdepth_vfx import FarmPlan, RenderJob, plan
from flashdepth_vfx.errors import Interrupted, PlanError, WorkerError
from flashdepth_vfx.farm import Task, run_by_worker

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="--listen is not for Windows")


class Listener:
    """`flashdepth serve --listen` as a real process."""

    def __init__(self, folder: Path, *options: str, code: str = "") -> None:
        self.address = folder / "worker.json"
        line = command_line(["serve", "--listen", str(self.address), *options])
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(self.address)] if code else line,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        limit = time.monotonic() + 60
        while not self.address.exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < limit
            time.sleep(0.02)

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.address.read_text())
        return facts

    def connect(self, word: str) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.facts["port"]), 10)
        connection.sendall(word.encode() + b"\n")
        return connection


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Callable[..., Listener]]:
    begun: list[Listener] = []

    def start(*options: str, code: str = "") -> Listener:
        begun.append(Listener(tmp_path, *options, code=code))
        return begun[-1]

    yield start
    for one in begun:
        one.process.kill()
        one.process.communicate()


def chain_of(kit: RenderKit, frames: int = 8, chunk: int = 4) -> tuple[FarmPlan, RenderJob]:
    job = kit.job(kit.shot(range(1, frames + 1)), colorspace=AS_STORED)
    return plan(job, mode="chain", chunk_frames=chunk, report=False), job


def test_tasks_of_a_plan_by_one_worker_are_the_unbroken_render(
    kit: RenderKit, listen: Callable[..., Listener]
) -> None:
    planned, _ = chain_of(kit)
    listener = listen()
    watcher = Watcher()
    for task in planned.tasks:
        run_by_worker(listener.address, planned, task, observer=watcher)
    assert watcher.written == list(range(1, 9))
    names = [type(event).__name__ for event in watcher.events]
    assert names.count("Started") == names.count("Finished") == 2
    run(kit.job(str(kit.folder / "plates/shot.####.exr"), "whole/shot.####.exr"))
    assert same(kit.depths(), kit.depths("whole/shot.####.exr"))


#: A worker that says when it has networks to load anew.
_TELLING = """
import os, sys, pathlib
from flashdepth_vfx import networks, run_listener
class Telling(networks.Networks):
    def __init__(self):
        super().__init__()
        os.write(2, b"nothing is loaded\\n")
networks.Networks = Telling
sys.exit(run_listener(pathlib.Path(sys.argv[1])))
"""


def test_weights_stay_loaded_from_one_client_to_the_next(
    kit: RenderKit, listen: Callable[..., Listener]
) -> None:
    planned, _ = chain_of(kit, 4, 2)
    listener = listen(code=_TELLING)
    for task in planned.tasks:
        run_by_worker(listener.address, planned, task)
    listener.process.terminate()
    _, said = listener.process.communicate(timeout=30)
    assert said.count(b"nothing is loaded") == 1


def test_stop_cancels_there_and_saves(kit: RenderKit, listen: Callable[..., Listener]) -> None:
    planned, _ = chain_of(kit, 60, 60)
    (task,) = planned.tasks
    watcher = Watcher(stop_after=2)
    with pytest.raises(Interrupted, match="the state waits for"):
        run_by_worker(listen().address, planned, task, observer=watcher, stop=watcher.stop)
    assert 2 <= len(kit.depths()) < 60
    assert list((kit.folder / "depth/shot.flashdepth").glob("state.*"))


def test_client_that_goes_away_ends_its_task_and_not_the_worker(
    kit: RenderKit, listen: Callable[..., Listener]
) -> None:
    planned, _ = chain_of(kit, 60, 60)
    (task,) = planned.tasks
    listener = listen()
    connection = listener.connect(listener.facts["token"])
    asked = {"type": "task", "id": "a", "plan": planned.to_dict(), "task": task.id}
    connection.sendall(json.dumps(asked).encode() + b"\n")
    while b'"progress"' not in connection.recv(1 << 16):
        pass
    connection.close()
    watcher = Watcher()
    run_by_worker(listener.address, planned, task, observer=watcher)
    assert 0 < len(watcher.written) < 60
    assert len(kit.depths()) == 60


def test_nobody_without_the_word_is_let_in(kit: RenderKit, listen: Callable[..., Listener]) -> None:
    planned, _ = chain_of(kit, 2, 2)
    listener = listen()
    assert listener.address.stat().st_mode & 0o077 == 0
    for wrong in ("", "x" * 32, "x" * 4000):
        with listener.connect(wrong) as connection:
            connection.settimeout(10)
            with contextlib.suppress(ConnectionError):
                assert connection.recv(10) == b""
    run_by_worker(listener.address, planned, planned.tasks[0])
    assert len(kit.depths()) == 2


def test_errors_come_back_as_they_are_there(
    kit: RenderKit, listen: Callable[..., Listener]
) -> None:
    planned, _ = chain_of(kit, 4, 2)
    listener = listen()
    # The chunks come before what decides for them.
    with pytest.raises(Exception, match="run flashdepth decide first") as raised:
        run_by_worker(listener.address, planned, planned.tasks[1])
    assert getattr(raised.value, "exit_code", None) == 1
    strange = Task(id="x", shot=planned.shots[0].name, kind=planned.tasks[1].kind)
    with pytest.raises(Exception, match="no task 'x' is planned") as raised:
        run_by_worker(listener.address, planned, strange)
    assert getattr(raised.value, "exit_code", None) == PlanError.exit_code


@pytest.mark.parametrize("under_way", [False, True])
def test_sigterm_ends_it(kit: RenderKit, listen: Callable[..., Listener], under_way: bool) -> None:
    planned, _ = chain_of(kit, 60, 60)
    (task,) = planned.tasks
    listener = listen()
    if under_way:

        def kill(event: object) -> None:
            if type(event).__name__ == "FrameWritten":
                os.kill(listener.process.pid, signal.SIGTERM)

        with pytest.raises(Interrupted):
            run_by_worker(listener.address, planned, task, observer=kill)
    else:
        listener.process.send_signal(signal.SIGTERM)
    assert listener.process.wait(30) == (143 if under_way else 0)
    assert not listener.address.exists()


def test_it_ends_when_nobody_comes(listen: Callable[..., Listener]) -> None:
    listener = listen("--idle", "0.3")
    assert listener.process.wait(20) == 0
    assert not listener.address.exists()


def test_a_worker_that_dies_or_is_not_there_is_said_so(
    kit: RenderKit, listen: Callable[..., Listener]
) -> None:
    planned, _ = chain_of(kit, 60, 60)
    (task,) = planned.tasks
    with pytest.raises(WorkerError, match="start flashdepth serve --listen"):
        run_by_worker(kit.folder / "none.json", planned, task)
    listener = listen()

    def kill(event: object) -> None:
        if type(event).__name__ == "FrameWritten":
            listener.process.kill()

    with pytest.raises(WorkerError, match="went away") as raised:
        run_by_worker(listener.address, planned, task, observer=kill)
    assert raised.value.exit_code == 75
    listener.process.wait(20)
    with pytest.raises(WorkerError, match="no worker answers"):
        run_by_worker(listener.address, planned, task)


def test_the_command_does_a_task_by_a_worker(
    kit: RenderKit, listen: Callable[..., Listener]
) -> None:
    planned, _ = chain_of(kit, 3, 3)
    path = planned.save(kit.folder / "plan.json")
    listener = listen()
    command = ["task", str(path), "--index", "0", "--worker", str(listener.address), "--json"]
    ended = subprocess.run(
        command_line(command), env=environment(), capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["frames_written"] == [1, 2, 3]
    assert "frame 3" in ended.stderr


def test_threads_of_clients_wait_for_each_other(
    kit: RenderKit, listen: Callable[..., Listener]
) -> None:
    jobs = [
        kit.job(kit.shot(range(1, 4), f"{name}/p.####.exr"), f"d{name}/p.####.exr")
        for name in ("a", "b")
    ]
    planned = plan(jobs, report=False)
    listener = listen()
    threads = [
        threading.Thread(target=run_by_worker, args=(listener.address, planned, task))
        for task in planned.tasks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(kit.depths("da/p.####.exr")) == len(kit.depths("db/p.####.exr")) == 3
