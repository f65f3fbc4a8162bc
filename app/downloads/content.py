"""What a file holds, as the Hub names it, and the computation of that digest while the file is read."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_HEX = re.compile(r"[0-9a-f]+")
_KINDS = {64: "SHA-256", 40: "Git SHA-1"}


@dataclass(frozen=True, slots=True)
class Content:
    """`size` bytes; `etag` is their digest: SHA-256 of large files (Git LFS), else Git's SHA-1 of a blob object."""

    size: int
    etag: str

    def __str__(self) -> str:
        return f"{self.size} bytes with {kind_of(self.etag) or 'ETag'} {self.etag[:80]}"

    def hasher(self) -> hashlib._Hash:
        """To be fed with the file's bytes in order."""
        if kind_of(self.etag) == "SHA-256":
            return hashlib.sha256()
        # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects, "Object Storage"
        return hashlib.sha1(f"blob {self.size}\0".encode(), usedforsecurity=False)


def kind_of(etag: str) -> str | None:
    """Which digest it is; None where it is none, as on servers that are not the Hub."""
    return _KINDS.get(len(etag)) if _HEX.fullmatch(etag) else None
