"""Hand: a resident worker of this machine that tasks are given to, with a device of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from flashdepth_vfx.errors import WorkerError
from flashdepth_vfx.events import Observer
from flashdepth_vfx.farm.resident import run_by_worker
from flashdepth_vfx.farm.tasks import FarmPlan, Task
from flashdepth_vfx.workers import usable_cores

__all__ = ["Hand", "devices_here"]

_START_SECONDS = 60.0
_END_SECONDS = 60.0
_LAST_WORDS_BYTES = 2000


def devices_here() -> tuple[str, ...]:
    """`cuda:0`, `cuda:1`, ... as this process may see them; `cpu` where there is none."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is not None:
        count = len([one for one in listed.split(",") if one.strip() not in ("", "-1")])
    else:
        count = _counted()
    return tuple(f"cuda:{i}" for i in range(count)) or ("cpu",)


def _counted() -> int:
    """By the driver's own tool: to ask PyTorch would load it here, where nothing is computed."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    told = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=60, check=False)
    return sum(line.startswith("GPU ") for line in told.stdout.splitlines())


class Hand:
    """One worker process. It is started when it is first needed, and again after it died.

    `device` is `cpu` or `cuda:N`; of `hands` on the CPU each has its share of the cores.
    """

    def __init__(self, device: str, hands: int) -> None:
        self.device = device
        self._hands = hands
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="flashdepth-"))
        self._said: IO[bytes] | None = None

    def do(
        self,
        plan: FarmPlan,
        task: Task,
        *,
        observer: Observer,
        tell: Callable[[str], None],
        stop: threading.Event,
    ) -> dict[str, Any]:
        """As `run_task`, in the worker. Raises `WorkerError`, with its last words, when it dies under it."""
        address = self._started()
        try:
            return run_by_worker(address, plan, task, observer=observer, tell=tell, stop=stop)
        except WorkerError as error:
            words = self._last_words()
            self.close()
            raise WorkerError(address, f"{error.reason}{words}") from error

    def close(self) -> None:
        """End the worker, which saves what it has in hand, and wait for it."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._said is not None:
            self._said.close()
            self._said = None

    def discard(self) -> None:
        """End it, and leave nothing behind."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _started(self) -> Path:
        address = self._folder / "worker.json"
        if self._process is not None and self._process.poll() is None:
            return address
        self.close()
        address.unlink(missing_ok=True)
        self._said = (self._folder / "stderr.log").open("wb")
        # A session of its own: Ctrl-C at the terminal is for the one who deals out the tasks.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flashdepth_vfx.farm.child", str(address)],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            start_new_session=True,
        )
        limit = time.monotonic() + _START_SECONDS
        while not address.exists():
            if self._process.poll() is not None or time.monotonic() > limit:
                raise WorkerError(
                    address, f"the worker of {self.device} did not start{self._last_words()}"
                )
            time.sleep(0.02)
        return address

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        if self.device == "cpu":
            share = max(1, len(usable_cores()) // self._hands)
            environment.setdefault("OMP_NUM_THREADS", str(share))
            return environment
        number = int(self.device.partition(":")[2] or 0)
        seen = [one.strip() for one in environment.get("CUDA_VISIBLE_DEVICES", "").split(",")]
        environment["CUDA_VISIBLE_DEVICES"] = seen[number] if seen != [""] else str(number)
        return environment

    def _last_words(self) -> str:
        path = self._folder / "stderr.log"
        try:
            words = path.read_bytes()[-_LAST_WORDS_BYTES:].decode(errors="replace").strip()
        except OSError:
            return ""
        return f"; its last words: {words}" if words else ""
