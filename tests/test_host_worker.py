"""What runs in a host and its worker: whatever a worker does, the host gets an answer."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import environment

from flashdepth_vfx.host.client import Worker, WorkerTimes
from flashdepth_vfx.host.errors import RenderCancelled, RenderFailed, WorkerFailed, WorkerMissing
from flashdepth_vfx.host.session import Session
from flashdepth_vfx.protocol import PROTOCOL

#: Answers `ready` and then does to each request what a test says.
_WORKER = """
import json, os, sys, time
def say(**message):
    sys.stdout.write(json.dumps(message) + "\\n")
    sys.stdout.flush()
print("loading", file=sys.stderr, flush=True)
{before}
say(type="ready", id=None, version="9", pid=os.getpid(), protocol={protocol})
for line in sys.stdin:
    asked = json.loads(line)
    kind, name = asked["type"], asked.get("id")
    if kind == "ping":
        {ping}
    elif kind == "cancel":
        {cancel}
    else:
        {work}
"""
_PONG = 'say(type="pong", id=None, running=None, waiting=[])'
_DONE = 'say(type="finished", id=name, result={"asked": asked["job"]})'
_SHORT = WorkerTimes(start=20.0, quiet=0.4, cancel=1.0, end=5.0)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers that do as they are told; whatever is left at the end is ended."""
    begun: list[Worker] = []

    def start(
        work: str = _DONE,
        *,
        before: str = "",
        ping: str = _PONG,
        cancel: str = 'say(type="cancelled", id=name, message="stopped")',
        protocol: int = PROTOCOL,
    ) -> Worker:
        script = tmp_path / f"worker{len(begun)}.py"
        parts = {"work": work, "before": before, "ping": ping, "cancel": cancel}
        script.write_text(_WORKER.format(protocol=protocol, **parts), encoding="utf-8")
        begun.append(Worker([sys.executable, str(script)], environment(), _SHORT))
        return begun[-1]

    yield start
    for one in begun:
        one.kill()


def _ask(worker: Worker, **more: Any) -> Any:
    return worker.ask({"type": "shot", "id": "a", "job": {"x": 1}}, **more)


def test_what_comes_of_a_request_comes_back(worker: Callable[..., Worker]) -> None:
    messages: list[dict[str, Any]] = []
    told = (
        'say(type="progress", id=name, steps_done=1); say(type="log", id="other", text="no"); '
        + _DONE
    )
    assert _ask(worker(told), tell=messages.append) == {"asked": {"x": 1}}
    assert [message["type"] for message in messages] == ["progress"]


def test_the_renderers_error_comes_back_in_its_words(worker: Callable[..., Worker]) -> None:
    work = 'say(**{"type": "error", "id": name, "class": "PlateError", "message": "no plate", "exit_code": 1})'
    with pytest.raises(RenderFailed, match="no plate") as failed:
        _ask(worker(work))
    assert (failed.value.kind, failed.value.exit_code) == ("PlateError", 1)


@pytest.mark.parametrize(
    ("work", "what"),
    [
        (
            'print("disk on fire", file=sys.stderr, flush=True); os._exit(7)',
            "(?s)exit code 7.*disk on fire",
        ),
        ('sys.stdout.write("hello\\n"); sys.stdout.flush()', "no message.*hello"),
        ('sys.stdout.write("[1]\\n"); sys.stdout.flush()', "no message"),
        ("os.close(1); time.sleep(60)", "ended in the middle"),
    ],
    ids=["dies", "speaks nonsense", "speaks JSON that is none", "goes silent for good"],
)
def test_a_worker_that_is_of_no_use_is_an_error_with_its_last_lines(
    worker: Callable[..., Worker], work: str, what: str
) -> None:
    begun = worker(work)
    with pytest.raises(WorkerFailed, match=what) as failed:
        _ask(begun)
    assert failed.value.log[0] == "loading"
    assert begun._process.poll() is not None


