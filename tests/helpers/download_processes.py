"""Processes that run the queue of downloads and can be killed, each in milliseconds: they fork from one that has
imported everything. POSIX only.

    python -m tests.helpers.download_processes DATABASE ENDPOINT BYTES_PER_S

forks for each line on stdin, and says the new process's id.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil

from app.core.jobs import CancelToken, JobControl
from app.downloads import DownloadQueue, SpeedLimit
from app.hub import Hub, locate_on
from tests.helpers.command_line import person_environment


class DownloadProcesses:
    def __init__(self, forking: subprocess.Popen[str]) -> None:
        self._forking = forking

    def start(self) -> psutil.Process:
        """It ends by itself once nothing waits in the queue."""
        assert self._forking.stdin is not None
        assert self._forking.stdout is not None
        self._forking.stdin.write("\n")
        self._forking.stdin.flush()
        return psutil.Process(int(self._forking.stdout.readline()))


def download_processes(
    database: Path, endpoint: str, bytes_per_s: int
) -> AbstractContextManager[DownloadProcesses]:
    return forked_by(__name__, str(database), endpoint, str(bytes_per_s))


@contextmanager
def forked_by(module: str, *arguments: str) -> Iterator[DownloadProcesses]:
    """One for each line that the program of `module` reads; it answers with the id."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, env=person_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as forking:
        yield DownloadProcesses(forking)
        assert forking.stdin is not None
        forking.stdin.close()
        assert forking.wait(30) == 0


def has_ended(process: psutil.Process) -> bool:
    """Killed or by itself; a zombie has."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _main() -> None:
    database, endpoint, bytes_per_s = sys.argv[1:]
    import filelock  # noqa: F401
    import huggingface_hub.utils
    import wakepy  # noqa: F401

    assert huggingface_hub.utils
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            queue = DownloadQueue(Path(database), locate_on(Hub(endpoint)), SpeedLimit(int(bytes_per_s)))
            try:
                queue.run(JobControl(CancelToken(), lambda event: None))
            finally:
                os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    _main()
