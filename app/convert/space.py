"""Whether a disk has room for what is about to be written."""

from __future__ import annotations

import shutil
from pathlib import Path

from app.core.errors import DiskFull
from app.core.units import format_bytes


def require_space(folder: Path, expected_bytes: int, what: str) -> None:
    """Raises DiskFull unless `folder`'s disk has as much free as `what` will take."""
    free = shutil.disk_usage(folder).free
    if free < expected_bytes:
        raise DiskFull(
            f"{what} of this model takes about {format_bytes(expected_bytes)}; "
            f"{folder} has {format_bytes(free)} free.",
            "Free some space or choose another folder.",
        )
