"""What the library's models take in memory, remembered in the cache: of thousands it takes half a minute to count."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.core.errors import EnvironmentFault
from app.gguf import read_facts
from app.library.stamp import part_files, stamp_of
from app.recommend.kept_sizes import maker
from app.recommend.need import Need, need_of
from app.runtime.protocol import LoadSettings
from app.storage import DataFolder
from app.storage.atomic import write_atomically

NEEDS_FILE = "library_needs.msgpack"
_MOST_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class _Kept:
    maker: str
    context: int
    needs: dict[str, Need]


class KnownNeeds:
    """For a context of so many tokens, or as many as a model takes; counted again where a file is not as it was."""

    def __init__(self, data: DataFolder, context: int) -> None:
        self._file = data.cache / NEEDS_FILE
        self._context = context
        self._maker = maker()
        self._known = self._read()
        self._asked: dict[str, Need] = {}
        self._has_learnt = False

    def of(self, path: Path) -> tuple[Need | None, bool]:
        """Of the model at `path`, None where it cannot be read any more; and whether it had to be counted anew."""
        try:
            key = _key(path)
            need = self._known.get(key)
            is_new = need is None
            if need is None:
                facts = read_facts(path)
                length = min(self._context, facts.context_length or self._context)
                need = need_of(facts, LoadSettings(context_length=length))
                self._has_learnt = True
        except (OSError, EnvironmentFault):
            return None, False
        self._known[key] = self._asked[key] = need
        return need, is_new

    def keep(self) -> None:
        """Those that were asked for, for the next start; a cache that cannot be written costs that and nothing else."""
        if self._has_learnt:
            self._has_learnt = False
            content = msgspec.msgpack.encode(_Kept(self._maker, self._context, self._asked))
            with suppress(EnvironmentFault):
                write_atomically(self._file, content)

    def _read(self) -> dict[str, Need]:
        try:
            with self._file.open("rb") as file:
                kept = msgspec.msgpack.decode(file.read(_MOST_BYTES), type=_Kept)
        except (OSError, msgspec.DecodeError):
            return {}
        return kept.needs if (kept.maker, kept.context) == (self._maker, self._context) else {}


def _key(path: Path) -> str:
    """Another for every state of the model's files. Raises OSError."""
    files = part_files(str(path))
    content = os.fsencode(path) + b"\0" + stamp_of(map(os.stat, files))
    return hashlib.blake2b(content, digest_size=16).hexdigest()
