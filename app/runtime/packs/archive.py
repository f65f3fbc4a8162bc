"""Unpacking the archive of a runtime pack, which is hostile until each of its files is known to be what it should.

A pack is a tar.gz with one folder in it, or with the files of that folder. Only plain files come out, only those that
its manifest lists, each no larger than it says and with the digest it says. What is read of the archive at once is
limited, so that neither headers nor contents can fill memory or disk.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, cast

from app.core.errors import DamagedPack, WrongChoice, from_os_error
from app.core.jobs import CancelToken
from app.downloads.targets import target_of
from app.runtime.packs.contents import PackFile
from app.runtime.packs.manifest import PackContents, read_contents
from app.runtime.packs.offered import OfferedPack
from app.runtime.packs.pack import MANIFEST, MANIFEST_LIMIT_BYTES
from app.storage.atomic import flush_folder

MOST_MEMBERS = 4096
_HEADER_BYTES = 1 << 18
"""Of one member, with its long names and what tarfile reads ahead."""
_PIECE_BYTES = 1 << 17
_COMPRESSED_PIECE_BYTES = 1 << 16

Tell = Callable[[int], None]
"""How many bytes have been unpacked."""


def unpack(archive: Path, pack: OfferedPack, folder: Path, cancel: CancelToken, tell: Tell) -> None:
    """Into `folder`, which must be there and empty; its manifest last, and everything flushed to disk.

    Raises DamagedPack for an archive that is not this pack's, DiskFull and other faults of reading and writing, and
    Cancelled.
    """
    try:
        with archive.open("rb") as file:
            told, prefix = _find_manifest(file, pack)
            contents = read_contents(told)
            _require(contents, pack)
            file.seek(0)
            _Unpacking(contents, told, prefix, folder, cancel, tell).run(file)
    except OSError as error:
        raise from_os_error(error, folder, writing=True) from error


def _find_manifest(file: BufferedReader, pack: OfferedPack) -> tuple[bytes, PurePosixPath]:
    """Its text, and the folder of the archive that it is in."""
    with _members(file, max(pack.unpacked_bytes, MANIFEST_LIMIT_BYTES)) as members:
        for member, tar in members:
            path = _path_of(member)
            if path.name == MANIFEST and len(path.parts) <= 2:
                if member.size > MANIFEST_LIMIT_BYTES:
                    raise _damaged(f"its {MANIFEST} is too large")
                return _read(tar, member), path.parent
    raise _damaged(f"it has no {MANIFEST}")


def _require(contents: PackContents, pack: OfferedPack) -> None:
    """Raises DamagedPack where they are another pack's, or have names that some system cannot have."""
    wanted = {
        "name": pack.title,
        "backend": pack.backend,
        "system": pack.system,
        "machine": pack.machine,
        "version": pack.version,
    }
    for fact, value in wanted.items():
        if getattr(contents, fact) != value:
            raise _damaged(f"its {fact} is {getattr(contents, fact)!r} and should be {value!r}")
    if sum(file.size_bytes for file in contents.files) > pack.unpacked_bytes:
        raise _damaged("its files are larger than was announced")
    paths = [PurePosixPath(file.path) for file in contents.files]
    for file in contents.files:
        try:
            target_of(Path(), file.path)
        except WrongChoice:
            raise _damaged(f"it lists a file with a name that is not safe, {file.path[:80]!r}") from None
    # Whether it is so on this disk or not: a pack is the same on each.
    names = {str(path).casefold() for path in paths}
    folders = {str(parent).casefold() for path in paths for parent in path.parents}
    if len(names) != len(paths) or names & folders or MANIFEST in names:
        raise _damaged("it lists a file twice")


