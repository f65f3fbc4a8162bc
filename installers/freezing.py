"""The frozen program: PyInstaller's one-folder of it, with the runtime packs that go along."""

from __future__ import annotations

from pathlib import Path

from installers.faults import BuildFault
from installers.release import Release


def freeze(release: Release, packs: Path | None, out: Path, *, native_runtime: bool) -> Path:
    """The folder (on macOS the .app) that was made inside `out`. Raises BuildFault."""
    raise BuildFault("The program cannot be frozen yet.")
