"""Processes that get a runtime pack and can be killed, each in milliseconds: they fork from one that has imported
everything. POSIX only.

    python -m tests.helpers.pack_processes FOLDER OFFERS

forks for each line on stdin, and says the new process's id. OFFERS as JSON; the first one is got, and not tried.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import psutil

from app.core.jobs import CancelToken, JobControl
from app.downloads import SpeedLimit
from app.runtime.packs import choice
from app.runtime.packs.choice import RuntimePacks
from app.runtime.packs.getting import get_pack
from app.runtime.packs.offered import OfferedPack
from app.runtime.packs.place import PackPlace
from app.storage import DataFolder
from tests.helpers.download_processes import DownloadProcesses, forked_by, has_ended

__all__ = ["getting_processes", "has_ended", "wait_for_end"]


def getting_processes(
    folder: Path, offers: Sequence[OfferedPack]
) -> AbstractContextManager[DownloadProcesses]:
    return forked_by(__name__, str(folder), msgspec.json.encode(offers).decode())


def wait_for_end(process: psutil.Process) -> None:
    give_up = time.monotonic() + 60
    while not has_ended(process):
        time.sleep(0.002)
        assert time.monotonic() < give_up, "did not end"


def _main() -> None:
    folder, offers = Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=list[OfferedPack])
    import filelock  # noqa: F401
    import huggingface_hub.utils
    import wakepy  # noqa: F401

    assert huggingface_hub.utils
    choice._tried = lambda pack, cancel: choice.Trial("It was not tried.")  # type: ignore[assignment]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            packs = RuntimePacks((folder,), DataFolder(folder.parent))
            try:
                control = JobControl(CancelToken(), lambda event: None)
                get_pack(offers[0], packs, PackPlace(folder, offers), control, SpeedLimit())
            finally:
                os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    _main()
