"""One frame run by OpenCue's real rqd: rqd_frame.py COMMAND FOLDER, in a Python that has `opencue-rqd`.

The rqd is started as a farm starts it. In the place of a Cuebot stands a server that takes its reports, hands it the
frame, and prints the exit status that comes back.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from opencue_proto import report_pb2, report_pb2_grpc, rqd_pb2, rqd_pb2_grpc

_SECONDS = 90


class Reports(report_pb2_grpc.RqdReportInterfaceServicer):
    """What an rqd reports."""

    def __init__(self) -> None:
        self.started, self.done = threading.Event(), threading.Event()
        self.exit_status = -1

    def ReportRqdStartup(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.started.set()
        return report_pb2.RqdReportRqdStartupResponse()

    def ReportStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        return report_pb2.RqdReportStatusResponse()

    def ReportRunningFrameCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.exit_status = request.frame_complete_report.exit_status
        self.done.set()
        return report_pb2.RqdReportRunningFrameCompletionResponse()


def main() -> int:
    """Run it. 0 once it has ended, however it did."""
    command, folder = sys.argv[1], Path(sys.argv[2])
    reports = Reports()
    server = grpc.server(ThreadPoolExecutor(4))
    report_pb2_grpc.add_RqdReportInterfaceServicer_to_server(reports, server)
    cuebot, port = server.add_insecure_port("127.0.0.1:0"), _free_port()
    server.start()
    settings = folder / "rqd.conf"
    settings.write_text(
        f"[Override]\nOVERRIDE_CUEBOT = 127.0.0.1\nCUEBOT_GRPC_PORT = {cuebot}\nRQD_GRPC_PORT = {port}\n"
        "OVERRIDE_CORES = 2\nOVERRIDE_PROCS = 1\nOVERRIDE_NIMBY = False\nOVERRIDE_IS_DESKTOP = False\n"
        "OVERRIDE_HOSTNAME = 127.0.0.1\nRQD_BECOME_JOB_USER = False\nRQD_USE_ALL_HOST_ENV_VARS = True\n"
        "RQD_USE_PATH_ENV_VAR = True\n"
    )
    rqd = subprocess.Popen([sys.executable, "-m", "rqd", "--nimbyoff", "-c", str(settings)])
    try:
        if not reports.started.wait(_SECONDS):
            raise SystemExit("the rqd did not report")
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        frame = rqd_pb2.RunFrame(
            resource_id="1", job_id="1", job_name="depth", frame_id="1", frame_name="0000-depth", layer_id="1",
            command=command, user_name="nobody", log_dir=str(folder / "logs"), show="show", shot="shot",
            num_cores=100, uid=65534, gid=65534, ignore_nimby=True,
        )  # fmt: skip
        stub = rqd_pb2_grpc.RqdInterfaceStub(channel)
        stub.LaunchFrame(
            rqd_pb2.RqdStaticLaunchFrameRequest(run_frame=frame),
            timeout=_SECONDS,
            wait_for_ready=True,
        )
        if not reports.done.wait(_SECONDS):
            raise SystemExit("the frame did not end")
        sys.stdout.write(f"exit status {reports.exit_status}\n")
    finally:
        rqd.send_signal(signal.SIGKILL)
        rqd.wait()
        server.stop(None)
    return 0


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
