"""Other programs that installers are made with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from installers.faults import BuildFault


def require(*programs: str) -> None:
    """Raises BuildFault that names those of them that are not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise BuildFault(f"These programs are needed and not installed: {', '.join(missing)}.")


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> str:
    """Its stdout. `environment`: all of it, where it is not this process's. Raises BuildFault with the last lines
    of what it wrote where it fails."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except OSError as error:
        raise BuildFault(f"{command[0]} cannot be started: {error.strerror}.") from error
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise BuildFault(f"{Path(command[0]).name} failed (exit status {done.returncode}):\n{said}")
    return done.stdout