def test_one_that_hangs_is_ended(worker: Callable[..., Worker]) -> None:
    begun = worker("time.sleep(60)")
    since = time.monotonic()
    with pytest.raises(WorkerFailed, match="said nothing"):
        _ask(begun)
    assert time.monotonic() - since < 10.0
    assert not begun.is_alive


def test_one_that_is_slow_and_answers_is_not(worker: Callable[..., Worker]) -> None:
    slow = "import threading; threading.Timer(2.0, lambda: say(type='finished', id=name, result=5)).start()"
    assert _ask(worker(slow)) == 5


def test_cancel_reaches_it_and_ends_one_that_does_not_listen(worker: Callable[..., Worker]) -> None:
    with pytest.raises(RenderCancelled, match="stopped"):
        _ask(worker("pass"), cancelled=lambda: True)
    deaf = worker("pass", cancel="pass")
    with pytest.raises(RenderCancelled, match="checkpoint stands"):
        _ask(deaf, cancelled=lambda: True)
    assert not deaf.is_alive


def test_a_cancel_that_comes_as_the_render_ends_is_answered_by_its_end(
    worker: Callable[..., Worker],
) -> None:
    late = (
        'say(**{"type": "error", "id": name, "class": "UsageError", "message": "there is no render"});'
        ' say(type="finished", id=name, result=3)'
    )
    assert _ask(worker("pass", cancel=late), cancelled=lambda: True) == 3


def test_one_that_never_starts_or_dies_starting_or_speaks_otherwise(
    worker: Callable[..., Worker], tmp_path: Path
) -> None:
    with pytest.raises(WorkerFailed, match=r"ended while it started.*exit code 3"):
        _ask(worker(before="sys.exit(3)"))
    with pytest.raises(RenderCancelled):
        _ask(worker(before="time.sleep(60)"), cancelled=lambda: True)
    with pytest.raises(WorkerMissing, match="protocol 77"):
        _ask(worker(protocol=77))
    with pytest.raises(WorkerMissing, match="cannot be started"):
        Worker([str(tmp_path / "nothing")], environment())


def test_a_session_starts_one_again_keeps_it_and_lets_it_go(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    work = '(os._exit(1) if asked["job"] == "die" else say(type="finished", id=name, result=os.getpid()))'
    parts = {"work": work, "before": "", "ping": _PONG, "cancel": "pass"}
    script.write_text(_WORKER.format(protocol=PROTOCOL, **parts), encoding="utf-8")
    command = [sys.executable, str(script)]
    session = Session(lambda: (command, environment()), idle_seconds=1.0, times=_SHORT)
    request = {"type": "shot", "job": "work"}
    first = session.ask(request)
    assert session.ask(request) == first
    with pytest.raises(WorkerFailed):
        session.ask({"type": "shot", "job": "die"})
    second = session.ask(request)
    assert second != first
    # Nobody asks for longer than a second: it is gone, and so is what it held.
    kept = session.worker
    assert kept is not None
    until = time.monotonic() + 10.0
    while kept.is_alive and time.monotonic() < until:
        time.sleep(0.05)
    assert not kept.is_alive
    assert session.worker is None
    assert session.ask(request) not in (first, second)
    session.close()


def test_two_threads_ask_one_worker_at_once(worker: Callable[..., Worker]) -> None:
    session = Session(lambda: ([], {}), times=_SHORT)
    session._worker = worker(_DONE)
    results: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda n=n: results.append(session.ask({"type": "shot", "job": n})["asked"])
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert sorted(results) == list(range(8))


def test_it_goes_with_a_host_that_dies(tmp_path: Path) -> None:
    """The real worker, of a host that is killed with it in its hands."""
    import os
    import signal
    import subprocess

    host = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from flashdepth_vfx.host.client import Worker\n"
        "import os\n"
        "worker = Worker([sys.executable, '-m', 'flashdepth_batch'], os.environ)\n"
        "print(worker.ask({'type': 'about', 'id': 'a'})['version'], worker.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", host], stdout=subprocess.PIPE, env=environment(), cwd=tmp_path
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline().split()[1])
    process.send_signal(signal.SIGKILL)
    process.wait()
    until = time.monotonic() + 20.0
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its host")
