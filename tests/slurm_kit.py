"""A Slurm of two nodes on this machine, in a folder of its own: a real scheduler for what is written for it.

Each node has one core and one GPU, which is a device file that does nothing. It needs root, and slurm-wlm and munge
of Debian.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

__all__ = ["Cluster", "cluster_of_two"]

_PROGRAMS = ("slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "sinfo", "scancel", "munged")
_NODES = ("n1", "n2")
_SETTINGS = """\
ClusterName=two
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/sock,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/completed.log
RequeueExit=75
KillWait=15
MinJobAge=3600
ReturnToService=2
SlurmdTimeout=15
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1} CPUs=1 RealMemory=4000 Gres=gpu:1 Feature=h100
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2} CPUs=1 RealMemory=4000 Gres=gpu:1 Feature=h100
PartitionName=farm Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """A running one. `environment` is what its commands need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}

    def command(self, *words: str, check: bool = True) -> str:
        """What one of its commands says."""
        ended = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert not check or ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def submit(self, script: Path, *options: str, **more: str) -> str:
        """Run what was written for it, and return what it says."""
        ended = subprocess.run(
            [str(script), *options],
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def jobs(self) -> list[dict[str, str]]:
        """Every element of every array that it knows, done ones too: name, index, state, node, restarts."""
        told = self.command("scontrol", "--oneliner", "show", "jobs", check=False)
        found = []
        for line in told.splitlines():
            facts = dict(word.partition("=")[::2] for word in line.split() if "=" in word)
            if "JobId" in facts:
                found.append(facts)
        return found

    def wait(self, until: Callable[[], bool], seconds: float, what: str) -> None:
        """Until something is so. Fails with what the cluster says."""
        limit = time.monotonic() + seconds
        while not until():
            if time.monotonic() > limit:
                logs = "\n".join(p.read_text()[-3000:] for p in self.folder.glob("slurm*.log"))
                pytest.fail(f"{what}: not after {seconds:g} s\n{self.command('squeue')}\n{logs}")
            time.sleep(0.1)

    def wait_for_end(self, seconds: float = 240) -> None:
        """Until nothing waits or runs any more."""
        self.wait(lambda: not self.command("squeue", "-h").strip(), seconds, "all jobs to end")

    def start_node(self, name: str) -> None:
        """Start a node's daemon."""
        self._run("slurmd", "-f", str(self.folder / "slurm.conf"), "-N", name)

    def kill_node(self, name: str) -> None:
        """As when its power fails: the daemon, the daemons of its jobs, and all that they run."""
        jobs = self.command("squeue", "-h", "-t", "R", "-w", name, "-o", "%A").split()
        # The daemon of a job tells of its end by itself: it dies first.
        for words in (
            *(f"slurmstepd: [{job}." for job in jobs),
            f"{self.folder}/slurm.conf -N {name}",
        ):
            for pid in _below(words):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def start(self) -> None:
        """Start all of it, and wait for both nodes."""
        folder = self.folder
        for name in ("state", "munge"):
            (folder / name).mkdir()
        (folder / "munge").chmod(0o711)
        key = folder / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        for name in _NODES:
            os.mknod(folder / f"gpu.{name}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        ports = _free_ports(3)
        names = dict(zip(("controller", *_NODES), ports, strict=True))
        host = socket.gethostname().partition(".")[0]
        (folder / "slurm.conf").write_text(_SETTINGS.format(host=host, folder=folder, **names))
        (folder / "gres.conf").write_text(
            "".join(f"NodeName={n} Name=gpu File={folder}/gpu.{n}\n" for n in _NODES)
        )
        (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        self._run(
            "munged", "--force", f"--key-file={key}", f"--socket={folder}/munge/sock",
            f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge/seed",
        )  # fmt: skip
        self._run("slurmctld", "-c", "-f", str(folder / "slurm.conf"))
        for name in _NODES:
            self.start_node(name)
        idle = ["idle", "idle"]
        self.wait(
            lambda: self.command("sinfo", "-h", "-N", "-o", "%T", check=False).split() == idle,
            40,
            "two nodes",
        )

    def stop(self) -> None:
        """End all of it, whatever state it is in."""
        self.command("scancel", "--user=root", check=False)
        for _ in range(2):
            for pid in _below(str(self.folder)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, *words: str) -> None:
        subprocess.run(words, env=self.environment, check=True, capture_output=True, timeout=60)


@contextlib.contextmanager
def cluster_of_two() -> Iterator[Cluster]:
    """A running cluster, stopped at the end. Skips, and says why, where there can be none."""
    lacking = [name for name in _PROGRAMS if shutil.which(name) is None]
    if lacking:
        pytest.skip(
            f"NO SLURM HERE: {', '.join(lacking)} not found (apt-get install slurm-wlm munge)"
        )
    if os.geteuid() != 0:
        pytest.skip("NO SLURM HERE: it is started as root alone")
    # Sockets have short paths.
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="two-", dir="/tmp")))
    cluster.folder.chmod(0o755)
    try:
        try:
            cluster.start()
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"NO SLURM HERE: it does not start ({error})")
        yield cluster
    finally:
        cluster.stop()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _processes() -> dict[int, tuple[int, str]]:
    """Parent and command line, by number."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(path.name)] = (parent, words)
    return found


def _below(words: str) -> set[int]:
    """The processes with `words` in their command line, and all below them."""
    all_of_them = _processes()
    found = {pid for pid, (_, line) in all_of_them.items() if words in line and pid != os.getpid()}
    while more := {p for p, (parent, _) in all_of_them.items() if parent in found} - found:
        found |= more
    return found
