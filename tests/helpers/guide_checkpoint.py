"""Checkpoints that can stand for the guide's, and `nibble` with one of them as what the installation brings."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import resources
from tests.helpers.command_line import LIMIT_S, Outcome, person_environment
from tests.helpers.tiny_checkpoint import write_tiny_checkpoint

needs_shipped_guide = pytest.mark.skipif(
    not resources.guide_checkpoint().exists(), reason="the guide's checkpoint is not in this repository yet"
)

_WITH_CHECKPOINT = """
import sys
from pathlib import Path
import resources
folder = Path(sys.argv.pop(1))
resources.guide_checkpoint = lambda: folder
from app.__main__ import main
sys.exit(main())
"""


def write_guide_checkpoint(folder: Path, seed: int = 0) -> Path:
    """A tiny one with random weights, and its sums."""
    return seal(write_tiny_checkpoint(folder, seed=seed))


def seal(folder: Path) -> Path:
    """Writes SHA256SUMS as `sha256sum` does, for the files as they are now."""
    files = [file for file in sorted(folder.iterdir()) if file.name != "SHA256SUMS"]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines))
    return folder


def command_with(checkpoint: Path) -> list[str]:
    """`nibble`, installed with this checkpoint."""
    return [sys.executable, "-P", "-c", _WITH_CHECKPOINT, str(checkpoint)]


def nibble_with(checkpoint: Path, *arguments: object, before: Callable[[], object] | None = None) -> Outcome:
    """Runs a command to its end. `before` runs in the new process first."""
    done = subprocess.run(
        [*command_with(checkpoint), *map(str, arguments)],
        env=person_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_S,
        preexec_fn=before,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def start_nibble_with(checkpoint: Path, *arguments: object) -> subprocess.Popen[str]:
    """Starts a command that a test will disturb."""
    return subprocess.Popen(
        [*command_with(checkpoint), *map(str, arguments)],
        env=person_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
