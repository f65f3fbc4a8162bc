"""Which packs this computer can use: its system and processor, as manifests name them."""

from __future__ import annotations

import platform
import sys

_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
_WORDS = {"linux": "Linux", "macos": "macOS", "windows": "Windows", "x86_64": "x86-64", "arm64": "ARM"}


def this_system() -> str:
    """ "linux", "macos" or "windows"; of another system its own word."""
    return _SYSTEMS.get(sys.platform, sys.platform)


def this_machine() -> str:
    """ "x86_64" or "arm64": what the program is built for, where the processor can run both; else its own word."""
    machine = platform.machine().lower()
    return _MACHINES.get(machine, machine)


def kind_of_computer(system: str, machine: str) -> str:
    """For people, as in "Linux on x86-64"."""
    return f"{_WORDS.get(system, system)} on {_WORDS.get(machine, machine)}"
