"""Which processes run on a runtime pack: those of this person that were started with its folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def processes_on(folder: Path) -> list[int]:
    """Their ids. Of any Nibble: the system knows with which variables a process was started."""
    import psutil

    wanted = os.path.normcase(folder)
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # somebody else's, or gone
            if os.path.normcase(process.environ().get("LLAMA_CPP_LIB_PATH", "")) == wanted:
                found.append(process.pid)
    return found
