"""Which system and processor this Python is for, in the words of manifests."""

from __future__ import annotations

import platform
import sys

_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}


def this_system() -> str:
    """ "linux", "macos" or "windows"; of another system its own word."""
    return _SYSTEMS.get(sys.platform, sys.platform)


def this_machine() -> str:
    """ "x86_64" or "arm64"; of another processor its own word."""
    machine = platform.machine().lower()
    return _MACHINES.get(machine, machine)
