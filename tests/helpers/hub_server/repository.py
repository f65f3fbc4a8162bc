"""Repositories as plain data, and what the Hub makes of a file: its digests, its commit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

LFS_SUFFIXES = (".gguf", ".safetensors", ".bin", ".pt", ".pth", ".dat", ".imatrix", ".model", ".zip")


@dataclass(frozen=True)
class Hole:
    """A large file that is not there: `head`, then zeros up to `size` bytes."""

    head: bytes
    size: int


Content = bytes | Path | Hole


class StoredFile:
    """One version of a file."""

    def __init__(self, path: str, content: Content) -> None:
        self.path = path
        self._content = content
        self.size = len(content) if isinstance(content, bytes) else self._size(content)
        self.is_lfs = path.lower().endswith(LFS_SUFFIXES)

    @staticmethod
    def _size(content: Path | Hole) -> int:
        return content.size if isinstance(content, Hole) else content.stat().st_size

    def read(self, offset: int, size: int) -> bytes:
        size = max(min(size, self.size - offset), 0)
        match self._content:
            case bytes():
                return self._content[offset : offset + size]
            case Hole():
                head = self._content.head[offset : offset + size]
                return head + bytes(size - len(head))
            case Path():
                with self._content.open("rb") as file:
                    file.seek(offset)
                    return file.read(size)

    @cached_property
    def sha256(self) -> str:
        """Of a hole, which nobody downloads, the digest of its head."""
        if isinstance(self._content, Path):
            with self._content.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        return hashlib.sha256(
            self._content if isinstance(self._content, bytes) else self._content.head
        ).hexdigest()

    @cached_property
    def blob_id(self) -> str:
        """What Git has: of a large file, its pointer."""
        content = self.pointer if self.is_lfs else self.read(0, self.size)
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def pointer(self) -> bytes:
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_lfs else self.blob_id


@dataclass
class Repository:
    """`files` by path; `facts` go as they are into what the API tells (likes, gguf, config, ...). The commit is another
    one as soon as a file is, but for a `kept_commit`, as of a mirror that is behind.

    `gated`: False, "auto" or "manual". Who may read a gated or private one, `HubServer.add_user` says.
    """

    id: str
    files: dict[str, Content] = field(default_factory=dict)
    gated: bool | str = False
    private: bool = False
    tags: list[str] = field(default_factory=list)
    downloads: int = 0
    likes: int = 0
    trending: int = 0
    created: str = "2025-03-12T06:28:34.000Z"
    modified: str = "2025-05-21T15:38:00.000Z"
    facts: dict[str, Any] = field(default_factory=dict)
    kept_commit: str = ""

    def __post_init__(self) -> None:
        self._stored: dict[str, tuple[Content, StoredFile]] = {}

    @property
    def author(self) -> str:
        return self.id.partition("/")[0]

    @property
    def commit(self) -> str:
        if self.kept_commit:
            return self.kept_commit
        told = "".join(f"{path}\n{self.stored(path).blob_id}\n" for path in sorted(self.files))
        return hashlib.sha1(told.encode(errors="surrogatepass")).hexdigest()

    def stored(self, path: str) -> StoredFile:
        """Raises KeyError."""
        content = self.files[path]
        known = self._stored.get(path)
        if known is None or known[0] is not content:
            known = self._stored[path] = (content, StoredFile(path, content))
        return known[1]
