"""A name for what is in a model file, which stays when the file is moved or called otherwise."""

from __future__ import annotations

import hashlib
from pathlib import Path

_EDGE_BYTES = 1 << 16


def content_key(path: Path) -> str:
    """Of the file's size, its beginning (what the model says of itself) and its end (weights of its last tensor).

    No digest of the whole: reading one takes seconds for each gigabyte. Files that differ have different keys unless
    they differ in the middle only, as two trainings of one model hardly do. Of a split model, that of the first part.
    Raises OSError.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        digest = hashlib.sha256(size.to_bytes(8, "little"))
        for start in (0, max(size - _EDGE_BYTES, 0)):
            file.seek(start)
            digest.update(file.read(_EDGE_BYTES))
    return digest.hexdigest()
