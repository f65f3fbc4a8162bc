"""Sizes kept on disk: the whole catalogue takes seconds to work out, and only another Nibble finds anything else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

import app
from app.recommend.catalogue import CatalogueModel
from app.recommend.sizes import Size, Sizes, Space
from app.runtime.protocol import LoadSettings
from app.storage import DataFolder
from app.storage.atomic import write_atomically

_ROOMS = ("gguf", "memory", "recommend")
"""What sizes are worked out with."""

_MOST_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class _Entry:
    quantizations: tuple[Size, ...]
    spaces: tuple[tuple[LoadSettings, Space], ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    maker: str
    entries: dict[str, _Entry]


SIZES_FILE = "sizes.msgpack"


def kept_file(data: DataFolder) -> Path:
    return data.cache / SIZES_FILE


class KeptSizes:
    """What a file holds, by the geometry's key. Nothing where there is no such file, it is damaged, or another Nibble
    wrote it."""

    def __init__(self, path: Path) -> None:
        self._entries = _read(path)

    def of(self, key: str, model: CatalogueModel) -> Sizes | None:
        entry = self._entries.get(key)
        return Sizes(model, entry.quantizations, entry.spaces) if entry is not None else None


def keep_sizes(sizes: Mapping[str, Sizes], path: Path) -> None:
    """Raises DiskFull, NotAllowed, FileGone where the folder is missing, or UnreadableFile."""
    entries = {key: _Entry(each.quantizations, each.spaces) for key, each in sizes.items()}
    write_atomically(path, msgspec.msgpack.encode(_Kept(maker(), entries)))


def _read(path: Path) -> Mapping[str, _Entry]:
    try:
        with path.open("rb") as file:
            kept = msgspec.msgpack.decode(file.read(_MOST_BYTES), type=_Kept)
    except (OSError, msgspec.DecodeError):
        return {}
    return kept.entries if kept.maker == maker() else {}


def maker() -> str:
    """Another for every Nibble that may count differently; in a checkout for every change of the code."""
    digest = hashlib.sha256(app.__version__.encode())
    for room in _ROOMS:
        for source in sorted((Path(app.__file__).parent / room).rglob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()
