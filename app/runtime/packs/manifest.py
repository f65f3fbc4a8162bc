"""What a runtime pack says it consists of: the part of its manifest that an archive is checked against."""

from __future__ import annotations

import msgspec

from app.core.errors import DamagedPack
from app.runtime.packs.contents import PackFile
from app.runtime.packs.pack import MANIFEST


class PackContents(msgspec.Struct, frozen=True):
    """`files`: all but the manifest itself."""

    name: str
    backend: str
    version: str
    system: str
    machine: str
    files: tuple[PackFile, ...]


def read_contents(manifest: bytes) -> PackContents:
    """Raises DamagedPack."""
    try:
        contents = msgspec.json.decode(manifest, type=PackContents)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _damaged() from None
    if any(file.size_bytes < 0 for file in contents.files):
        raise _damaged()
    return contents


def _damaged() -> DamagedPack:
    return DamagedPack(
        f"The archive of this runtime pack cannot be used: its description, {MANIFEST}, is damaged.",
        "Nothing of it was used. Get a newer Nibble, or report it to its makers.",
    )
