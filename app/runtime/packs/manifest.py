"""What a runtime pack says it consists of: the part of its manifest that an archive is checked against."""

from __future__ import annotations

from typing import Annotated

import msgspec

from app.core.errors import DamagedPack
from app.runtime.packs.pack import MANIFEST

Size = Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]


class PackFile(msgspec.Struct, frozen=True):
    """`path` with slashes, below the pack's folder."""

    path: str
    bytes: Size
    sha256: str


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
        return msgspec.json.decode(manifest, type=PackContents)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise DamagedPack(
            f"The archive of this runtime pack cannot be used: its description, {MANIFEST}, is damaged.",
            "Nothing of it was used. Get a newer Nibble, or report it to its makers.",
        ) from None