class _Unpacking:
    def __init__(
        self,
        contents: PackContents,
        manifest: bytes,
        prefix: PurePosixPath,
        folder: Path,
        cancel: CancelToken,
        tell: Tell,
    ) -> None:
        self._missing = {str(PurePosixPath(file.path)): file for file in contents.files}
        self._largest = max((file.size_bytes for file in contents.files), default=0)
        self._manifest: bytes | None = manifest
        self._prefix = prefix
        self._folder = folder
        self._cancel = cancel
        self._tell = tell
        self._done_bytes = 0

    def run(self, file: BufferedReader) -> None:
        manifest = self._manifest
        assert manifest is not None
        with _members(file, self._largest + MANIFEST_LIMIT_BYTES) as members:
            for member, tar in members:
                self._take(member, tar)
        if self._missing:
            raise _damaged(f"{next(iter(self._missing))} is missing")
        self._write(self._folder / MANIFEST, iter([manifest]))
        for each in (*(path for path in self._folder.rglob("*") if path.is_dir()), self._folder):
            flush_folder(each)

    def _take(self, member: tarfile.TarInfo, tar: tarfile.TarFile) -> None:
        self._cancel.raise_if_cancelled()
        path = _path_of(member)
        if member.isdir():
            return  # those that files are in are made with them
        if not path.is_relative_to(self._prefix):
            raise _damaged(f"{member.name[:80]!r} is outside of its folder")
        name = str(path.relative_to(self._prefix))
        if name == MANIFEST and self._manifest is not None:
            if _read(tar, member) != self._manifest:
                raise _damaged(f"it has another {MANIFEST}")
            self._manifest = None
            return
        wanted = self._missing.pop(name, None)
        if wanted is None:
            raise _damaged(f"{member.name[:80]!r} is not in its list, or is there twice")
        if member.size != wanted.size_bytes:
            raise _damaged(f"{name} has {member.size} bytes and should have {wanted.size_bytes}")
        self._unpack(tar, member, wanted)

    def _unpack(self, tar: tarfile.TarFile, member: tarfile.TarInfo, wanted: PackFile) -> None:
        target = target_of(self._folder, wanted.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            for piece in _pieces(tar, member):
                self._cancel.raise_if_cancelled()
                digest.update(piece)
                yield piece
                self._done_bytes += len(piece)
                self._tell(self._done_bytes)

        self._write(target, pieces())
        if digest.hexdigest() != wanted.sha256:
            raise _damaged(f"the SHA-256 of {wanted.path} is not the one in its list")

    def _write(self, target: Path, pieces: Iterator[bytes]) -> None:
        with target.open("xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def _members(
    file: BufferedReader, largest: int
) -> Iterator[Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]]:
    """Plain files and folders, none of them larger than `largest`; raises DamagedPack for anything else."""
    source = _Unzipped(file)

    def walk(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
        for _ in range(MOST_MEMBERS):
            member = tar.next()
            if member is None:
                return
            if member.sparse is not None or member.type not in (
                tarfile.REGTYPE,
                tarfile.AREGTYPE,
                tarfile.DIRTYPE,
            ):
                raise _damaged(f"{member.name[:80]!r} is no plain file")
            if not 0 <= member.size <= largest:
                raise _damaged(f"{member.name[:80]!r} is too large")
            source.allow(member.size + _HEADER_BYTES)
            yield member, tar
        raise _damaged(f"it has more than {MOST_MEMBERS} entries")

    try:
        source.allow(_HEADER_BYTES)
        with tarfile.open(fileobj=cast(IO[bytes], source), mode="r|", bufsize=_PIECE_BYTES) as tar:
            yield walk(tar)
    except (tarfile.TarError, zlib.error, EOFError, ValueError, RecursionError, OverflowError):
        raise _damaged("it cannot be read") from None


class _Unzipped:
    """What a gzip file holds, read once; no more at a time than was allowed, whatever a header asks for."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._inflating = zlib.decompressobj(wbits=31)
        self._allowed = 0

    def allow(self, count: int) -> None:
        self._allowed = count

    def read(self, count: int) -> bytes:
        self._allowed -= count
        if self._allowed < 0:
            raise _damaged("its headers are too large")
        found = bytearray()
        while len(found) < count and not self._inflating.eof:
            packed = self._inflating.unconsumed_tail or self._file.read(_COMPRESSED_PIECE_BYTES)
            if not packed:
                break
            found += self._inflating.decompress(packed, count - len(found))
        return bytes(found)


def _path_of(member: tarfile.TarInfo) -> PurePosixPath:
    """Raises DamagedPack for one that leads out of the archive, or means something else on another system."""
    path = PurePosixPath(member.name)
    if path.parts:  # "." itself is a folder that many archives begin with
        try:
            target_of(Path(), str(path))
        except WrongChoice:
            raise _damaged(f"it has a name that is not safe, {member.name[:80]!r}") from None
    return path


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > MANIFEST_LIMIT_BYTES:
        raise _damaged(f"its {MANIFEST} is too large")
    return b"".join(_pieces(tar, member))


def _pieces(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    source = tar.extractfile(member)
    if source is None:
        raise _damaged(f"{member.name[:80]!r} is no plain file")
    left = member.size
    while left:
        piece = source.read(min(_PIECE_BYTES, left))
        if not piece:
            raise _damaged(f"it ends inside {member.name[:80]!r}")
        left -= len(piece)
        yield piece


def _damaged(why: str) -> DamagedPack:
    return DamagedPack(
        f"The archive of this runtime pack cannot be used: {why}.",
        "Nothing of it was used. Get a newer Nibble, or report it to its makers.",
    )
