"""The kinds of places where programs keep things, by operating system."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

_KINDS = {
    "linux": {
        "data": ("XDG_DATA_HOME", "{home}/.local/share"),
        "local_data": ("XDG_DATA_HOME", "{home}/.local/share"),
        "config": ("XDG_CONFIG_HOME", "{home}/.config"),
        "cache": ("XDG_CACHE_HOME", "{home}/.cache"),
    },
    "darwin": {
        "data": ("", "{home}/Library/Application Support"),
        "local_data": ("", "{home}/Library/Application Support"),
        "config": ("", "{home}/.config"),
        "cache": ("", "{home}/Library/Caches"),
    },
    "win32": {
        "data": ("APPDATA", "{home}/AppData/Roaming"),
        "local_data": ("LOCALAPPDATA", "{home}/AppData/Local"),
        "config": ("APPDATA", "{home}/AppData/Roaming"),
        "cache": ("LOCALAPPDATA", "{home}/AppData/Local"),
    },
}
"""For each kind of place the variable that moves it, and where it is without."""


@dataclass(frozen=True)
class System:
    """`platform` as `sys.platform` has it; `home` is the person's folder."""

    platform: str
    home: str
    environment: Mapping[str, str]

    def place(self, pattern: str) -> str:
        """`{cache}/huggingface` -> the path; also {home}, {data}, {local_data} and {config}."""
        kinds = _KINDS.get(self.platform, _KINDS["linux"])
        values = {
            kind: self.environment.get(variable) or default.format(home=self.home)
            for kind, (variable, default) in kinds.items()
        }
        return pattern.format(home=self.home, **values)

    def expanded(self, path: str) -> str:
        """A path as a person wrote it: `~` and `$HOME` stand for their folder."""
        path = path.strip().strip("\"'")
        for mark in ("~", "$HOME"):
            if path == mark or path.startswith((f"{mark}/", f"{mark}\\")):
                return self.home + path[len(mark) :]
        return path


def this_system() -> System:
    return System(sys.platform, os.path.expanduser("~"), os.environ)
