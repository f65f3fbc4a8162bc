"""A runtime pack: a folder of libraries and what its manifest says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from app.runtime.fingerprint import fingerprint_of
from app.runtime.packs.computer import kind_of_computer, this_machine, this_system
from app.runtime.packs.contents import PackFile, damage
from app.runtime.packs.drivers import drivers
from app.runtime.rpc_servers import rpc_servers

MANIFEST = "pack.json"
MANIFEST_LIMIT_BYTES = 1 << 16

_ORDER = ("cuda", "metal", "rocm", "hip", "sycl", "musa", "cann", "vulkan", "opencl", "rpc", "cpu")
"""Faster ones first, where a computer can use several."""


class _Manifest(msgspec.Struct, frozen=True):
    """`version`: of llama-cpp-python, from whose source archive the libraries were built. `system` and `machine`: what
    they were built for, empty where it does not say. Whatever else `kernels/native` writes is for people."""

    name: str
    backend: str
    version: str
    system: str = ""
    machine: str = ""
    files: tuple[PackFile, ...] = ()


@dataclass(frozen=True)
class Pack:
    """`backend` in lower case, as in "cuda". `folder` None: the build inside llama-cpp-python.

    `flaw`: why it cannot even be tried; empty where nothing speaks against it. `files`: what it should be made of, none
    where its manifest does not say.
    """

    name: str
    backend: str
    version: str
    folder: Path | None
    flaw: str = ""
    files: tuple[PackFile, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What a worker needs to run on it."""
        return {"LLAMA_CPP_LIB_PATH": str(self.folder)} if self.folder is not None else {}

    def damage(self) -> str:
        """What is wrong with its files, as a sentence; empty where nothing is. Reads them all."""
        return damage(self.folder, self.files) if self.folder is not None else ""

    def fingerprint(self) -> str:
        return fingerprint_of(self.folder)

    def stamp(self) -> str:
        """Changes with its files, the drivers of this computer, the bindings, and the servers that a person names: then
        it may be tried again."""
        digest = hashlib.sha256(self.fingerprint().encode())
        for fact in (bindings_version(), *drivers(), *rpc_servers()):
            digest.update(f"\n{fact}".encode(errors="backslashreplace"))
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
    return Pack(
        manifest.name, manifest.backend.lower(), manifest.version, folder, _flaw(manifest), manifest.files
    )


def _flaw(manifest: _Manifest) -> str:
    system, machine = manifest.system or this_system(), manifest.machine or this_machine()
    if (system, machine) != (this_system(), this_machine()):
        here = kind_of_computer(this_system(), this_machine())
        return f"It was built for {kind_of_computer(system, machine)}; this Nibble is for {here}."
    if manifest.version != bindings_version():
        return f"It was built from llama-cpp-python {manifest.version}; this Nibble works with {bindings_version()}."
    return ""


def rank_of(backend: str) -> int:
    """Smaller for faster ones."""
    return _ORDER.index(backend) if backend in _ORDER else len(_ORDER) - 2
