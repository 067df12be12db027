"""A process of `test_farm_opencue.py`, where OpenCue's packages are: frames on stdin, launched by a real rqd.

It answers rqd as Cuebot does, and launches and kills frames by the messages that Cuebot sends. Says what rqd said.
"""

import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from opencue_proto import report_pb2, report_pb2_grpc, rqd_pb2, rqd_pb2_grpc


class Cuebot(report_pb2_grpc.RqdReportInterfaceServicer):
    """Takes reports."""

    def __init__(self) -> None:
        self.startups: queue.Queue[Any] = queue.Queue()
        self.completions: queue.Queue[Any] = queue.Queue()

    def ReportRqdStartup(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.startups.put(request.boot_report)
        return report_pb2.RqdReportRqdStartupResponse()

    def ReportStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        return report_pb2.RqdReportStatusResponse()

    def ReportRunningFrameCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.completions.put(request.frame_complete_report)
        return report_pb2.RqdReportRunningFrameCompletionResponse()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_frames(told: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    cuebot, server = Cuebot(), grpc.server(futures.ThreadPoolExecutor(4))
    report_pb2_grpc.add_RqdReportInterfaceServicer_to_server(cuebot, server)
    port, rqd_port = server.add_insecure_port("127.0.0.1:0"), free_port()
    server.start()
    config = folder / "rqd.conf"
    config.write_text(
        f"[Override]\nOVERRIDE_CUEBOT=127.0.0.1\nCUEBOT_GRPC_PORT={port}\nRQD_GRPC_PORT={rqd_port}\n"
        "OVERRIDE_CORES=2\nOVERRIDE_MEMORY=4000000\nOVERRIDE_NIMBY=False\nOVERRIDE_HOSTNAME=localhost\n"
    )
    daemon = subprocess.Popen(
        [sys.executable, "-m", "rqd", "-c", str(config), "--nimbyoff"],
        cwd=folder,
        env={**os.environ, "RQD_CONFIG_FILE": str(config)},
        stdout=sys.stderr,
    )
    try:
        cuebot.startups.get(timeout=60)
        rqd = rqd_pb2_grpc.RqdInterfaceStub(grpc.insecure_channel(f"127.0.0.1:{rqd_port}"))
        return [one_frame(rqd, cuebot, frame, told, folder) for frame in told["frames"]]
    finally:
        daemon.kill()
        daemon.wait()
        server.stop(None)


def one_frame(rqd: Any, cuebot: Cuebot, frame: Any, told: Any, folder: Path) -> dict[str, Any]:
    asked = rqd_pb2.RunFrame(
        resource_id=frame["id"], job_id="job", job_name=frame["id"], frame_id=frame["id"],
        frame_name=frame["name"], layer_id="layer", command=frame["command"], user_name="artist",
        log_dir=str(folder / "logs"), show="testing", shot="shot", num_cores=100,
        environment=told["environment"],
    )  # fmt: skip
    rqd.LaunchFrame(rqd_pb2.RqdStaticLaunchFrameRequest(run_frame=asked), timeout=30)
    if "kill_at" in frame:
        limit = time.monotonic() + 120
        while not Path(frame["kill_at"]).exists():
            assert time.monotonic() < limit, "no frame came"
            time.sleep(0.01)
        kill = rqd_pb2.RqdStaticKillRunningFrameRequest(frame_id=frame["id"], message="enough")
        rqd.KillRunningFrame(kill, timeout=30)
    report = cuebot.completions.get(timeout=200)
    log = folder / "logs" / f"{frame['id']}.{frame['name']}.rqlog"
    return {
        "exit_status": report.exit_status,
        "exit_signal": report.exit_signal,
        "log": log.read_text(),
    }


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="rqd-"))
    try:
        print(json.dumps(run_frames(json.load(sys.stdin), folder)))  # noqa: T201
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
