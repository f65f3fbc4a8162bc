"""The guide's checkpoint as the installation brings it: is it there, is it whole, and which one is it?"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

import resources
from app.core.errors import EnvironmentFault, GuideDamaged
from app.core.jobs import JobControl

SUMS = "SHA256SUMS"
WEIGHTS = "model.safetensors"
REQUIRED = frozenset({WEIGHTS, "config.json", "tokenizer.model", "tokenizer_config.json"})
RECIPE = 1
"""Counted up when the same checkpoint is to become other GGUF files than before."""

_LINE = re.compile(r"(?P<digest>[0-9a-f]{64}) [ *](?P<name>[\w.-]+)")
_MOST_HEADER_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 20


def guide_fault(checkpoint: Path | None = None) -> EnvironmentFault | None:
    """What speaks against making the guide from `checkpoint`, by default the installation's; a matter of milliseconds.

    Sees files that are missing, denied or cut off; a change inside a file is seen when it is made.
    """
    folder = checkpoint or resources.guide_checkpoint()
    sums = _sums(folder)
    if sums is None:
        return _without_sums(folder)
    flawed = [name for name in sums if not _looks_whole(folder / name)]
    return _damaged(flawed) if flawed else None


def require_whole(checkpoint: Path, control: JobControl) -> str:
    """Holds every file against its SHA-256; returns the identity. Raises GuideDamaged and Cancelled."""
    sums = _sums(checkpoint)
    if sums is None:
        raise _without_sums(checkpoint)
    flawed = []
    for number, (name, digest) in enumerate(sums.items()):
        control.progress("Checking the guide", number, len(sums), "files")
        if _digest(checkpoint / name, control) != digest:
            flawed.append(name)
    if flawed:
        raise _damaged(flawed)
    return _identity(sums)


def identity(checkpoint: Path) -> str | None:
    """Changes with the checkpoint and with how its files are made; None where its sums cannot be read."""
    sums = _sums(checkpoint)
    return None if sums is None else _identity(sums)


def _identity(sums: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps([RECIPE, sorted(sums.items())]).encode()).hexdigest()


def _sums(checkpoint: Path) -> dict[str, str] | None:
    """The SHA-256 of each file as `sha256sum` has written them; None where that file is not whole."""
    try:
        lines = (checkpoint / SUMS).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    entries = [_LINE.fullmatch(line) for line in lines]
    sums = {entry["name"]: entry["digest"] for entry in entries if entry}
    return sums if len(sums) == len(lines) and sums.keys() >= REQUIRED else None


def _looks_whole(path: Path) -> bool:
    try:
        if path.name != WEIGHTS:
            return bool(path.read_bytes())
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= _MOST_HEADER_BYTES:
                return False
            header = json.loads(file.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return bool(path.stat().st_size == 8 + length + max(ends))
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return False


def _digest(path: Path, control: JobControl) -> str | None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                control.cancel.raise_if_cancelled()
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


def _without_sums(checkpoint: Path) -> GuideDamaged:
    return _damaged([SUMS if checkpoint.is_dir() else str(checkpoint)])


def _damaged(names: Iterable[str]) -> GuideDamaged:
    return GuideDamaged(
        f"Nibble's built-in model is damaged or missing ({', '.join(names)}).",
        "Everything else works. Install Nibble again to get it back.",
    )
