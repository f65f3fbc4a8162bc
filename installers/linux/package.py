"""What a target for Linux is made of, from the frozen program."""

from __future__ import annotations

from pathlib import Path

from installers.faults import BuildFault
from installers.release import Release


def package(program: Path, out: Path, release: Release) -> list[Path]:
    """Raises BuildFault."""
    raise BuildFault(f"{release.target} cannot be made yet.")
