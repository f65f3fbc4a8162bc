"""What is being built: one version of Nibble for one target, as `pyproject.toml` and this machine say."""

from __future__ import annotations

import os
import subprocess
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installers.faults import BuildFault
from kernels.native import computer

ROOT = Path(__file__).parents[1]
"""Of the checkout."""

TARGETS = {
    "linux-deb": "linux",
    "linux-portable": "linux",
    "macos-dmg": "macos",
    "windows-installer": "windows",
    "windows-portable": "windows",
}
"""Each with the system on which it is built, called as in a pack's manifest."""

NAME = "Nibble"
COMMAND = "nibble"
IDENTIFIER = "app.nibble.Nibble"
PUBLISHER = "The Nibble developers"

_MACHINES = ("x86_64", "arm64")


@dataclass(frozen=True)
class Release:
    """`target`: one of TARGETS. `machine`: "x86_64" or "arm64". `identifier`: in reverse domain notation, as macOS and
    desktop environments want it. `homepage` and `description` (one sentence) are those of the project. `licence`: an
    SPDX expression. `made_at`: in seconds since 1970; files that are written bear this time, so that the same checkout
    gives the same package."""

    target: str
    name: str
    command: str
    version: str
    machine: str
    publisher: str
    identifier: str
    homepage: str
    description: str
    licence: str
    made_at: int

    @property
    def system(self) -> str:
        return TARGETS[self.target]

    @property
    def file_stem(self) -> str:
        """What the names of its files begin with, as in "nibble-0.1.0-linux-x86_64"."""
        return f"{self.command}-{self.version}-{self.system}-{self.machine}"


def read_release(target: str, root: Path = ROOT) -> Release:
    """The release of the checkout at `root`, for this machine. Raises BuildFault where `pyproject.toml` lacks something
    or the machine is none that Nibble is built for."""
    project = read_project(root)
    try:
        return Release(
            target=target,
            name=NAME,
            command=COMMAND,
            version=project["version"],
            machine=this_machine(),
            publisher=PUBLISHER,
            identifier=IDENTIFIER,
            homepage=project["urls"]["Homepage"],
            description=project["description"],
            licence=project["license"],
            made_at=_made_at(root),
        )
    except KeyError as error:
        raise BuildFault(f"pyproject.toml does not say the project's {error.args[0]}.") from error


def read_project(root: Path = ROOT) -> dict[str, Any]:
    """What `pyproject.toml` says of the project. Raises BuildFault."""
    try:
        project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))[
            "project"
        ]
    except OSError as error:
        raise BuildFault(f"pyproject.toml cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise BuildFault(f"pyproject.toml describes no project: {error}.") from error
    return project


def this_system() -> str:
    """ "linux", "macos" or "windows". Raises BuildFault elsewhere."""
    system = computer.this_system()
    if system not in TARGETS.values():
        raise BuildFault(f"Nibble is not built on {system}.")
    return system


def this_machine() -> str:
    """ "x86_64" or "arm64": what this Python is for. Raises BuildFault elsewhere."""
    machine = computer.this_machine()
    if machine not in _MACHINES:
        raise BuildFault(f"Nibble is not built for processors called {machine}.")
    return machine


def _made_at(root: Path) -> int:
    """As reproducible-builds.org/specs/source-date-epoch has it; without, the time of the last commit, or now."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given:
        if not given.isascii() or not given.isdecimal():
            raise BuildFault(f"SOURCE_DATE_EPOCH is no number of seconds: {given}.")
        return int(given)
    try:
        last = subprocess.run(
            ["git", "-C", str(root), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=True
        )
        return int(last.stdout)
    except (OSError, subprocess.CalledProcessError, ValueError):
        return int(time.time())
