"""The command `nibble` in a process of its own, as a person or a script starts it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

COMMAND = [sys.executable, "-P", "-m", "app"]
LIMIT_S = 120
KILLED = "SIGKILL" if os.name == "posix" else "exit code"
"""How a fault tells that a process was killed."""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """stdout, which must be one JSON document and nothing else."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document

    def assert_refused(self, *words: str) -> None:
        """One sentence and a next step on stderr; nothing that looks like a bug."""
        assert self.code == 1, self
        assert "Traceback" not in self.err
        sentence, hint = self.err.rstrip("\n").splitlines()
        assert sentence.startswith("nibble: ")
        assert sentence.endswith(".")
        assert hint.startswith("        ")
        for word in words:
            assert word in self.err


def person_environment(**changes: str) -> dict[str, str]:
    """Without what build machines like to set: a person's Python buffers its output."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"} | changes


def nibble(
    *arguments: object,
    input: str | None = None,
    environment: dict[str, str] | None = None,
    before: Callable[[], object] | None = None,
    command: Sequence[str] = COMMAND,
) -> Outcome:
    """Runs a command to its end. `before` runs in the new process first."""
    done = subprocess.run(
        [*command, *map(str, arguments)],
        env=person_environment(**environment or {}),
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_S,
        preexec_fn=before,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def start_nibble(*arguments: object, command: Sequence[str] = COMMAND) -> subprocess.Popen[str]:
    """Starts a command that a test will disturb."""
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        env=person_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=hear_interrupts if os.name == "posix" else None,
    )


def hear_interrupts() -> None:
    """For a new process: who is started in the background by a script does not hear Ctrl+C, nor do those it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def obey_permissions() -> None:
    """Makes root subject to file permissions like anybody else (Linux): without it they mean nothing."""
    if os.geteuid() != 0:
        return
    drop_from_bounding_set, dac_override, dac_read_search = 24, 1, 2  # linux/prctl.h, linux/capability.h
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (dac_override, dac_read_search):
        if libc.prctl(drop_from_bounding_set, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
