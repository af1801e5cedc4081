"""A Slurm cluster of one node, this machine, on loopback: for tests, and only as root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "srun")
#: Where Slurm's programs look; those that Snakemake's jobs call know no other place.
CONFIG = Path("/etc/slurm/slurm.conf")
TEXT = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
SlurmctldPort={port}
SlurmdPort={next_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
# Finished jobs stay visible to squeue: there is no accounting to ask.
AccountingStorageType=accounting_storage/none
MinJobAge=3600
# What jobs ask for is not held against the memory of the machine at hand.
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=1000000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def lacks() -> str:
    """Why no cluster can be started here; empty where one can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)} (apt-get install slurm-wlm munge)"
    if os.getuid() != 0:
        return "needs root"
    return f"{CONFIG} is in use" if os.path.lexists(CONFIG) and not _left_behind() else ""


def _left_behind() -> bool:
    """Whether the configuration is that of a test which was killed, and its cluster with it."""
    if not CONFIG.is_symlink():
        return False
    folder = CONFIG.resolve().parent
    return not any(_alive(folder / name) for name in ("test.pid", "slurmctld.pid"))


def _alive(pid: Path) -> bool:
    return pid.is_file() and psutil.pid_exists(int(pid.read_text()))


@contextmanager
def cluster(folder: Path, port: int = 16917) -> Iterator[None]:
    """Within it, sbatch of this machine submits to a node of as many cores as there are."""
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(parents=True)
    (folder / "munge").chmod(0o700)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    text = TEXT.format(
        host=socket.gethostname().partition(".")[0], folder=folder, port=port,
        next_port=port + 1, cores=os.cpu_count(),
    )  # fmt: skip
    (folder / "slurm.conf").write_text(text)
    (folder / "test.pid").write_text(str(os.getpid()))
    CONFIG.parent.mkdir(exist_ok=True)
    CONFIG.unlink(missing_ok=True)
    CONFIG.symlink_to(folder / "slurm.conf")
    # --force: a folder below a place that everyone may write to.
    munged = [
        "munged", "--foreground", "--force", f"--key-file={key}",
        f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid",
        f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge/seed",
    ]  # fmt: skip
    daemons = []
    try:
        for command in (munged, ["slurmctld", "-D"], ["slurmd", "-D"]):
            daemons.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
            _wait(folder / "munge.socket")
        _until_idle()
        yield
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
        CONFIG.unlink()


def _wait(path: Path) -> None:
    until = time.monotonic() + 30
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.1)


def _until_idle() -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        asked = ["sinfo", "-h", "-o", "%T"]
        if subprocess.run(asked, capture_output=True, text=True).stdout.strip() == "idle":
            return
        time.sleep(0.5)
    raise RuntimeError("the Slurm node does not become idle")
