"""A runtime pack: a folder of libraries and what its manifest says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from app.runtime.fingerprint import fingerprint_of
from app.runtime.packs.drivers import drivers

MANIFEST = "pack.json"
MANIFEST_LIMIT_BYTES = 1 << 16

_ORDER = ("cuda", "metal", "rocm", "hip", "sycl", "musa", "cann", "vulkan", "opencl", "rpc", "cpu")
"""Faster ones first, where a computer can use several."""


class _Manifest(msgspec.Struct, frozen=True):
    """`version`: of llama-cpp-python, from whose source archive the libraries were built."""

    name: str
    backend: str
    version: str


@dataclass(frozen=True)
class Pack:
    """`backend` in lower case, as in "cuda". `folder` None: the build inside llama-cpp-python.

    `flaw`: why it cannot even be tried; empty where nothing speaks against it.
    """

    name: str
    backend: str
    version: str
    folder: Path | None
    flaw: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What a worker needs to run on it."""
        return {"LLAMA_CPP_LIB_PATH": str(self.folder)} if self.folder is not None else {}

    def fingerprint(self) -> str:
        return fingerprint_of(self.folder)

    def stamp(self) -> str:
        """Changes with its files, the drivers of this computer and the bindings: then it may be tried again."""
        digest = hashlib.sha256(self.fingerprint().encode())
        for fact in (bindings_version(), *drivers()):
            digest.update(f"\n{fact}".encode())
        return digest.hexdigest()


def plain_pack() -> Pack:
    return Pack("Plain", "cpu", bindings_version(), None)


def find_packs(places: Iterable[Path]) -> list[Pack]:
    """Those in folders inside `places`, the best first, and at last the plain one."""
    found = [
        pack
        for place in places
        if place.is_dir()
        for folder in sorted(place.iterdir())
        if not folder.name.startswith(".")  # what is being unpacked, or on its way out (see `place`)
        and (pack := _read_pack(folder)) is not None
    ]
    return [*sorted(found, key=lambda pack: rank_of(pack.backend)), plain_pack()]


def bindings_version() -> str:
    return version("llama-cpp-python")


def _read_pack(folder: Path) -> Pack | None:
    """None where there is no manifest."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            content = file.read(MANIFEST_LIMIT_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Pack(
            folder.name, "", "", folder, f"Its description cannot be read: {error.strerror or error}."
        )
    try:
        manifest = msgspec.json.decode(content, type=_Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Pack(folder.name, "", "", folder, f"Its description, {MANIFEST}, is damaged.")
    flaw = ""
    if manifest.version != bindings_version():
        flaw = f"It was built from llama-cpp-python {manifest.version}; this Nibble works with {bindings_version()}."
    return Pack(manifest.name, manifest.backend.lower(), manifest.version, folder, flaw)


def rank_of(backend: str) -> int:
    """Smaller for faster ones."""
    return _ORDER.index(backend) if backend in _ORDER else len(_ORDER) - 2
