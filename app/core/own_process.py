"""This application, started again as a process of its own for one task."""

from __future__ import annotations

import sys


def own_command(argument: str) -> list[str]:
    """How the application starts itself with `argument`, from source and frozen."""
    if getattr(sys, "frozen", False):
        return [sys.executable, argument]
    # -P: the current folder is not searched for modules, whatever lies in it.
    return [sys.executable, "-P", "-m", "app", argument]
