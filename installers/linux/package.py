"""What a target for Linux is made of, from the frozen program."""

from __future__ import annotations

from pathlib import Path

from installers.commands import require
from installers.linux.debian import write_package
from installers.linux.portable import write_archive
from installers.release import Release


def require_tools(release: Release) -> None:
    """Raises BuildFault."""
    if release.target == "linux-deb":
        require("dpkg-deb", "dpkg-shlibdeps", "objdump")


def package(program: Path, out: Path, release: Release) -> list[Path]:
    """Raises BuildFault."""
    if release.target == "linux-deb":
        return [write_package(program, out, release)]
    return [write_archive(program, out, release)]
